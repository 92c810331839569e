import { BoundedQueue } from '../../base/bounded-queue.ts';
import { SPAN } from '../../base/tracer.ts';
import type { FlowJoin, FoundJoin } from '../flow-join.ts';
import type { SpanRecord } from '../span.ts';
import type { HandshakeTimes } from './clock-offsets.ts';
import { type DisbelievedFlow, type FlowClaim, type FlowRole, readFlowClaim } from './flow-claim.ts';
import { FlowMemory, type MemoryLimits } from './flow-memory.ts';

/** Dials that were not answered as far as their dialler knows, and streams that were accepted for them. */
interface Dial {
  unanswered: FlowClaim | undefined;
  readonly accepted: FlowClaim[];
}

type Ignored = DisbelievedFlow | 'second-claim' | 'too-many-joins';

/** Streams that one dial may have opened: its packet can arrive again after the acceptor has forgotten it. */
const MOST_PER_DIAL = 8;
const MOST_WAITING = 100_000;
/** Joins that wait and rest on the word of one node. */
const MOST_WAITING_OF_ONE = 10_000;

/**
 * Joins what several nodes recorded for one flow id. Spans may arrive in any order and more than once: the joins are the
 * same, except that one is said again when its flow was forgotten in between. State is bounded, for each node by its key.
 *
 * @see PROTOCOL.md, "Stitching"
 */
export class FlowStitcher {
  readonly #flows: FlowMemory<Map<FlowRole, FlowClaim>>;
  readonly #dials: FlowMemory<Dial>;
  readonly #joins = new BoundedQueue<FoundJoin>({ items: MOST_WAITING });
  readonly #waitingOf = new Map<string, number>();
  readonly #handshakes = new BoundedQueue<HandshakeTimes>({ items: MOST_WAITING });
  readonly #ignored: Record<Ignored, number> = {
    unauthenticated: 0,
    'not-an-end-of-it': 0,
    'same-key': 0,
    'id-differs': 0,
    malformed: 0,
    'second-claim': 0,
    'too-many-joins': 0,
  };
  #believed = 0;

  constructor(limits: MemoryLimits = { flows: 50_000, flowsOfOneNode: 10_000 }) {
    this.#flows = new FlowMemory(limits, () => new Map());
    this.#dials = new FlowMemory(limits, () => ({ unanswered: undefined, accepted: [] }));
  }

  /** Spans whose word about a flow was not taken, by reason. The spans themselves are kept as ordinary ones. */
  get ignored(): Readonly<Record<Ignored, number>> {
    return this.#ignored;
  }

  /** Claims that were taken. */
  get believed(): number {
    return this.#believed;
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
    const refused = typeof claim === 'string' ? claim : this.#handleClaim(claim, span.name === SPAN.dial);
    if (refused === undefined) this.#believed += 1;
    else this.#ignored[refused] += 1;
  }

  pollJoin(): FoundJoin | undefined {
    const join = this.#joins.shift();
    if (join === undefined) return undefined;
    const left = (this.#waitingOf.get(join.by) ?? 1) - 1;
    if (left > 0) this.#waitingOf.set(join.by, left);
    else this.#waitingOf.delete(join.by);
    return join;
  }

  /** The handshake of a flow of which both ends were heard: evidence for ClockOffsets. */
  pollHandshake(): HandshakeTimes | undefined {
    return this.#handshakes.shift();
  }

  #handleClaim(claim: FlowClaim, isDial: boolean): 'second-claim' | undefined {
    return isDial ? this.#handleDial(claim) : this.#handleStream(claim);
  }

  #handleStream(claim: FlowClaim): 'second-claim' | undefined {
    if (claim.flowId === undefined) return undefined;
    const ends = this.#flows.recall(claim.flowId, claim.publicKey);
    const known = ends.get(claim.role);
    if (known !== undefined) return sameSpan(known, claim) ? undefined : 'second-claim';
    ends.set(claim.role, claim);
    const [dialler, acceptor] = [ends.get('dialler'), ends.get('acceptor')];
    if (dialler !== undefined && acceptor !== undefined) this.#joinEnds(claim.flowId, dialler, acceptor);
    if (claim.role === 'acceptor') this.#handleAccepted(claim);
    return undefined;
  }

  #joinEnds(flowId: string, dialler: FlowClaim, acceptor: FlowClaim): void {
    for (const join of joinsOf(flowId, dialler, acceptor)) this.#found(join);
    const times = handshakeOf(dialler, acceptor);
    if (times !== undefined) this.#handshakes.push(times);
  }

  /** A dial that was answered is told by its stream. One that was not joins what its peer accepted. */
  #handleDial(claim: FlowClaim): 'second-claim' | undefined {
    if (claim.flowId !== undefined) return undefined;
    const dial = this.#dials.recall(claim.dialId, claim.publicKey);
    if (dial.unanswered !== undefined) return sameSpan(dial.unanswered, claim) ? undefined : 'second-claim';
    dial.unanswered = claim;
    for (const accepted of dial.accepted) this.#joinDial(claim, accepted);
    return undefined;
  }

  #handleAccepted(claim: FlowClaim): void {
    const { accepted, unanswered } = this.#dials.recall(claim.dialId, claim.publicKey);
    if (accepted.length >= MOST_PER_DIAL || accepted.some((known) => sameSpan(known, claim))) return;
    accepted.push(claim);
    if (unanswered !== undefined) this.#joinDial(unanswered, claim);
  }

  #joinDial(unanswered: FlowClaim, accepted: FlowClaim): void {
    if (accepted.flowId === undefined) return;
    this.#found({ ...rowOf(accepted.flowId, 'joined', unanswered, accepted), by: unanswered.publicKey });
  }

  #found(join: FoundJoin): void {
    const waiting = this.#waitingOf.get(join.by) ?? 0;
    if (waiting >= MOST_WAITING_OF_ONE) this.#ignored['too-many-joins'] += 1;
    else if (this.#joins.push(join)) this.#waitingOf.set(join.by, waiting + 1);
  }
}

