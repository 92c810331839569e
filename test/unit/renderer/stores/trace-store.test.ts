import { beforeEach, expect, test } from 'vitest';
import type { Trace, TraceSummary } from '../../../../node-core/contract/trace.ts';
import {
  DEFAULT_CONTROLS,
  MAX_LISTED,
  sortTraces,
  traceQueryOf,
  useTraceStore,
  waitingSpans,
  withSort,
} from '../../../../renderer/stores/trace-store.ts';
import { aSpan } from '../builders.ts';

const idOf = (index: number) => index.toString(16).padStart(32, '0');
const aSummary = (index: number, change: Partial<TraceSummary> = {}): TraceSummary => ({
  traceId: idOf(index),
  rawTraceIds: [idOf(index)],
  title: `trace ${index}`,
  startUnixMs: index,
  durationMs: 10,
  spans: 1,
  errors: 0,
  services: ['desk-1'],
  nodeIds: [],
  groupIds: [],
  ...change,
});
const aTrace = (spans: Trace['spans'], traceId = idOf(1)): Trace => ({
  traceId,
  rawTraceIds: [traceId],
  title: 'trace',
  startUnixMs: 0,
  durationMs: 10,
  spans,
  totalSpans: spans.length,
  agents: [],
  criticalPath: {},
  notes: [],
});

beforeEach(() => useTraceStore.setState(useTraceStore.getInitialState(), true));

test('sorts by the first key and breaks ties by the next', () => {
  const list = [aSummary(1, { errors: 1 }), aSummary(2), aSummary(3, { errors: 1 })];
  const sort = withSort(withSort([{ key: 'title', descending: false }], 'errors', false), 'start', true);
  expect(sortTraces(list, sort).map((trace) => trace.startUnixMs)).toEqual([3, 1, 2]);
  expect(withSort(sort, 'errors', false)).toEqual([{ key: 'errors', descending: false }]);
});

test('asks the store for what the operator chose, narrowed by the filter over everything', () => {
  const now = 10_000_000;
  expect(traceQueryOf(DEFAULT_CONTROLS, {}, now)).toEqual({ fromMs: now - 1_800_000, limit: 500 });
  const controls = { ...DEFAULT_CONTROLS, text: ' 10-K ', status: 'error' as const, minDurationMs: 400 };
  expect(traceQueryOf(controls, { groupId: 12, text: 'fil', span: { fromMs: 1, toMs: 2 } }, now)).toEqual({
    fromMs: 1,
    toMs: 2,
    text: '10-K fil',
    groupId: 12,
    minDurationMs: 400,
    status: 'error',
    limit: 500,
  });
});

test('live traces replace their own row and push out only the oldest', () => {
  const { addLive } = useTraceStore.getState();
  addLive(Array.from({ length: MAX_LISTED }, (_, index) => aSummary(index)));
  addLive([aSummary(5, { spans: 9 }), aSummary(MAX_LISTED)]);
  const { list, matched } = useTraceStore.getState();
  expect([list.size, matched, list.has(idOf(0))]).toEqual([MAX_LISTED, MAX_LISTED + 1, false]);
  expect(list.get(idOf(5))?.spans).toBe(9);
});

test('a trace that grew keeps the selected span, another one starts afresh', () => {
  const { set, show } = useTraceStore.getState();
  const first = aSpan({ spanId: 'a'.repeat(16) });
  set({ openId: idOf(1) });
  show(aTrace([first]));
  set({ selectedSpan: 0, folded: new Set(['x']) });
  show(aTrace([aSpan({ spanId: 'b'.repeat(16) }), first]));
  expect(useTraceStore.getState().selectedSpan).toBe(1);
  set({ openId: idOf(2) });
  show(aTrace([first], idOf(2)));
  expect(useTraceStore.getState()).toMatchObject({ selectedSpan: undefined, window: undefined });
  expect(useTraceStore.getState().folded.size).toBe(0);
});

test('a trace that grows while it is held stays as drawn, and its new spans come when it is let go', () => {
  const { set, show, hold } = useTraceStore.getState();
  const [early, late] = [aSpan({ spanId: 'b'.repeat(16) }), aSpan({ spanId: 'a'.repeat(16) })];
  show(aTrace([late]));
  set({ selectedSpan: 0 });
  hold(true);
  show(aTrace([early, late]));
  const held = useTraceStore.getState();
  expect([held.open?.spans, held.selectedSpan, waitingSpans(held)]).toEqual([[late], 0, 1]);
  hold(false);
  const after = useTraceStore.getState();
  expect([after.open?.spans, after.selectedSpan, waitingSpans(after)]).toEqual([[early, late], 1, 0]);
});

test('what waits can be asked for, and another trace is shown at once', () => {
  const { show, hold, showWaiting } = useTraceStore.getState();
  show(aTrace([aSpan()]));
  hold(true);
  show(aTrace([aSpan(), aSpan({ spanId: 'b'.repeat(16) })]));
  showWaiting();
  expect(useTraceStore.getState()).toMatchObject({ held: true, waiting: undefined, open: { totalSpans: 2 } });
  show(aTrace([aSpan()], idOf(2)));
  expect(useTraceStore.getState().open?.traceId).toBe(idOf(2));
});

test('a joined trace takes the place of its parts as it arrives', () => {
  const { addLive } = useTraceStore.getState();
  addLive([aSummary(1), aSummary(2), aSummary(3)]);
  addLive([aSummary(1, { rawTraceIds: [idOf(1), idOf(3)], spans: 2 })]);
  const { list, matched } = useTraceStore.getState();
  expect([...list.keys()].sort()).toEqual([idOf(1), idOf(2)]);
  expect(matched).toBe(2);
});

test('critical paths are kept for listed traces only', () => {
  const { set, addPaths } = useTraceStore.getState();
  const aPath = (index: number, spans: number) => ({ traceId: idOf(index), spans, durationMs: 10, criticalPath: {} });
  set({ list: new Map([1, 2].map((index) => [idOf(index), aSummary(index)])) });
  addPaths([aPath(1, 1), aPath(2, 1), aPath(3, 1)]);
  expect([...useTraceStore.getState().paths.keys()]).toEqual([idOf(1), idOf(2)]);
  set({ list: new Map([[idOf(2), aSummary(2, { spans: 4 })]]) });
  addPaths([aPath(2, 4)]);
  expect([...useTraceStore.getState().paths.values()]).toEqual([aPath(2, 4)]);
});
