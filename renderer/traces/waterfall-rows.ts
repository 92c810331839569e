import type { TraceSpan } from '../../node-core/contract/trace.ts';

/** One visible row: a span, both ends of one flow, or siblings that are alike. */
export interface WaterfallRow {
  /** The same for the same span however the trace grows. */
  readonly key: string;
  /** Index into the trace's spans; of the dialler's span where both ends share the row, of the longest of those alike. */
  readonly index: number;
  /** The acceptor's span in the same row. */
  readonly other: number | undefined;
  /** The siblings that this row stands for, in the order of time. */
  readonly alike: readonly number[] | undefined;
  readonly level: number;
  readonly children: number;
  readonly folded: boolean;
  /** What stands in the set of folded rows while this one is. */
  readonly foldKey: string;
}

/** A span across joined traces: span ids are unique only within one raw trace. */
export const spanKey = (span: TraceSpan): string => `${span.traceId}:${span.spanId}`;

/** Beyond this many spans the tree opens to depth 3 only. */
const LARGE = 10_000;
const LARGE_DEPTH = 3;
/** So many alike siblings make one row. */
const ALIKE = 3;

/** A span, or siblings that are alike. */
type Item = number | Alike;

interface Alike {
  readonly key: string;
  readonly members: readonly number[];
}

interface Tree {
  readonly roots: readonly number[];
  readonly children: ReadonlyMap<number, readonly Item[]>;
  readonly otherEnd: ReadonlyMap<number, number>;
}

/** The rows in drawing order, without what is folded away. Both ends of a joined flow become one row, and so do alike siblings. */
export function waterfallRows(
  spans: readonly TraceSpan[],
  folded: ReadonlySet<string>,
  criticalOnly = false,
): WaterfallRow[] {
  const tree = treeOf(spans);
  const rows: WaterfallRow[] = [];
  const keyOf = keysOnce();
  const stack: { item: Item; level: number }[] = [...tree.roots].reverse().map((item) => ({ item, level: 0 }));
  const push = (items: readonly Item[], level: number) => {
    for (let i = items.length - 1; i >= 0; i--) stack.push({ item: items[i] ?? -1, level });
  };
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { item, level } = next;
    if (typeof item !== 'number') {
      if (criticalOnly) push(item.members, level);
      else {
        const row = alikeRow(spans, item, level, folded);
        rows.push(row);
        if (!row.folded) push(item.members, level + 1);
      }
      continue;
    }
    const index = item;
    const span = spans[index];
    if (span === undefined) continue;
    const inside = tree.children.get(index) ?? [];
    const foldKey = spanKey(span);
    const isFolded = folded.has(foldKey);
    const visible = !criticalOnly || span.onCriticalPath;
    if (visible) {
      const other = tree.otherEnd.get(index);
      const children = inside.length;
      rows.push({ key: keyOf(span), index, other, alike: undefined, level, children, folded: isFolded, foldKey });
    }
    if (isFolded && !criticalOnly) continue;
    push(inside, visible ? level + 1 : level);
  }
  return rows;
}

function alikeRow(
  spans: readonly TraceSpan[],
  { key, members }: Alike,
  level: number,
  folded: ReadonlySet<string>,
): WaterfallRow {
  const lasts = (index: number) => spans[index]?.durationMs ?? 0;
  const longest = members.reduce((best, index) => (lasts(index) > lasts(best) ? index : best));
  const children = members.length;
  return {
    ...{ key, foldKey: key, level, children },
    index: longest,
    other: undefined,
    alike: members,
    folded: folded.has(key),
  };
}

/** Where a span is in the rows: in a row of its own, in that of its flow, or in that of its alike siblings; else -1. */
export function rowOf(rows: readonly WaterfallRow[], span: number | undefined): number {
  if (span === undefined) return -1;
  return rows.findIndex(({ index, other, alike, folded }) =>
    alike === undefined ? index === span || other === span : folded && alike.includes(span),
  );
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

/** What starts folded: alike siblings, and in a very large trace what lies deep. */
export function initialFolds(spans: readonly TraceSpan[]): ReadonlySet<string> {
  const deep = spans.length <= LARGE ? [] : spans.filter((span) => span.depth >= LARGE_DEPTH).map(spanKey);
  return new Set([...deep, ...alikeKeys(spans)]);
}

/** Siblings that have become alike as the trace grew are folded too; the rest stays as it was. */
export function grownFolds(
  folded: ReadonlySet<string>,
  before: readonly TraceSpan[],
  spans: readonly TraceSpan[],
): ReadonlySet<string> {
  const known = new Set(alikeKeys(before));
  return new Set([...folded, ...alikeKeys(spans).filter((key) => !known.has(key))]);
}

function alikeKeys(spans: readonly TraceSpan[]): string[] {
  const items = [...treeOf(spans).children.values()].flat();
  return items.flatMap((item) => (typeof item === 'number' ? [] : [item.key]));
}

/** Everything that has something inside. */
export function foldable(spans: readonly TraceSpan[]): string[] {
  const { children } = treeOf(spans);
  const parents = [...children.keys()].flatMap((index) => (spans[index] === undefined ? [] : [spanKey(spans[index])]));
  return [...parents, ...alikeKeys(spans)];
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
    if (row.level !== level) continue;
    if (open) next.delete(row.foldKey);
    else next.add(row.foldKey);
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
    else if (!children.get(parent)?.push(index)) children.set(parent, [index]);
  });
  const byStart = (a: number, b: number) => (spans[a]?.startMs ?? 0) - (spans[b]?.startMs ?? 0) || a - b;
  roots.sort(byStart);
  for (const inside of children.values()) inside.sort(byStart);
  const isLeaf = (index: number) => !children.has(index) && !otherEnd.has(index);
  const items = new Map([...children].map(([parent, inside]) => [parent, withAlike(spans, parent, inside, isLeaf)]));
  return { roots, children: items, otherEnd };
}

/** Siblings of one node, name and kind, with nothing inside and without a fault, stand together where the first of them is. */
function withAlike(
  spans: readonly TraceSpan[],
  parent: number,
  inside: readonly number[],
  isLeaf: (index: number) => boolean,
): Item[] {
  const looks = inside.map((index) => {
    const span = spans[index];
    if (span === undefined || span.status === 'error' || !isLeaf(index)) return undefined;
    return [span.service, span.nodeId, span.category, span.name].join('\n');
  });
  const groups = new Map<string, number[]>();
  looks.forEach((look, at) => {
    const index = inside[at];
    if (look !== undefined && index !== undefined && !groups.get(look)?.push(index)) groups.set(look, [index]);
  });
  const under = spans[parent] === undefined ? '' : spanKey(spans[parent]);
  return inside.flatMap((index, at): Item[] => {
    const look = looks[at] ?? '';
    const members = groups.get(look) ?? [];
    if (members.length < ALIKE) return [index];
    return members[0] === index ? [{ key: `alike ${under} ${look}`, members }] : [];
  });
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