/**
 * Under which requests a flow belongs. Each end says for what it was opened (its parent) and what it carried (its links);
 * together they name the request traces. One or none: both ends are of that trace. More: the flow is linked to each. What
 * only one end links to is pointed at, never merged: a node may name any trace.
 */
export function joinsOf(flowId: string, dialler: FlowClaim, acceptor: FlowClaim): FoundJoin[] {
  const own = new Set([dialler.traceId, acceptor.traceId]);
  const [ours, theirs] = [dialler, acceptor].map(({ links }) => new Set(links.map(({ traceId }) => traceId)));
  const carried = new Map<string, SpanIds & { readonly by: string }>();
  const links = [dialler, acceptor].flatMap((end) => end.links.map((link) => ({ ...link, by: end.publicKey })));
  for (const link of links.sort(byIds)) {
    if (!own.has(link.traceId) && !carried.has(link.traceId)) carried.set(link.traceId, link);
  }
  const parents = new Set(carried.keys());
  if (dialler.parented) parents.add(dialler.traceId);
  if (acceptor.parented) parents.add(acceptor.traceId);
  const kind = parents.size > 1 ? 'linked' : 'joined';
  // a stream that nothing is the parent of has a trace of its own, which both its ends share
  const endsKind = dialler.parented || acceptor.parented ? kind : 'joined';
  const kindOf = ({ traceId }: SpanIds) => (ours?.has(traceId) && theirs?.has(traceId) ? kind : 'linked');
  return [
    { ...rowOf(flowId, endsKind, dialler, acceptor), by: dialler.publicKey },
    ...[...carried.values()].map((link) => ({ ...rowOf(flowId, kindOf(link), link, dialler), by: link.by })),
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
    dialler: { publicKey: dialler.publicKey, nodeId: dialler.nodeId },
    acceptor: { publicKey: acceptor.publicKey, nodeId: acceptor.nodeId },
    diallerEpochs: ours.epochs,
    acceptorEpochs: theirs.epochs,
    t1: ours.first,
    t2: theirs.first,
    t3: theirs.second,
    t4: ours.second,
    at: Math.min(ours.at, theirs.at),
  };
}

function sameSpan(one: SpanIds, other: SpanIds): boolean {
  return one.traceId === other.traceId && one.spanId === other.spanId;
}

function byIds(one: SpanIds, other: SpanIds): number {
  const [a, b] = [`${one.traceId}${one.spanId}`, `${other.traceId}${other.spanId}`];
  return a < b ? -1 : a > b ? 1 : 0;
}
