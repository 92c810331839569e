import type { Instant, Millis, RandomBytes } from '../base/clock.ts';
import type { Tracer } from '../base/tracer.ts';
import type { Endpoint } from '../base/transport.ts';
import { encodePacket, type Packet } from '../wire/packet.ts';
import { encodeTunnelFrame, type KeyExchangeFrame } from '../wire/tunnel-frame.ts';
import type { BeaconClient } from './hole-punch.ts';
import { Path, type Route } from './path.ts';
import type { Session } from './session.ts';
import { ACTIVE_MS, ENDPOINT_FRESH_MS, STRANGER_ACTIVE_MS } from './tunnel-config.ts';
import type { SessionKeys, TunnelDropReason, TunnelEvent } from './tunnel-event.ts';

/** What a tunnel needs of the table it is in. */
export interface TunnelContext {
  readonly random: RandomBytes;
  readonly tracer: Tracer;
  readonly ownNodeId: number;
  beacon(): BeaconClient | undefined;
  /** The signed PILA for one of our tunnel keys. */
  signKeyExchange(x25519PublicKey: Uint8Array): KeyExchangeFrame;
  transmit(to: Endpoint, bytes: Uint8Array): void;
  emit(event: TunnelEvent): void;
  drop(reason: TunnelDropReason, peerNodeId?: number, from?: Endpoint): void;
  /** A frame of the peer for us opened under this key of its: nobody else has it. */
  keyProven(peerNodeId: number, keys: SessionKeys): void;
  /** A punch command told of this endpoint a moment ago, whomever it belongs to. */
  wasPunched(endpoint: Endpoint, now: Instant): boolean;
  /** May a frame of this peer that cannot be opened be answered? Bounded over all peers. */
  mayRecover(peerNodeId: number, now: Instant): boolean;
}

/** What the parts of one tunnel share: who the peer is, which way its datagrams go, when it was heard and needed. */
export class TunnelPeer {
  readonly nodeId: number;
  readonly context: TunnelContext;
  readonly path: Path;
  /** Kept up without traffic of an application. */
  watched = false;
  /** Something of ours was for it. */
  wanted = false;
  /** Nothing was heard for so long that it was said. */
  silent = false;
  /** Counts this node's key exchanges with the peer. */
  epoch = 0;
  lastApplication: Millis;
  lastHeard: Instant | undefined;
  lastSent: Millis;
  bytesSent = 0;
  packetsSent = 0;
  #endpointsAsked: Millis | undefined;

  constructor(nodeId: number, context: TunnelContext, now: Instant) {
    this.nodeId = nodeId;
    this.context = context;
    this.path = new Path(now);
    this.lastApplication = now.monotonicMs;
    this.lastSent = now.monotonicMs;
  }

  /** It came to us, and nothing that it sealed was heard yet: the key it showed may be nobody's. */
  get isStranger(): boolean {
    return !this.wanted && this.lastHeard === undefined;
  }

  isActive(now: Instant): boolean {
    const forMs = this.isStranger ? STRANGER_ACTIVE_MS : ACTIVE_MS;
    return this.watched || now.monotonicMs - this.lastApplication < forMs;
  }

  idleMs(now: Instant): Millis {
    return this.watched ? 0 : now.monotonicMs - this.lastApplication;
  }

  heardWithin(ms: Millis, now: Instant): boolean {
    return this.lastHeard !== undefined && now.monotonicMs - this.lastHeard.monotonicMs < ms;
  }

  /** Asks for a fresh resolve, unless the last is fresh; true when it asked. */
  askEndpoints(now: Instant): boolean {
    if (this.#endpointsAsked !== undefined && now.monotonicMs - this.#endpointsAsked < ENDPOINT_FRESH_MS) return false;
    this.#endpointsAsked = now.monotonicMs;
    this.context.emit({ type: 'endpoint-needed', nodeId: this.nodeId });
    return true;
  }

  /** Sends a frame on a route; without a beacon, one for the relay goes nowhere. */
  sendFrame(bytes: Uint8Array, route: Route, now: Instant): void {
    if (route.via === 'direct') this.context.transmit(route.endpoint, bytes);
    else {
      const beacon = this.context.beacon();
      if (beacon === undefined) return;
      beacon.relay(this.nodeId, bytes);
    }
    this.packetsSent += 1;
    this.bytesSent += bytes.length;
    this.lastSent = now.monotonicMs;
  }

  /** Seals a packet and sends it. */
  sendPacket(session: Session, packet: Packet, route: Route, now: Instant): void {
    const frame = session.seal(encodePacket(packet));
    this.sendFrame(encodeTunnelFrame(frame), route, now);
  }
}
