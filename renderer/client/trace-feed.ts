import type { Trace, TraceSummary } from '../../node-core/contract/trace.ts';
import { joinTrace } from '../../node-core/contract/trace-parts.ts';
import { formatSafeJson } from '../format/safe-text.ts';
import { chipValues, type Filter, plainText } from '../stores/filter.ts';
import { useGraphStore } from '../stores/graph-store.ts';
import { traceQueryOf, useTraceStore } from '../stores/trace-store.ts';
import { useViewStore } from '../stores/view-store.ts';
import { reasonOf, tell } from './acts.ts';
import { ask, deckClient, onDeckClient } from './deck.ts';
import { saveFile } from './download.ts';
import { followFeed } from './feed.ts';
import { FrameBatcher } from './frame-batcher.ts';

/** What the store knows better than the live tail, such as the order and the counts, is read again. */
const REREAD_MS = 10_000;

let running = new AbortController();
let asked = 0;
const live = new FrameBatcher<ReadonlyMap<string, TraceSummary>>(
  (held, next) => new Map([...held, ...next]),
  (summaries) => {
    useTraceStore.getState().addLive([...summaries.values()]);
    rereadStale([...summaries.values()]);
  },
);

/** Keeps the list of traces in step with its question, while the traces view is open. Returns how to stop. */
export function followTraces(): () => void {
  const restart = () => void restartSearch();
  const unsubscribe = [
    onDeckClient(restart),
    useTraceStore.subscribe((state, before) => state.controls !== before.controls && restart()),
    useViewStore.subscribe((state, before) => {
      if (state.pausedAt !== before.pausedAt) live.hold(state.pausedAt !== undefined);
      if (state.filter !== before.filter || state.span !== before.span) restart();
    }),
  ];
  const reread = setInterval(() => useViewStore.getState().pausedAt === undefined && void search(), REREAD_MS);
  return () => {
    clearInterval(reread);
    running.abort();
    for (const stop of unsubscribe) stop();
  };
}

/** Stops a reading that takes long; the list keeps what it had. */
export function stopSearch(): void {
  running.abort();
  useTraceStore.getState().set({ searchingSince: undefined });
}

/**
 * Reads a trace by any of its ids into the store. Of two calls the later one wins; an error stands in the store as a
 * sentence.
 */
export async function openTrace(traceId: string): Promise<void> {
  const store = useTraceStore.getState();
  store.set({ openId: traceId, openError: undefined });
  const [error, trace] = await ask(async (deck) => joinTrace(await deck.trace.get({ traceId })));
  if (useTraceStore.getState().openId !== traceId) return;
  if (error !== null) return store.set({ openError: `The trace was not read: ${reasonOf(error)}.` });
  store.show(trace);
}

/**
 * Reads the open trace again when the list tells that it has more spans by now, or while a clock of its nodes is
 * unknown.
 */
function rereadStale(summaries: readonly TraceSummary[]): void {
  const { openId, open, waiting } = useTraceStore.getState();
  const known = waiting ?? open;
  if (known === undefined || !known.rawTraceIds.includes(openId ?? '')) return;
  const grown = summaries.find((each) => each.rawTraceIds.some((id) => known.rawTraceIds.includes(id)));
  const isStale = grown !== undefined && (grown.spans > known.totalSpans || awaitsClock(known));
  if (isStale) void openTrace(grown.traceId);
}

/** Clocks become known by and by; that of an exporter which is no node never does. */
const awaitsClock = ({ spans }: Trace): boolean =>
  spans.some(({ nodeId, clock }) => nodeId !== undefined && clock.state === 'unknown');

