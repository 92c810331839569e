import { create } from 'zustand';
import type { LogEvent } from '../../node-core/contract/log.ts';

/** What the window keeps of the log; the host keeps the rest. */
const MAX_EVENTS = 10_000;

interface LogState {
  readonly events: readonly LogEvent[];
  append(events: readonly LogEvent[]): void;
}

/** The log, oldest line first, kept by the log feed alone. */
export const useLogStore = create<LogState>()((set) => ({
  events: [],
  append: (events) => set((state) => ({ events: mergeEvents(state.events, events) })),
}));

/** Oldest first, each id once, so that a feed that begins again repeats nothing. */
export function mergeEvents(held: readonly LogEvent[], next: readonly LogEvent[]): readonly LogEvent[] {
  const last = held.at(-1)?.id ?? -1;
  const first = next[0];
  if (first === undefined) return held;
  const all = first.id > last ? [...held, ...next] : withoutRepeats(held, next);
  return all.length > MAX_EVENTS ? all.slice(-MAX_EVENTS) : all;
}

/** A host that started anew counts its events from the beginning: then the newer list stands alone. */
function withoutRepeats(held: readonly LogEvent[], next: readonly LogEvent[]): readonly LogEvent[] {
  const known = new Map(held.map((event) => [event.id, event]));
  if (next.some((event) => known.has(event.id) && known.get(event.id)?.at !== event.at)) return next;
  for (const event of next) known.set(event.id, event);
  return [...known.values()].sort((a, b) => a.id - b.id);
}
