import { ATTR } from '../../base/tracer.ts';
import type { Trace, TraceSpan } from '../../contract/trace.ts';
import type { FlowJoin, JoinedTrace } from '../flow-join.ts';
import { type SpanRecord, textAttribute } from '../span.ts';
import { originOf } from '../span-origin.ts';
import { criticalPath, type PathSegment } from './critical-path.ts';
import { categoryOf, categoryStretches, type SpanCategory } from './span-category.ts';
import { type Clocks, type PlacedSpan, placeSpans } from './trace-clock.ts';
import { sortRows } from './trace-rows.ts';
import { SpanPen } from './trace-span-view.ts';
import { buildTree, childrenOf, type TraceTree } from './trace-tree.ts';

export interface TraceParts {
  readonly joined: JoinedTrace;
  /** The raw spans of all its raw traces; not empty. */
  readonly spans: readonly SpanRecord[];
  /** All joins that touch one of its traces. */
  readonly joins: readonly FlowJoin[];
  readonly clocks: Clocks;
  /** How many spans there are, when `spans` holds not all of them. */
  readonly totalSpans?: number;
}

/** Time of the critical path that no span answers for. */
export const NOT_COVERED = 'not covered';

const NANOS_PER_MS = 1e6;

/** What a trace is called by its root: what the root was for, if it says so, else its name. */
export function titleOf(root: SpanRecord): string {
  const title = textAttribute(root.attributes, ATTR.title);
  return title === undefined || title === '' ? root.name : title;
}

/**
 * A trace as it is shown: the spans of all nodes in one tree on one time axis, the acceptor's end of each flow under the
 * dialler's, with the critical path and, in words, what is missing or doubtful.
 */
export function viewTrace(parts: TraceParts): Trace {
  const { spans, joins, joined } = parts;
  const tree = buildTree(spans, joins);
  const zero = earliestStart(spans);
  const placed = placeSpans(spans, tree, parts.clocks, zero);
  const { first, last } = extent(placed);
  const rows = sortRows(tree, placed);
  const categories = categorise(spans, tree, placed);
  const path = criticalPath(
    placed.map(({ startMs, endMs, clock }, index) => ({
      startMs,
      endMs,
      parentIndex: tree.parents[index] ?? -1,
      slackMs: clock.state === 'moved' ? clock.boundMs : 0,
    })),
  );
  const onPath = new Set(path.map((segment) => segment.index));
  const pen = new SpanPen(joins);
  const drawn = rows.order.map((index, row): TraceSpan => {
    const [span, place] = [spans[index], placed[index]];
    if (span === undefined || place === undefined) throw new RangeError(`row ${row} has no span`);
    const category = categories[index] ?? 'work';
    return pen.draw(span, {
      parentIndex: rows.parentRows[row] ?? -1,
      depth: rows.depths[row] ?? 0,
      category,
      startMs: place.startMs - first,
      rawStartMs: place.rawStartMs - first,
      clock: place.clock,
      onCriticalPath: onPath.has(index) && category !== 'container',
    });
  });
  const roots = rows.order.filter((index) => tree.parents[index] === -1);
  return {
    traceId: joined.traceId,
    rawTraceIds: [...joined.rawTraceIds],
    title: titleFrom(
      roots.flatMap((index) => spans[index] ?? []),
      joined.traceId,
    ),
    startUnixMs: Number(zero) / NANOS_PER_MS + first,
    durationMs: last - first,
    spans: drawn,
    totalSpans: parts.totalSpans ?? spans.length,
    agents: countAgents(drawn),
    criticalPath: sumByCategory(path, spans, categories, zero, placed),
    notes: notesOf(spans, tree, drawn, roots.length),
  };
}

function extent(placed: readonly PlacedSpan[]): { first: number; last: number } {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { startMs, endMs } of placed) {
    first = Math.min(first, startMs);
    last = Math.max(last, startMs, endMs);
  }
  return { first, last };
}

function earliestStart(spans: readonly SpanRecord[]): bigint {
  let earliest = spans[0]?.startTimeUnixNano ?? 0n;
  for (const { startTimeUnixNano } of spans) {
    if (startTimeUnixNano < earliest) earliest = startTimeUnixNano;
  }
  return earliest;
}

