import type { PlacedSpan } from './trace-clock.ts';
import { childrenOf, type TraceTree } from './trace-tree.ts';

/** The rows of a waterfall: which span each holds, the row of its parent (-1 for a root), and how deep it is. */
export interface Rows {
  readonly order: readonly number[];
  readonly parentRows: readonly number[];
  readonly depths: readonly number[];
}

/** Each parent before its children, siblings by start. */
export function sortRows(tree: TraceTree, placed: readonly PlacedSpan[]): Rows {
  const startOf = (index: number): number => placed[index]?.startMs ?? 0;
  const endOf = (index: number): number => placed[index]?.endMs ?? 0;
  const lastFirst = (a: number, b: number): number => startOf(b) - startOf(a) || endOf(a) - endOf(b) || b - a;
  const children = childrenOf(tree.parents);
  const [order, parentRows, depths]: [number[], number[], number[]] = [[], [], []];
  const stack = tree.topDown
    .filter((index) => tree.parents[index] === -1)
    .sort(lastFirst)
    .map((index) => ({ index, parentRow: -1, depth: 0 }));
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const row = order.push(next.index) - 1;
    parentRows.push(next.parentRow);
    depths.push(next.depth);
    for (const child of (children[next.index] ?? []).sort(lastFirst)) {
      stack.push({ index: child, parentRow: row, depth: next.depth + 1 });
    }
  }
  return { order, parentRows, depths };
}
