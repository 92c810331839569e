import type { TraceSummary } from '../../node-core/contract/trace.ts';
import { useTraceStore } from '../stores/trace-store.ts';
import { ask } from './deck.ts';

/** Rows come into view together, and live traces grow span by span: one call answers for what came up meanwhile. */
const GATHER_MS = 300;
const MOST_AT_ONCE = 10;

const wanted = new Map<string, number>();
let reading = false;

/** Asks for the critical path of a trace in the list, unless it is known as of this many spans. */
export function wantPath({ traceId, spans }: TraceSummary): void {
  if (useTraceStore.getState().paths.get(traceId)?.spans === spans) return;
  wanted.set(traceId, spans);
  if (!reading) void readWanted();
}

/** The row is out of sight. */
export function unwantPath(traceId: string): void {
  wanted.delete(traceId);
}

async function readWanted(): Promise<void> {
  reading = true;
  while (wanted.size > 0) {
    await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
    await readSome();
  }
  reading = false;
}

/** Without an answer the cells stay empty until their rows change or come into view again. */
async function readSome(): Promise<void> {
  const asked = new Map([...wanted].slice(0, MOST_AT_ONCE));
  for (const traceId of asked.keys()) wanted.delete(traceId);
  if (asked.size === 0) return;
  const [error, paths] = await ask((deck) => deck.trace.paths({ traceIds: [...asked.keys()] }));
  if (error !== null) return;
  useTraceStore.getState().addPaths(paths.map((path) => ({ ...path, spans: asked.get(path.traceId) ?? 0 })));
}
