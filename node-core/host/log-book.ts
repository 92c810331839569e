import type { Clock } from '../base/clock.ts';
import type { StoredEvent } from '../collector/event-codec.ts';
import type { LogEntry, LogEvent } from '../contract/log.ts';

const MOST_EVENTS = 10_000;
const BATCH_MS = 100;

/** The node's events and the operator's acts, newest last; the oldest go. Readers get batches. */
export class LogBook {
  readonly #clock: Clock;
  readonly #keyOf: (nodeId: number) => string | undefined;
  readonly #events: LogEvent[] = [];
  readonly #readers = new Set<() => void>();
  /** Hears of each new line. */
  onAdded: ((event: LogEvent) => void) | undefined;
  #nextId = 1;

  /** @param keyOf - Which key has an id now: a line stays about that one. */
  constructor(clock: Clock, keyOf: (nodeId: number) => string | undefined) {
    this.#clock = clock;
    this.#keyOf = keyOf;
  }

  add(entry: LogEntry): void {
    const at = Number(this.#clock.now().unixNano / 1_000n) / 1_000;
    const nodeKey = entry.nodeId === undefined ? undefined : this.#keyOf(entry.nodeId);
    const event = { id: this.#nextId, at, ...entry, ...(nodeKey === undefined ? {} : { nodeKey }) };
    this.#events.push(event);
    this.#nextId += 1;
    if (this.#events.length > MOST_EVENTS) this.#events.splice(0, this.#events.length - MOST_EVENTS);
    for (const wake of this.#readers) wake();
    this.onAdded?.(event);
  }

  /** Puts the lines of earlier runs before those of this one; nobody has read any yet. */
  recall(earlier: readonly StoredEvent[]): void {
    const lines = [...earlier, ...this.#events].slice(-MOST_EVENTS);
    this.#events.splice(0, this.#events.length, ...lines.map((line, index) => ({ ...line, id: index + 1 })));
    this.#nextId = this.#events.length + 1;
  }

  /** The last events, then new ones. A slow reader misses what was forgotten meanwhile, never more. */
  async *watch(last: number, signal: AbortSignal): AsyncGenerator<LogEvent[], void, undefined> {
    let nextId = Math.max(1, this.#nextId - last);
    let wake: () => void = () => {};
    const notice = () => wake();
    this.#readers.add(notice);
    signal.addEventListener('abort', notice);
    try {
      yield this.#since(nextId);
      nextId = this.#nextId;
      while (!signal.aborted) {
        if (nextId === this.#nextId) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        if (signal.aborted) return;
        await new Promise((resolve) => setTimeout(resolve, BATCH_MS));
        const events = this.#since(nextId);
        nextId = this.#nextId;
        if (events.length > 0) yield events;
      }
    } finally {
      this.#readers.delete(notice);
      signal.removeEventListener('abort', notice);
    }
  }

  #since(id: number): LogEvent[] {
    const first = this.#events[0]?.id ?? this.#nextId;
    return this.#events.slice(Math.max(0, id - first));
  }
}
