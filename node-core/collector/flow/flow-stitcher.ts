import { BoundedQueue } from '../../base/bounded-queue.ts';
import { SPAN } from '../../base/tracer.ts';
import type { FlowJoin } from '../flow-join.ts';
import type { SpanRecord } from '../span.ts';
import type { HandshakeTimes } from './clock-offsets.ts';
import { type DisbelievedFlow, type FlowClaim, type FlowRole, readFlowClaim } from './flow-claim.ts';
import { FlowMemory, type MemoryLimits } from './flow-memory.ts';

/** Dials that were not answered as far as their dialler knows, and streams that were accepted for them. */
interface Dial {
  readonly unanswered: Map<string, FlowClaim>;
  readonly accepted: Map<string, FlowClaim>;
}

type Ignored = DisbelievedFlow | 'second-claim';

const MOST_PER_DIAL = 8;
const MOST_WAITING = 100_000;

/**
 * Joins what several nodes recorded for one flow id. Spans may arrive in any order and more than once: the joins are the
 * same, except that one is said again when its flow was forgotten in between. State is bounded.
 *
 * @see PROTOCOL.md, "Stitching"
 */
export class FlowStitcher {
  readonly #flows: FlowMemory<Map<FlowRole, FlowClaim>>;
  readonly #dials: FlowMemory<Dial>;
  readonly #joins = new BoundedQueue<FlowJoin>({ items: MOST_WAITING });
  readonly #handshakes = new BoundedQueue<HandshakeTimes>({ items: MOST_WAITING });
  readonly #ignored: Record<Ignored, number> = {
    unauthenticated: 0,
    'not-an-end-of-it': 0,
    'id-differs': 0,
    malformed: 0,
    'second-claim': 0,
  };

  constructor(limits: MemoryLimits = { flows: 50_000, flowsOfOneNode: 10_000 }) {
    this.#flows = new FlowMemory(limits, () => new Map());
    this.#dials = new FlowMemory(limits, () => ({ unanswered: new Map(), accepted: new Map() }));
  }

  /** Spans whose word about a flow was not taken, by reason. The spans themselves are kept as ordinary ones. */
  get ignored(): Readonly<Record<Ignored, number>> {
    return this.#ignored;
  }

  get remembered(): number {
    return this.#flows.size + this.#dials.size;
  }

  /** Joins and handshakes that nobody took in time. */
  get dropped(): number {
    return this.#joins.dropped + this.#handshakes.dropped;
  }

  handleSpan(span: SpanRecord): void {
    const claim = readFlowClaim(span);
    if (claim === undefined) return;
    if (typeof claim === 'string') this.#ignored[claim] += 1;
    else if (span.name === SPAN.dial) this.#handleDial(claim);
    else this.#handleStream(claim);
  }

  pollJoin(): FlowJoin | undefined {
    return this.#joins.shift();
  }

  /** The handshake of a flow of which both ends were heard: evidence for ClockOffsets. */
  pollHandshake(): HandshakeTimes | undefined {
    return this.#handshakes.shift();
  }

  #handleStream(claim: FlowClaim): void {
    if (claim.flowId === undefined) return;
    const ends = this.#flows.recall(claim.flowId, claim.nodeId);
    const known = ends.get(claim.role);
    if (known !== undefined) {
      if (!sameSpan(known, claim)) this.#ignored['second-claim'] += 1;
      return;
    }
    ends.set(claim.role, claim);
    const [dialler, acceptor] = [ends.get('dialler'), ends.get('acceptor')];
    if (dialler !== undefined && acceptor !== undefined) this.#joinEnds(claim.flowId, dialler, acceptor);
    if (claim.role === 'acceptor') this.#handleAccepted(claim);
  }

  #joinEnds(flowId: string, dialler: FlowClaim, acceptor: FlowClaim): void {
    for (const join of joinsOf(flowId, dialler, acceptor)) this.#joins.push(join);
    const times = handshakeOf(dialler, acceptor);
    if (times !== undefined) this.#handshakes.push(times);
  }

  /** A dial that was answered is told by its stream. One that was not joins what its peer accepted. */
  #handleDial(claim: FlowClaim): void {
    if (claim.flowId !== undefined) return;
    const dial = this.#dials.recall(claim.dialId, claim.nodeId);
    if (!noteSpan(dial.unanswered, claim)) return;
    for (const accepted of dial.accepted.values()) this.#joinDial(claim, accepted);
  }

  #handleAccepted(claim: FlowClaim): void {
    const dial = this.#dials.recall(claim.dialId, claim.nodeId);
    if (!noteSpan(dial.accepted, claim)) return;
    for (const unanswered of dial.unanswered.values()) this.#joinDial(unanswered, claim);
  }

  #joinDial(unanswered: FlowClaim, accepted: FlowClaim): void {
    if (accepted.flowId !== undefined) this.#joins.push(rowOf(accepted.flowId, 'joined', unanswered, accepted));
  }
}

