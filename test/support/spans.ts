import { fromHex } from '../../node-core/base/bytes.ts';
import { ATTR, type Attributes, SPAN, SPAN_EVENT } from '../../node-core/base/tracer.ts';
import { attributeListOf } from '../../node-core/collector/attribute-list.ts';
import { JoinIndex } from '../../node-core/collector/flow/join-index.ts';
import type { FlowJoin, JoinedTrace } from '../../node-core/collector/flow-join.ts';
import {
  EMPTY_RESOURCE,
  EMPTY_SCOPE,
  type Exporter,
  type Resource,
  SPAN_KIND,
  type SpanEvent,
  type SpanRecord,
  STATUS_CODE,
} from '../../node-core/collector/span.ts';
import { computeDialId, computeFlowId } from '../../node-core/crypto/flow-id.ts';

export const T0 = 1_793_620_800_000_000_000n;
/** Nanoseconds at `ms` after the zero of the tests. */
export const at = (ms: number): bigint => T0 + BigInt(Math.round(ms * 1e6));
export const traceIdOf = (n: number): string => n.toString(16).padStart(32, '0');
export const spanIdOf = (n: number): string => n.toString(16).padStart(16, '0');

export function exporterOf(nodeId: number): Exporter {
  const hex = nodeId.toString(16).padStart(8, '0');
  return {
    nodeId,
    address: `0:0000.${hex.slice(0, 4)}.${hex.slice(4)}`.toUpperCase(),
    publicKey: nodeId.toString(16).padStart(2, '0').repeat(32).slice(0, 64),
  };
}

export function resourceOf(service: string): Resource {
  return { ...EMPTY_RESOURCE, attributes: [{ key: 'service.name', value: service }] };
}

interface SpanChanges extends Partial<Omit<SpanRecord, 'attributes' | 'exporter'>> {
  readonly from?: number;
  readonly ms?: readonly [start: number, end: number];
  readonly values?: Attributes;
}

/** A span of trace 1, recorded by node `from` (nobody that is known, when absent) between two times in milliseconds. */
export function aSpan(id: number, parent: number | undefined, changes: SpanChanges = {}): SpanRecord {
  const { from, ms = [0, 10], values = {}, ...rest } = changes;
  return {
    traceId: traceIdOf(1),
    spanId: spanIdOf(id),
    parentSpanId: parent === undefined ? '' : spanIdOf(parent),
    traceState: '',
    flags: 1,
    name: `span ${id}`,
    kind: SPAN_KIND.internal,
    startTimeUnixNano: at(ms[0]),
    endTimeUnixNano: at(ms[1]),
    attributes: attributeListOf(values),
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
    status: { code: STATUS_CODE.unset, message: '' },
    resource: resourceOf(from === undefined ? 'somebody' : `agent-${from}`),
    scope: EMPTY_SCOPE,
    arrivedAt: at(Math.max(ms[0], ms[1]) + 20),
    exporter: from === undefined ? undefined : exporterOf(from),
    ...rest,
  };
}

export function linkTo(traceId: string, spanId: string): SpanRecord['links'][number] {
  return { traceId, spanId, traceState: '', attributes: [], droppedAttributesCount: 0, flags: 1 };
}

export function anEvent(name: string, ms: number, values: Attributes = {}): SpanEvent {
  return { name, timeUnixNano: at(ms), attributes: attributeListOf(values), droppedAttributesCount: 0 };
}

/** One stream between two nodes: what both its ends put on their spans. */
export class FlowOnTheWire {
  readonly dialler: number;
  readonly acceptor: number;
  readonly dialId: string;
  readonly flowId: string;
  readonly #facts;

  constructor(dialler: number, acceptor: number, diallerSequence = 0xdeadbeef, acceptorSequence = 0) {
    this.dialler = dialler;
    this.acceptor = acceptor;
    this.#facts = {
      diallerKey: fromHex(exporterOf(dialler).publicKey),
      diallerPort: 49_152,
      acceptorKey: fromHex(exporterOf(acceptor).publicKey),
      acceptorPort: 1_001,
      diallerSequence,
      acceptorSequence,
    };
    this.dialId = computeDialId(this.#facts);
    this.flowId = computeFlowId(this.#facts);
  }

  attributes(role: 'dialler' | 'acceptor'): Attributes {
    return {
      [ATTR.flowId]: this.flowId,
      [ATTR.flowAcceptorSeq]: this.#facts.acceptorSequence,
      ...this.#dialAttributes(role),
    };
  }

  /** The dialler's stream span, whose clock shows `ahead` ms too much. */
  dialled(
    id: number,
    parent: number | undefined,
    ms: readonly [number, number],
    changes: SpanChanges = {},
  ): SpanRecord {
    return aSpan(id, parent, {
      name: SPAN.stream,
      kind: SPAN_KIND.client,
      from: this.dialler,
      ms,
      ...changes,
      values: { ...this.attributes('dialler'), ...changes.values },
      events: changes.events ?? [anEvent(SPAN_EVENT.synSent, ms[0]), anEvent(SPAN_EVENT.synAckReceived, ms[0] + 4)],
    });
  }

  accepted(
    id: number,
    parent: number | undefined,
    ms: readonly [number, number],
    changes: SpanChanges = {},
  ): SpanRecord {
    return aSpan(id, parent, {
      traceId: traceIdOf(2),
      name: SPAN.stream,
      kind: SPAN_KIND.server,
      from: this.acceptor,
      ms,
      ...changes,
      values: { ...this.attributes('acceptor'), ...changes.values },
      events: changes.events ?? [anEvent(SPAN_EVENT.synReceived, ms[0]), anEvent(SPAN_EVENT.synAckSent, ms[0])],
    });
  }

  /** A dial span that saw no SYN|ACK. */
  unanswered(id: number, parent: number | undefined, ms: readonly [number, number]): SpanRecord {
    const values = this.#dialAttributes('dialler');
    return aSpan(id, parent, { name: SPAN.dial, kind: SPAN_KIND.client, from: this.dialler, ms, values });
  }

  #dialAttributes(role: 'dialler' | 'acceptor'): Attributes {
    return {
      [ATTR.dialId]: this.dialId,
      [ATTR.flowRole]: role,
      [ATTR.flowDiallerKey]: exporterOf(this.dialler).publicKey,
      [ATTR.flowDiallerPort]: this.#facts.diallerPort,
      [ATTR.flowAcceptorKey]: exporterOf(this.acceptor).publicKey,
      [ATTR.flowAcceptorPort]: this.#facts.acceptorPort,
      [ATTR.flowDiallerSeq]: this.#facts.diallerSequence,
    };
  }
}

/** The joined trace that joins make of a raw one. */
export function joinedTrace(joins: readonly FlowJoin[], traceId: string): JoinedTrace {
  const index = new JoinIndex();
  index.recall(joins);
  return index.familyOf(traceId);
}
