import { expect, test } from 'vitest';
import type { TraceSpan } from '../../../../node-core/contract/trace.ts';
import { grownFolds, initialFolds, spanKey } from '../../../../renderer/stores/span-tree.ts';
import { foldable, rowOf, waterfallRows, withLevel } from '../../../../renderer/traces/waterfall-rows.ts';
import { aSpan } from '../builders.ts';

const id = (index: number) => index.toString(16).padStart(16, '0');
const flow = (role: 'dialler' | 'acceptor', joined = true) => ({
  flowId: 'f'.repeat(32),
  role,
  otherEnd: joined ? ('heard' as const) : ('not heard' as const),
  joined,
});

/** root > stream of desk-1 > stream of filings-2 > tool; and a late sibling that is listed first. */
const spans: TraceSpan[] = [
  aSpan({ spanId: id(0), name: 'root', durationMs: 100 }),
  aSpan({ spanId: id(1), parentIndex: 0, depth: 1, name: 'late', startMs: 90 }),
  aSpan({ spanId: id(2), parentIndex: 0, depth: 1, name: 'stream', startMs: 10, flow: flow('dialler') }),
  aSpan({
    spanId: id(3),
    parentIndex: 2,
    depth: 2,
    name: 'stream',
    startMs: 12,
    service: 'filings-2',
    flow: flow('acceptor'),
    onCriticalPath: true,
  }),
  aSpan({ spanId: id(4), parentIndex: 3, depth: 3, name: 'tool', startMs: 14, onCriticalPath: true }),
];

const names = (rows: ReturnType<typeof waterfallRows>) =>
  rows.map((row) => `${' '.repeat(row.level)}${spans[row.index]?.name}${row.other === undefined ? '' : ' both'}`);

test('both ends of a joined flow share a row, and what is inside hangs under it', () => {
  expect(names(waterfallRows(spans, new Set()))).toEqual(['root', ' stream both', '  tool', ' late']);
});

test('one end alone has a row of its own', () => {
  const alone = spans.map((span) => (span.flow === undefined ? span : { ...span, flow: flow(span.flow.role, false) }));
  expect(waterfallRows(alone, new Set()).map((row) => [row.index, row.other, row.level])).toEqual([
    [0, undefined, 0],
    [2, undefined, 1],
    [3, undefined, 2],
    [4, undefined, 3],
    [1, undefined, 1],
  ]);
});

test('a row keeps its key when spans come in before it, and no two rows have one key', () => {
  const keys = (all: readonly TraceSpan[]) => waterfallRows(all, new Set()).map((row) => row.key);
  const [root = aSpan(), late = aSpan()] = spans;
  const early = aSpan({ spanId: id(9), parentIndex: 0, depth: 1, startMs: 5 });
  const twice = { ...late, kind: 'server' as const };
  expect(keys([root, early, late])).toEqual([spanKey(root), spanKey(early), spanKey(late)]);
  expect(keys([root, late])).toEqual([spanKey(root), spanKey(late)]);
  expect(new Set(keys([root, late, twice])).size).toBe(3);
});

test('a folded span hides what is inside and says how much', () => {
  const rows = waterfallRows(spans, new Set([spanKey(spans[2] ?? aSpan())]));
  expect(rows.map((row) => [spans[row.index]?.name, row.folded, row.children])).toEqual([
    ['root', false, 2],
    ['stream', true, 1],
    ['late', false, 0],
  ]);
});

test('the critical path alone keeps its order without the rest', () => {
  const critical = spans.map((span, index) => (index === 2 ? { ...span, onCriticalPath: true } : span));
  expect(waterfallRows(critical, new Set(), true).map((row) => [row.index, row.level])).toEqual([
    [2, 0],
    [4, 1],
  ]);
});

test('folds and unfolds a level at a time', () => {
  const deepest = withLevel(spans, new Set(), false);
  expect([...deepest]).toEqual([spanKey(spans[2] ?? aSpan())]);
  expect(withLevel(spans, deepest, true).size).toBe(0);
  expect(foldable(spans)).toHaveLength(2);
});

test('a parent that does not exist, or is the span itself, makes a root', () => {
  const odd = [aSpan({ parentIndex: 7 }), aSpan({ spanId: id(9), parentIndex: 1 })];
  expect(waterfallRows(odd, new Set()).map((row) => row.level)).toEqual([0, 0]);
});