function categorise(spans: readonly SpanRecord[], tree: TraceTree, placed: readonly PlacedSpan[]): SpanCategory[] {
  const children = childrenOf(tree.parents);
  return spans.map((span, index) => {
    const under = (children[index] ?? []).flatMap((child) => placed[child] ?? []);
    const place = placed[index];
    return categoryOf(span, place === undefined || under.length === 0 ? undefined : coveredShare(place, under));
  });
}

/** How much of a span its children cover, 0 to 1. */
function coveredShare(parent: PlacedSpan, children: readonly PlacedSpan[]): number {
  let [covered, cursor] = [0, parent.startMs];
  for (const { startMs, endMs } of [...children].sort((a, b) => a.startMs - b.startMs)) {
    const [from, to] = [Math.max(startMs, cursor), Math.min(endMs, parent.endMs)];
    if (to <= from) continue;
    covered += to - from;
    cursor = to;
  }
  const whole = parent.endMs - parent.startMs;
  return whole > 0 ? covered / whole : 1;
}

/** Milliseconds of the critical path by kind of time. What a container does not cover is nobody's. */
function sumByCategory(
  path: readonly PathSegment[],
  spans: readonly SpanRecord[],
  categories: readonly SpanCategory[],
  zero: bigint,
  placed: readonly PlacedSpan[],
): Record<string, number> {
  const sums: Record<string, number> = {};
  const add = (category: string, ms: number): void => {
    if (ms > 0) sums[category] = (sums[category] ?? 0) + ms;
  };
  for (const { index, startMs, endMs } of path) {
    const [span, place, category] = [spans[index], placed[index], categories[index]];
    if (span === undefined || place === undefined || category === undefined || category === 'container') {
      add(NOT_COVERED, endMs - startMs);
      continue;
    }
    const onAxis = (moment: bigint): number => Number(moment - zero) / NANOS_PER_MS + place.startMs - place.rawStartMs;
    let until = endMs;
    for (const stretch of categoryStretches(span, category).reverse()) {
      const from = Math.max(startMs, Math.min(until, onAxis(stretch.fromUnixNano)));
      add(stretch.category, until - from);
      until = from;
    }
    add(category, until - startMs);
  }
  return sums;
}

/** The root of the trace that gave the whole its id, the earliest where there are several. */
function titleFrom(roots: readonly SpanRecord[], traceId: string): string {
  const root = roots.find((span) => span.traceId === traceId) ?? roots[0];
  return root === undefined ? '' : titleOf(root);
}

function countAgents(drawn: readonly TraceSpan[]): Trace['agents'] {
  const agents = new Map<number | string, Trace['agents'][number]>();
  for (const { nodeId, service } of drawn) {
    const known = agents.get(nodeId ?? service);
    if (known === undefined) agents.set(nodeId ?? service, { nodeId, service, spans: 1 });
    else known.spans += 1;
  }
  return [...agents.values()];
}

/** What a reader should know before trusting the picture, in words. */
function notesOf(spans: readonly SpanRecord[], tree: TraceTree, drawn: readonly TraceSpan[], roots: number): string[] {
  const notes: string[] = [];
  const { missingParents, selfParents, cutLoops } = tree.faults;
  const oneEnded = drawn.filter((span) => span.flow?.otherEnd === 'not heard').length;
  if (oneEnded > 0) notes.push(`Other end not heard for ${counted(oneEnded, 'flow')}`);
  if (new Set(spans.map(originOf)).size > 1) {
    const unknown = new Set(drawn.filter((span) => span.clock.state === 'unknown').map((span) => span.service));
    if (unknown.size > 0) notes.push(`Times from ${listed([...unknown])} are not aligned: clock unknown`);
  }
  if (missingParents > 0) notes.push(`Parent not received for ${counted(missingParents, 'span')}`);
  if (selfParents > 0) notes.push(`${counted(selfParents, 'span')} named as its own parent, shown as a root`);
  for (const index of cutLoops) notes.push(`Parents run in a circle: cut above "${spans[index]?.name ?? ''}"`);
  const unexplained = roots - missingParents - selfParents - cutLoops.length;
  if (unexplained > 1) notes.push(`${unexplained} roots, none above the others`);
  return notes;
}

const MOST_NAMED = 5;

/** "a, b and 3 more". */
function listed(names: readonly string[]): string {
  const more = names.length - MOST_NAMED;
  return names.slice(0, MOST_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
