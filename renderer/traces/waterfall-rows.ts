import type { TraceSpan } from '../../node-core/contract/trace.ts';
import { type Alike, alikeKeys, type Item, spanKey, treeOf } from '../stores/span-tree.ts';

/** One visible row: a span, both ends of one flow, or siblings that are alike. */
export interface WaterfallRow {
  /** The same for the same span however the trace grows. */
  readonly key: string;
  /**
   * Index into the trace's spans; of the dialler's span where both ends share the row, of the longest of those alike.
   */
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

/**
 * The rows in drawing order, without what is folded away. Both ends of a joined flow become one row, and so do alike
 * siblings.
 */
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
