import type { Instant } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import { ATTR, SPAN, type Span, type SpanContext, silentTracer, type Tracer } from '../base/tracer.ts';
import type { TunnelTable } from '../tunnel/tunnel-table.ts';
import { fromBase64 } from '../wire/registry-message.ts';
import type { RegistryCall, RequestOf } from '../wire/registry-request.ts';
import { PeerDirectory } from './directory.ts';
import type { Answer, TracedCall } from './registry-call.ts';
import type { NodeProfile } from './registry-profile.ts';
import { TrustGate } from './trust-gate.ts';
import { type KeyRotation, rotationsOf } from './trusted-peers.ts';

/** What the lookups need of the node they belong to. */
export interface LookupHost {
  readonly profile: Pick<NodeProfile, 'public' | 'lanAddresses'>;
  readonly tunnels: TunnelTable;
  readonly tracer: Tracer;
  /** Ports that only trusted peers may open, also on a public node. */
  readonly trustedPorts: ReadonlySet<number>;
  nodeId(): number;
  ask<T extends RegistryCall>(
    type: T,
    request: RequestOf<T>,
    answer: Answer<T>,
    now: Instant,
    traced: TracedCall,
  ): void;
  /** The registry named this identity key for a node, and how it came to it. */
  identityTold(nodeId: number, publicKey: Uint8Array, rotations: readonly KeyRotation[]): void;
  /** The dial that waits for a peer: what is asked about it is asked on its behalf. */
  dialOf(nodeId: number): SpanContext | undefined;
}

/** What a node asks its registry about its peers: their keys, where they are, and whether they may come in. */
export class PeerLookups {
  readonly #host: LookupHost;
  readonly #gate = new TrustGate();
  readonly #directory: PeerDirectory;
  #gateDrops = 0;

  constructor(host: LookupHost) {
    this.#host = host;
    this.#directory = new PeerDirectory(host.profile.lanAddresses);
  }

  /** Newcomers that the trust gate turned away or made wait. */
  get gateDrops(): number {
    return this.#gateDrops;
  }

  /** Whom we dial may answer on some ports for a while. */
  dialled(nodeId: number, now: Instant): void {
    this.#gate.dialled(nodeId, now);
  }

  /** Trust may have changed: the registry is asked anew. */
  forgetTrust(nodeId: number): void {
    this.#gate.forget(nodeId);
  }

  /** Whether a newcomer gets in. One whose standing is unknown is asked about and dropped: it will try again. */
  admits(peer: number, port: number, now: Instant): boolean {
    const { profile, trustedPorts } = this.#host;
    if (profile.public && !trustedPorts.has(port)) return true;
    const verdict = this.#gate.judge(peer, port, now);
    if (verdict === 'allowed') return true;
    this.#gateDrops += 1;
    if (verdict === 'unknown' && this.#gate.mayAsk(peer, now)) this.#checkTrust(peer, now);
    return false;
  }

  /** Asks for the identity key of a peer, for the tunnels. */
  lookUpKey(nodeId: number, now: Instant): void {
    const answer = (publicKey: Uint8Array | undefined, at: Instant) =>
      this.#host.tunnels.providePeerKey(nodeId, publicKey, at);
    this.askKey(nodeId, answer, now);
  }

  /** Asks for the identity key of a peer; undefined when there is none to be had. A key other than before is news. */
  askKey(nodeId: number, then: (publicKey: Uint8Array | undefined, now: Instant) => void, now: Instant): void {
    const answer: Answer<'lookup'> = (result, at) => {
      const publicKey = result instanceof PilotError ? undefined : fromBase64(result.publicKey);
      if (publicKey !== undefined && !(result instanceof PilotError)) {
        this.#host.identityTold(nodeId, publicKey, rotationsOf(result));
      }
      then(publicKey, at);
    };
    this.#host.ask('lookup', { nodeId }, answer, now, this.#traced(nodeId));
  }

  /** Asks where a peer is, for the tunnels. Looking for a better path is no one's request and not traced. */
  resolve(nodeId: number, now: Instant): void {
    const parent = this.#host.dialOf(nodeId);
    const tracer = parent === undefined ? silentTracer : this.#host.tracer;
    const attributes = { [ATTR.peerNodeId]: nodeId };
    const span = tracer.startSpan(SPAN.resolve, { at: now.unixNano, parent, attributes });
    const answer: Answer<'resolve'> = (result, at) => {
      endSpan(span, result, at);
      if (!(result instanceof PilotError)) this.#directory.learn(nodeId, result);
      this.#host.tunnels.provideEndpoints(nodeId, this.#directory.endpointsOf(nodeId), at);
    };
    const request = { nodeId, requesterId: this.#host.nodeId() };
    this.#host.ask('resolve', request, answer, now, parent === undefined ? 'untraced' : { parent: span.context });
  }

  #checkTrust(peer: number, now: Instant): void {
    const answer: Answer<'check_trust'> = (result, at) => {
      if (!(result instanceof PilotError)) this.#gate.answer(peer, result.trusted, at);
    };
    this.#host.ask('check_trust', { nodeId: this.#host.nodeId(), peerId: peer }, answer, now, this.#traced(peer));
  }

  #traced(nodeId: number): TracedCall {
    const parent = this.#host.dialOf(nodeId);
    return parent === undefined ? 'untraced' : { parent };
  }
}

function endSpan(span: Span, result: object, now: Instant): void {
  if (!(result instanceof PilotError)) return span.end(now.unixNano);
  span.setAttributes({ [ATTR.errorType]: result.code });
  span.end(now.unixNano, { code: 'error', message: result.message });
}
