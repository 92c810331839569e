import type { TraceSpan } from '../../node-core/contract/schema.ts';

/** One visible row: a span, or both ends of one flow. */
export interface WaterfallRow {
  /** The same for the same span however the trace grows. */
  readonly key: string;
  /** Index into the trace's spans; of the dialler's span where both ends share the row. */
  readonly index: number;
  /** The acceptor's span in the same row. */
  readonly other: number | undefined;
  readonly level: number;
  readonly children: number;
  readonly folded: boolean;
}

/** A span across joined traces: span ids are unique only within one raw trace. */
export const spanKey = (span: TraceSpan): string => `${span.traceId}:${span.spanId}`;

/** Beyond this many spans the tree opens to depth 3 only. */
const LARGE = 10_000;
const LARGE_DEPTH = 3;

interface Tree {
  readonly roots: readonly number[];
  readonly children: ReadonlyMap<number, readonly number[]>;
  readonly otherEnd: ReadonlyMap<number, number>;
}

/** The rows in drawing order, without what is folded away. Both ends of a joined flow become one row. */
export function waterfallRows(
  spans: readonly TraceSpan[],
  folded: ReadonlySet<string>,
  criticalOnly = false,
): WaterfallRow[] {
  const tree = treeOf(spans);
  const rows: WaterfallRow[] = [];
  const keyOf = keysOnce();
  const stack = [...tree.roots].reverse().map((index) => ({ index, level: 0 }));
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { index, level } = next;
    const span = spans[index];
    if (span === undefined) continue;
    const inside = tree.children.get(index) ?? [];
    const isFolded = folded.has(spanKey(span));
    const visible = !criticalOnly || span.onCriticalPath;
    if (visible) {
      const other = tree.otherEnd.get(index);
      rows.push({ key: keyOf(span), index, other, level, children: inside.length, folded: isFolded });
    }
    if (isFolded && !criticalOnly) continue;
    const below = visible ? level + 1 : level;
    for (let i = inside.length - 1; i >= 0; i--) stack.push({ index: inside[i] ?? -1, level: below });
  }
  return rows;
}

/** Keys of rows: what a sender records twice under one id is told apart by its turn. */
function keysOnce(): (span: TraceSpan) => string {
  const turns = new Map<string, number>();
  return (span) => {
    const key = spanKey(span);
    const turn = turns.get(key) ?? 0;
    turns.set(key, turn + 1);
    return turn === 0 ? key : `${key}:${turn}`;
  };
}

/** What starts folded: nothing in an ordinary trace. */
export function initialFolds(spans: readonly TraceSpan[]): ReadonlySet<string> {
  if (spans.length <= LARGE) return new Set();
  return new Set(spans.filter((span) => span.depth >= LARGE_DEPTH).map(spanKey));
}

/** Every span that has something inside. */
export function foldable(spans: readonly TraceSpan[]): string[] {
  const { children } = treeOf(spans);
  return [...children.keys()].flatMap((index) => (spans[index] === undefined ? [] : [spanKey(spans[index])]));
}

/** One level more or less: folds the deepest open level, or opens the shallowest folded one. */
export function withLevel(
  spans: readonly TraceSpan[],
  folded: ReadonlySet<string>,
  open: boolean,
): ReadonlySet<string> {
  const rows = waterfallRows(spans, folded).filter((row) => row.children > 0 && row.folded === open);
  const levels = rows.map((row) => row.level);
  const level = open ? Math.min(...levels) : Math.max(...levels);
  const next = new Set(folded);
  for (const row of rows) {
    const span = spans[row.index];
    if (span === undefined || row.level !== level) continue;
    if (open) next.delete(spanKey(span));
    else next.add(spanKey(span));
  }
  return next;
}

function treeOf(spans: readonly TraceSpan[]): Tree {
  const otherEnd = pairEnds(spans);
  const merged = new Map([...otherEnd].map(([dialler, acceptor]) => [acceptor, dialler]));
  const children = new Map<number, number[]>();
  const roots: number[] = [];
  spans.forEach((span, index) => {
    if (merged.has(index)) return;
    const parent = merged.get(span.parentIndex) ?? span.parentIndex;
    if (parent < 0 || spans[parent] === undefined || parent === index) roots.push(index);
    else children.set(parent, [...(children.get(parent) ?? []), index]);
  });
  const byStart = (a: number, b: number) => (spans[a]?.startMs ?? 0) - (spans[b]?.startMs ?? 0) || a - b;
  roots.sort(byStart);
  for (const inside of children.values()) inside.sort(byStart);
  return { roots, children, otherEnd };
}

/** The acceptor's span of a joined flow, by the dialler's, where it hangs under it. */
function pairEnds(spans: readonly TraceSpan[]): Map<number, number> {
  const diallers = new Map<string, number>();
  spans.forEach((span, index) => {
    if (span.flow?.joined === true && span.flow.role === 'dialler')
      diallers.set(`${span.flow.flowId} ${span.name}`, index);
  });
  const pairs = new Map<number, number>();
  spans.forEach((span, index) => {
    if (span.flow?.joined !== true || span.flow.role !== 'acceptor') return;
    const dialler = diallers.get(`${span.flow.flowId} ${span.name}`);
    if (dialler !== undefined && span.parentIndex === dialler && !pairs.has(dialler)) pairs.set(dialler, index);
  });
  return pairs;
}
