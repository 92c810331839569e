import type { TraceSpan } from '../../node-core/contract/trace.ts';

/** A span across joined traces: span ids are unique only within one raw trace. */
export const spanKey = (span: TraceSpan): string => `${span.traceId}:${span.spanId}`;

/** Beyond this many spans the tree opens to depth 3 only. */
const LARGE = 10_000;
const LARGE_DEPTH = 3;
/** So many alike siblings make one row. */
const ALIKE = 3;

/** A span, or siblings that are alike. */
export type Item = number | Alike;

/** Siblings that stand as one row. */
export interface Alike {
  readonly key: string;
  readonly members: readonly number[];
}

/** Spans by their index, as they stand under one another. */
export interface Tree {
  readonly roots: readonly number[];
  readonly children: ReadonlyMap<number, readonly Item[]>;
  readonly otherEnd: ReadonlyMap<number, number>;
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

/** The fold keys of all rows of alike siblings. */
export function alikeKeys(spans: readonly TraceSpan[]): string[] {
  const items = [...treeOf(spans).children.values()].flat();
  return items.flatMap((item) => (typeof item === 'number' ? [] : [item.key]));
}

/** Who stands under whom: both ends of a joined flow are one item, and so are alike siblings. */
export function treeOf(spans: readonly TraceSpan[]): Tree {
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

/**
 * Siblings of one node, name and kind, with nothing inside and without a fault, stand together where the first of them
 * is.
 */
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
