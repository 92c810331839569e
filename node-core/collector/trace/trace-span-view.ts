import { ATTR, SPAN } from '../../base/tracer.ts';
import type { TraceSpan } from '../../contract/trace.ts';
import { attributesToJson } from '../attribute-list.ts';
import type { FlowJoin } from '../flow-join.ts';
import { integerAttribute, type Resource, SPAN_KIND, type SpanRecord, STATUS_CODE, textAttribute } from '../span.ts';
import { nodeIdOf, serviceOf } from '../span-origin.ts';
import { pathOf } from './span-category.ts';

const NANOS_PER_MS = 1e6;
const KINDS = new Map<number, TraceSpan['kind']>(
  (Object.entries(SPAN_KIND) as [TraceSpan['kind'], number][]).map(([name, number]) => [number, name]),
);

interface FlowEnd {
  readonly joined: boolean;
  readonly others: { readonly traceId: string; readonly spanId: string }[];
}

/** For each span that a join names: whether it was joined, and the other ends. */
function flowEnds(joins: readonly FlowJoin[]): Map<string, FlowEnd> {
  const ends = new Map<string, FlowEnd>();
  const note = (key: string, join: FlowJoin, other: FlowEnd['others'][number]): void => {
    const known = ends.get(key);
    const joined = join.kind === 'joined' || known?.joined === true;
    ends.set(key, { joined, others: [...(known?.others ?? []), ...(join.kind === 'linked' ? [other] : [])] });
  };
  for (const join of joins) {
    const upper = { traceId: join.diallerTraceId, spanId: join.diallerSpanId };
    const lower = { traceId: join.acceptorTraceId, spanId: join.acceptorSpanId };
    note(upper.traceId + upper.spanId, join, lower);
    note(lower.traceId + lower.spanId, join, upper);
  }
  return ends;
}

/** What a span's place in the trace decides. */
type Position = Pick<
  TraceSpan,
  'parentIndex' | 'depth' | 'category' | 'startMs' | 'rawStartMs' | 'clock' | 'onCriticalPath'
>;

/** Draws spans, those of one resource with the same object for it. */
export class SpanPen {
  readonly #flows: ReadonlyMap<string, FlowEnd>;
  readonly #resources = new Map<Resource, TraceSpan['resource']>();

  constructor(joins: readonly FlowJoin[]) {
    this.#flows = flowEnds(joins);
  }

  /** One literal, without spreading: a trace may have 100,000 spans. */
  draw(span: SpanRecord, position: Position): TraceSpan {
    const end = this.#flows.get(span.traceId + span.spanId);
    const { code } = span.status;
    return {
      traceId: span.traceId,
      spanId: span.spanId,
      parentSpanId: span.parentSpanId === '' ? undefined : span.parentSpanId,
      parentIndex: position.parentIndex,
      depth: position.depth,
      name: span.name,
      kind: KINDS.get(span.kind) ?? 'unspecified',
      status: code === STATUS_CODE.error ? 'error' : code === STATUS_CODE.ok ? 'ok' : 'unset',
      statusMessage: span.status.message,
      service: serviceOf(span),
      nodeId: nodeIdOf(span),
      authenticated: span.exporter !== undefined,
      nodeKey: span.exporter?.publicKey,
      groupId: integerAttribute(span.attributes, ATTR.groupId, 0xffff),
      category: position.category,
      path: pathOf(span),
      startMs: position.startMs,
      durationMs: Number(span.endTimeUnixNano - span.startTimeUnixNano) / NANOS_PER_MS,
      rawStartMs: position.rawStartMs,
      startTimeUnixNano: span.startTimeUnixNano.toString(),
      endTimeUnixNano: span.endTimeUnixNano.toString(),
      clock: position.clock,
      flow: drawFlow(span, end),
      attributes: attributesToJson(span.attributes),
      resource: this.#resourceOf(span.resource),
      scope: { name: span.scope.name, version: span.scope.version },
      events: span.events.map(drawEvent),
      links: [...span.links.map(({ traceId, spanId }) => ({ traceId, spanId })), ...(end?.others ?? [])],
      onCriticalPath: position.onCriticalPath,
    };
  }

  #resourceOf(resource: Resource): TraceSpan['resource'] {
    const known = this.#resources.get(resource) ?? attributesToJson(resource.attributes);
    this.#resources.set(resource, known);
    return known;
  }
}

function drawEvent(event: SpanRecord['events'][number]): TraceSpan['events'][number] {
  return {
    name: event.name,
    at: Number(event.timeUnixNano) / NANOS_PER_MS,
    attributes: attributesToJson(event.attributes),
  };
}

function drawFlow(span: SpanRecord, end: FlowEnd | undefined): TraceSpan['flow'] {
  if (span.name !== SPAN.stream) return undefined;
  const flowId = textAttribute(span.attributes, ATTR.flowId);
  const role = textAttribute(span.attributes, ATTR.flowRole);
  if (flowId === undefined || (role !== 'dialler' && role !== 'acceptor')) return undefined;
  const peerNodeId = integerAttribute(span.attributes, ATTR.peerNodeId);
  return {
    flowId,
    role,
    peerNodeId: peerNodeId === 0 ? undefined : peerNodeId,
    otherEnd: end === undefined ? 'not heard' : 'heard',
    joined: end?.joined ?? false,
  };
}