test('only a very large trace starts folded', () => {
  expect(initialFolds(spans).size).toBe(0);
  const large = Array.from({ length: 10_001 }, (_, index) =>
    aSpan({ spanId: id(index), parentIndex: index - 1, depth: Math.min(index, 5) }),
  );
  expect(waterfallRows(large, initialFolds(large))).toHaveLength(4);
  expect(waterfallRows(large, new Set())).toHaveLength(10_001);
});

/** A root over shards: four alike, one that failed, one with something inside. */
const shards: TraceSpan[] = [
  aSpan({ spanId: id(0), name: 'root' }),
  aSpan({ spanId: id(1), parentIndex: 0, name: 'shard', startMs: 1, durationMs: 5 }),
  aSpan({ spanId: id(2), parentIndex: 0, name: 'merge', startMs: 2 }),
  aSpan({ spanId: id(3), parentIndex: 0, name: 'shard', startMs: 3, durationMs: 9 }),
  aSpan({ spanId: id(4), parentIndex: 0, name: 'shard', startMs: 4, status: 'error' }),
  aSpan({ spanId: id(5), parentIndex: 0, name: 'shard', startMs: 5, durationMs: 2 }),
  aSpan({ spanId: id(6), parentIndex: 0, name: 'shard', startMs: 6 }),
  aSpan({ spanId: id(7), parentIndex: 6, name: 'retry', startMs: 7 }),
];
const outline = (rows: ReturnType<typeof waterfallRows>) =>
  rows.map(({ index, level, alike }) => `${' '.repeat(level)}${index}${alike === undefined ? '' : ` of ${alike}`}`);

test('alike siblings start as one row under the name of the longest; what failed or holds others stays alone', () => {
  const folded = initialFolds(shards);
  const rows = waterfallRows(shards, folded);
  expect(outline(rows)).toEqual(['0', ' 3 of 1,3,5', ' 2', ' 4', ' 6', '  7']);
  expect(rows[1]).toMatchObject({ children: 3, folded: true, foldKey: [...folded][0] });
  expect([1, 3, 5, 4, undefined, 99].map((span) => rowOf(rows, span))).toEqual([1, 1, 1, 3, -1, -1]);
});

test('alike siblings are listed one by one when their row is unfolded', () => {
  const rows = waterfallRows(shards, new Set());
  expect(outline(rows)).toEqual(['0', ' 3 of 1,3,5', '  1', '  3', '  5', ' 2', ' 4', ' 6', '  7']);
  expect(rowOf(rows, 3)).toBe(3);
  expect(new Set(rows.map((row) => row.key)).size).toBe(rows.length);
  expect(foldable(shards)).toHaveLength(3);
});

test('two are not enough, other agents are others, and the critical path is not folded', () => {
  const two = shards.slice(0, 5);
  expect(initialFolds(two).size).toBe(0);
  const elsewhere = shards.map((span, index) => (index === 3 ? { ...span, service: 'filings-2' } : span));
  expect(initialFolds(elsewhere).size).toBe(0);
  const critical = shards.map((span) => ({ ...span, onCriticalPath: true }));
  expect(outline(waterfallRows(critical, initialFolds(critical), true))).toEqual([
    '0',
    ' 1',
    ' 3',
    ' 5',
    ' 2',
    ' 4',
    ' 6',
    '  7',
  ]);
});

test('siblings that become alike as the trace grows are folded, and what was unfolded stays so', () => {
  const before = shards.slice(0, 5);
  const grown = grownFolds(new Set(['other']), before, shards);
  expect([...grown]).toEqual(['other', ...initialFolds(shards)]);
  expect([...grownFolds(new Set(), shards, [...shards, aSpan({ spanId: id(8) })])]).toEqual([]);
});

test('a hundred thousand alike siblings are one row', () => {
  const many = [
    aSpan({ spanId: id(0) }),
    ...Array.from({ length: 100_000 }, (_, index) => aSpan({ spanId: id(index + 1), parentIndex: 0, startMs: index })),
  ];
  expect(waterfallRows(many, initialFolds(many.slice(0, 9_000)))).toHaveLength(2);
});