/** Saves traces as OTLP JSON, as their nodes sent them or with the ids that the joined trace has. */
export async function exportTraces(traceIds: readonly string[], joined: boolean): Promise<void> {
  const again = () => void exportTraces(traceIds, joined);
  const [error, result] = await ask((deck) => deck.trace.export({ traceIds: [...traceIds], joined }));
  if (error !== null) {
    return tell({
      text: `The traces were not exported: ${reasonOf(error)}.`,
      failed: true,
      action: { label: 'Try again', run: again },
    });
  }
  const name = traceIds.length === 1 ? `trace-${traceIds[0]}` : `traces-${traceIds.length}`;
  saveFile(`${name}.otlp.json`, result.json);
  const ids = `with ${joined ? 'joined' : 'raw'} ids`;
  const missing = result.total - result.spans;
  if (missing === 0) return tell({ text: `Exported ${result.spans} spans ${ids}.`, failed: false });
  const text = `Exported ${result.spans} of ${result.total} spans ${ids}: the ${missing} last are too many for one file.`;
  tell({ text, failed: true });
}

function narrowing(filter: Filter): { groupId?: number; nodeId?: number; nodeKey?: string; text?: string } {
  const { groups, agents } = useGraphStore.getState();
  const [group] = chipValues(filter, 'group');
  const [agent] = chipValues(filter, 'agent');
  const groupId = [...groups.values()].find(
    (each) => each.name.toLowerCase() === group || String(each.groupId) === group,
  );
  const node = [...agents.values()].find((each) => each.hostname.toLowerCase() === agent || each.address === agent);
  return {
    ...(groupId === undefined ? {} : { groupId: groupId.groupId }),
    ...(node === undefined ? {} : { nodeId: node.nodeId }),
    ...(node?.publicKey === undefined ? {} : { nodeKey: node.publicKey }),
    text: plainText(filter),
  };
}

function currentQuery() {
  const { filter, span } = useViewStore.getState();
  const narrow = { ...narrowing(filter), ...(span === undefined ? {} : { span }) };
  return traceQueryOf(useTraceStore.getState().controls, narrow, Date.now());
}

async function restartSearch(): Promise<void> {
  running.abort();
  running = new AbortController();
  asked++;
  const { signal } = running;
  live.clear();
  await search();
  if (signal.aborted || useViewStore.getState().span !== undefined) return;
  const open = () => deckClient().trace.tail(currentQuery(), { signal });
  await followFeed(deckClient(), signal, open, (summaries) => {
    live.push(new Map(summaries.map((summary) => [summary.traceId, summary])));
  });
}

async function search(): Promise<void> {
  const { signal } = running;
  const answered = asked;
  const store = useTraceStore.getState();
  store.set({ searchingSince: Date.now() });
  const [error, result] = await ask((deck) => deck.trace.search(currentQuery(), { signal }));
  if (signal.aborted) return;
  if (error !== null) {
    store.set({ searchingSince: undefined, searchError: `The traces were not read: ${reasonOf(error)}.` });
    return;
  }
  const list = new Map(result.traces.map((summary) => [summary.traceId, summary]));
  const { matched, total } = result;
  store.set({ list, matched, total, answered, searchingSince: undefined, searchError: undefined });
  rereadStale(result.traces);
}

interface OtlpSpans {
  readonly resourceSpans?: readonly { readonly scopeSpans?: readonly { readonly spans?: readonly OtlpSpan[] }[] }[];
}
interface OtlpSpan {
  readonly traceId?: string;
  readonly spanId?: string;
}

/** One span's record as OTLP JSON with its raw ids, or the sentence why it cannot be had. */
export async function rawSpan(traceId: string, spanId: string): Promise<string> {
  const [error, result] = await ask((deck) => deck.trace.export({ traceIds: [traceId], joined: false }));
  if (error !== null) return `The record was not read: ${reasonOf(error)}.`;
  const { resourceSpans = [] } = JSON.parse(result.json) as OtlpSpans;
  const spans = resourceSpans.flatMap((resource) => (resource.scopeSpans ?? []).flatMap((scope) => scope.spans ?? []));
  const span = spans.find((each) => each.traceId === traceId && each.spanId === spanId);
  return span === undefined ? 'The store no longer has this span.' : formatSafeJson(span, 2);
}
