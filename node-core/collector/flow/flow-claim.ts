import { fromHex } from '../../base/bytes.ts';
import { ATTR, SPAN, SPAN_EVENT } from '../../base/tracer.ts';
import { computeDialId, computeFlowId, type DialFacts } from '../../crypto/flow-id.ts';
import { attributeOf, integerAttribute, type SpanRecord, textAttribute } from '../span.ts';

/** Why a span's word about a flow is not believed; the span itself is kept as an ordinary one. */
export type DisbelievedFlow = 'unauthenticated' | 'not-an-end-of-it' | 'same-key' | 'id-differs' | 'malformed';

export type FlowRole = 'dialler' | 'acceptor';

/** One end's first and second handshake event: t1 and t4 of a dialler, t2 and t3 of an acceptor. */
export interface HandshakeHalf {
  readonly first: bigint;
  readonly second: bigint;
  readonly epochs: readonly [number, number];
  /** Of the first event, in Unix milliseconds of the collector's clock. */
  readonly at: number;
}

/** What an authenticated end says of a flow, recomputed and found true. */
export interface FlowClaim {
  readonly role: FlowRole;
  /** Absent on a dial that was never answered. */
  readonly flowId: string | undefined;
  readonly dialId: string;
  readonly nodeId: number;
  /** Of the end that says it, 64 hex digits. */
  readonly publicKey: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Whether the span has a parent in its own trace. */
  readonly parented: boolean;
  /** Other traces that the flow carried something for, each with the span that did. */
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly handshake: HandshakeHalf | undefined;
}

const NANOS_PER_MS = 1e6;
const MOST_LINKS = 64;
const KEY = /^[0-9a-f]{64}$/;
const TRACE_ID = /^[0-9a-f]{32}$/;
const SPAN_ID = /^[0-9a-f]{16}$/;

export function claimsFlow(span: SpanRecord): boolean {
  return span.attributes.some(({ key }) => key === ATTR.flowId || key === ATTR.dialId);
}

/**
 * Believes a stream or dial span about its flow: the authenticated exporter's key must be the key of the role that the span
 * claims, and the id must be the one that keys, ports and sequences give. Other spans about a flow belong to no end of it.
 *
 * @see PROTOCOL.md, "Flow identity"
 */
export function readFlowClaim(span: SpanRecord): FlowClaim | DisbelievedFlow | undefined {
  const isDial = span.name === SPAN.dial;
  if (!claimsFlow(span) || (!isDial && span.name !== SPAN.stream)) return undefined;
  const { exporter } = span;
  if (exporter === undefined) return 'unauthenticated';
  const ends = readEnds(span);
  if (ends === undefined) return 'malformed';
  const { role, facts, acceptorSequence } = ends;
  // a node that calls itself tells its own tracer, and nobody else could say which of its two words is true
  if (ends.keys.dialler === ends.keys.acceptor) return 'same-key';
  if (exporter.publicKey !== ends.keys[role]) return 'not-an-end-of-it';
  const dialId = computeDialId(facts);
  const flowId = acceptorSequence === undefined ? undefined : computeFlowId({ ...facts, acceptorSequence });
  if (!isDial && role === 'dialler' && flowId === undefined) return undefined; // never opened: its dial span tells
  if (differs(span, ATTR.flowId, flowId) || differs(span, ATTR.dialId, dialId)) return 'id-differs';
  if (isDial ? role !== 'dialler' : flowId === undefined) return 'malformed';
  return {
    role,
    flowId,
    dialId,
    nodeId: exporter.nodeId,
    publicKey: exporter.publicKey,
    traceId: span.traceId,
    spanId: span.spanId,
    parented: span.parentSpanId !== '' && span.parentSpanId !== span.spanId,
    links: span.links
      .filter((link) => TRACE_ID.test(link.traceId) && SPAN_ID.test(link.spanId) && link.traceId !== span.traceId)
      .slice(0, MOST_LINKS)
      .map(({ traceId, spanId }) => ({ traceId, spanId })),
    handshake: isDial ? undefined : readHandshake(span, role),
  };
}

interface Ends {
  readonly role: FlowRole;
  readonly keys: Readonly<Record<FlowRole, string>>;
  readonly facts: DialFacts;
  readonly acceptorSequence: number | undefined;
}

function readEnds({ attributes }: SpanRecord): Ends | undefined {
  const role = textAttribute(attributes, ATTR.flowRole);
  const dialler = textAttribute(attributes, ATTR.flowDiallerKey) ?? '';
  const acceptor = textAttribute(attributes, ATTR.flowAcceptorKey) ?? '';
  const diallerPort = integerAttribute(attributes, ATTR.flowDiallerPort, 0xffff);
  const acceptorPort = integerAttribute(attributes, ATTR.flowAcceptorPort, 0xffff);
  const diallerSequence = integerAttribute(attributes, ATTR.flowDiallerSeq);
  if (role !== 'dialler' && role !== 'acceptor') return undefined;
  if (!KEY.test(dialler) || !KEY.test(acceptor)) return undefined;
  if (diallerPort === undefined || acceptorPort === undefined || diallerSequence === undefined) return undefined;
  const facts = {
    diallerKey: fromHex(dialler),
    diallerPort,
    acceptorKey: fromHex(acceptor),
    acceptorPort,
    diallerSequence,
  };
  const acceptorSequence = integerAttribute(attributes, ATTR.flowAcceptorSeq);
  return { role, keys: { dialler, acceptor }, facts, acceptorSequence };
}

/** Whether the span names another id than the one that was computed. A span may leave one out. */
function differs(span: SpanRecord, key: string, computed: string | undefined): boolean {
  const claimed = attributeOf(span.attributes, key);
  return claimed !== undefined && claimed !== computed;
}

function readHandshake(span: SpanRecord, role: FlowRole): HandshakeHalf | undefined {
  const [firstName, secondName] =
    role === 'dialler'
      ? [SPAN_EVENT.synSent, SPAN_EVENT.synAckReceived]
      : [SPAN_EVENT.synReceived, SPAN_EVENT.synAckSent];
  const first = span.events.find((event) => event.name === firstName);
  const second = span.events.find((event) => event.name === secondName);
  if (first === undefined || second === undefined) return undefined;
  const ofSpan = integerAttribute(span.attributes, ATTR.clockEpoch) ?? 0;
  // the span was sent when it ended: so long before its arrival, by the clock that stamped both, the handshake was
  const ageMs = Math.max(0, Number(span.endTimeUnixNano - first.timeUnixNano) / NANOS_PER_MS);
  return {
    first: first.timeUnixNano,
    second: second.timeUnixNano,
    epochs: [
      integerAttribute(first.attributes, ATTR.clockEpoch) ?? ofSpan,
      integerAttribute(second.attributes, ATTR.clockEpoch) ?? ofSpan,
    ],
    at: Number(span.arrivedAt) / NANOS_PER_MS - ageMs,
  };
}
