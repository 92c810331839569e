import { SPAN } from '../../base/tracer.ts';
import type { FlowJoin } from '../flow-join.ts';
import { SPAN_KIND, type SpanRecord } from '../span.ts';
import { originOf, serviceOf } from '../span-origin.ts';

/** Who is under whom, by index. Every span has a place; where the sender's word made none, it is a root. */
export interface TraceTree {
  /** -1 for a root. */
  readonly parents: readonly number[];
  /** Parents before their children. */
  readonly topDown: readonly number[];
  readonly faults: TreeFaults;
}

export interface TreeFaults {
  /** Spans whose parent is not here (yet). */
  readonly missingParents: number;
  readonly selfParents: number;
  /** Indexes of spans that were made roots because their ancestors ran in a circle. */
  readonly cutLoops: readonly number[];
}

const ROOT = -1;

/**
 * Finds each span's parent: within its raw trace by id, and for the accepting end of a flow the dialler's span. Client and
 * server that share one id (a habit of Zipkin) are two spans, the server under the client, and each is the parent of what
 * its own side recorded.
 */
export function buildTree(spans: readonly SpanRecord[], joins: Iterable<FlowJoin>): TraceTree {
  const byId = indexById(spans);
  let missingParents = 0;
  let selfParents = 0;
  const joined = joinedPairs(spans, byId, joins);
  const parents = spans.map((span, index) => {
    const above = joined.get(index) ?? sharedClient(spans, byId, index);
    if (above !== undefined || span.parentSpanId === '') return above ?? ROOT;
    if (span.parentSpanId === span.spanId) selfParents += 1;
    const parent = span.parentSpanId === span.spanId ? ROOT : parentOf(spans, byId, span);
    if (parent === undefined) missingParents += 1;
    return parent ?? ROOT;
  });
  const cutLoops = cutEveryLoop(spans, parents);
  return { parents, topDown: sortTopDown(parents), faults: { missingParents, selfParents, cutLoops } };
}

/** The indexes of each span's children. */
export function childrenOf(parents: readonly number[]): number[][] {
  const children: number[][] = parents.map(() => []);
  for (const [index, parent] of parents.entries()) children[parent]?.push(index);
  return children;
}

const keyOf = (traceId: string, spanId: string): string => traceId + spanId;

function indexById(spans: readonly SpanRecord[]): Map<string, number[]> {
  const byId = new Map<string, number[]>();
  for (const [index, span] of spans.entries()) {
    const key = keyOf(span.traceId, span.spanId);
    const known = byId.get(key);
    if (known === undefined) byId.set(key, [index]);
    else known.push(index);
  }
  return byId;
}

function isAsking(span: SpanRecord | undefined): boolean {
  return span?.kind === SPAN_KIND.client || span?.kind === SPAN_KIND.producer;
}

/** The client a server shares its id with, if it does. */
function sharedClient(
  spans: readonly SpanRecord[],
  byId: ReadonlyMap<string, readonly number[]>,
  index: number,
): number | undefined {
  const span = spans[index];
  if (span === undefined || isAsking(span)) return undefined;
  const sharing = byId.get(keyOf(span.traceId, span.spanId)) ?? [];
  return sharing.length < 2 ? undefined : sharing.find((other) => isAsking(spans[other]));
}

function parentOf(
  spans: readonly SpanRecord[],
  byId: ReadonlyMap<string, readonly number[]>,
  span: SpanRecord,
): number | undefined {
  const candidates = byId.get(keyOf(span.traceId, span.parentSpanId));
  if (candidates === undefined || candidates.length < 2) return candidates?.[0];
  const sameSide = candidates.find((index) => sameOrigin(spans[index], span));
  return sameSide ?? candidates.find((index) => !isAsking(spans[index])) ?? candidates[0];
}

function sameOrigin(one: SpanRecord | undefined, other: SpanRecord): boolean {
  return one !== undefined && originOf(one) === originOf(other) && serviceOf(one) === serviceOf(other);
}

/** Which span goes under which because of a flow: only of joins that make one trace. */
function joinedPairs(
  spans: readonly SpanRecord[],
  byId: ReadonlyMap<string, readonly number[]>,
  joins: Iterable<FlowJoin>,
): Map<number, number> {
  const pairs = new Map<number, number>();
  const pick = (traceId: string, spanId: string): number | undefined => {
    const candidates = byId.get(keyOf(traceId, spanId)) ?? [];
    return candidates.find((index) => spans[index]?.name === SPAN.stream) ?? candidates[0];
  };
  for (const join of joins) {
    if (join.kind !== 'joined') continue;
    const lower = pick(join.acceptorTraceId, join.acceptorSpanId);
    const upper = pick(join.diallerTraceId, join.diallerSpanId);
    if (lower !== undefined && upper !== undefined && lower !== upper && !pairs.has(lower)) pairs.set(lower, upper);
  }
  return pairs;
}

/** Makes a root of the span that starts first in each circle of parents. */
function cutEveryLoop(spans: readonly SpanRecord[], parents: number[]): number[] {
  const cuts: number[] = [];
  const walkOf = new Int32Array(parents.length); // 0: not walked yet
  for (let start = 0; start < parents.length; start++) {
    const walk = start + 1;
    let at = start;
    while (at !== ROOT && walkOf[at] === 0) {
      walkOf[at] = walk;
      at = parents[at] ?? ROOT;
    }
    if (at === ROOT || walkOf[at] !== walk) continue;
    let first = at;
    for (let other = parents[at] ?? ROOT; other !== at && other !== ROOT; other = parents[other] ?? ROOT) {
      if (startsBefore(spans[other], spans[first])) first = other;
    }
    parents[first] = ROOT;
    cuts.push(first);
  }
  return cuts;
}

function startsBefore(one: SpanRecord | undefined, other: SpanRecord | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  if (one.startTimeUnixNano !== other.startTimeUnixNano) return one.startTimeUnixNano < other.startTimeUnixNano;
  return one.spanId < other.spanId;
}

function sortTopDown(parents: readonly number[]): number[] {
  const children = childrenOf(parents);
  const order = [...parents.keys()].filter((index) => parents[index] === ROOT);
  for (const index of order) {
    for (const child of children[index] ?? []) order.push(child); // the loop goes on over what is pushed
  }
  return order;
}