/**
 * Under which requests a flow belongs. Each end says for what it was opened (its parent) and what it carried (its links);
 * together they name the request traces. One or none: both ends are of that trace. More: the flow is linked to each.
 */
export function joinsOf(flowId: string, dialler: FlowClaim, acceptor: FlowClaim): FlowJoin[] {
  const own = new Set([dialler.traceId, acceptor.traceId]);
  const carried = new Map<string, { readonly traceId: string; readonly spanId: string }>();
  for (const link of [...dialler.links, ...acceptor.links].sort(byIds)) {
    if (!own.has(link.traceId) && !carried.has(link.traceId)) carried.set(link.traceId, link);
  }
  const parents = new Set(carried.keys());
  if (dialler.parented) parents.add(dialler.traceId);
  if (acceptor.parented) parents.add(acceptor.traceId);
  const kind = parents.size > 1 ? 'linked' : 'joined';
  // a stream that nothing is the parent of has a trace of its own, which both its ends share
  const endsKind = dialler.parented || acceptor.parented ? kind : 'joined';
  return [
    rowOf(flowId, endsKind, dialler, acceptor),
    ...[...carried.values()].map((request) => rowOf(flowId, kind, request, dialler)),
  ];
}

type SpanIds = { readonly traceId: string; readonly spanId: string };

function rowOf(flowId: string, kind: FlowJoin['kind'], upper: SpanIds, lower: SpanIds): FlowJoin {
  return {
    flowId,
    kind,
    diallerTraceId: upper.traceId,
    diallerSpanId: upper.spanId,
    acceptorTraceId: lower.traceId,
    acceptorSpanId: lower.spanId,
  };
}

function handshakeOf(dialler: FlowClaim, acceptor: FlowClaim): HandshakeTimes | undefined {
  const [ours, theirs] = [dialler.handshake, acceptor.handshake];
  if (ours === undefined || theirs === undefined) return undefined;
  return {
    diallerNodeId: dialler.nodeId,
    acceptorNodeId: acceptor.nodeId,
    diallerEpochs: ours.epochs,
    acceptorEpochs: theirs.epochs,
    t1: ours.first,
    t2: theirs.first,
    t3: theirs.second,
    t4: ours.second,
    at: Math.min(ours.at, theirs.at),
  };
}

/** Returns false when the span is known, or when there are more of them than one dial can have. */
function noteSpan(spans: Map<string, FlowClaim>, claim: FlowClaim): boolean {
  const key = `${claim.traceId} ${claim.spanId}`;
  if (spans.has(key) || spans.size >= MOST_PER_DIAL) return false;
  spans.set(key, claim);
  return true;
}

function sameSpan(one: SpanIds, other: SpanIds): boolean {
  return one.traceId === other.traceId && one.spanId === other.spanId;
}

function byIds(one: SpanIds, other: SpanIds): number {
  const [a, b] = [`${one.traceId}${one.spanId}`, `${other.traceId}${other.spanId}`];
  return a < b ? -1 : a > b ? 1 : 0;
}
