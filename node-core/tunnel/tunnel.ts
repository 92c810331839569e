import { BoundedQueue } from '../base/bounded-queue.ts';
import { earliest, type Instant, type Millis } from '../base/clock.ts';
import type { SpanContext } from '../base/tracer.ts';
import { type Endpoint, formatEndpoint } from '../base/transport.ts';
import { type Packet, PROTOCOL } from '../wire/packet.ts';
import type { KeyExchangeFrame, KeyRequestFrame, SealedFrame } from '../wire/tunnel-frame.ts';
import { controlKind, isAnonymousKeepalive, pongPacket } from './control-packet.ts';
import { KeyExchange } from './key-exchange.ts';
import type { RingOpenResult } from './key-ring.ts';
import { direct, RELAY, type Route } from './path.ts';
import { PathKeeper } from './path-keeper.ts';
import { Pinger } from './pinger.ts';
import type { Session } from './session.ts';
import { TimerTable } from './timer-table.ts';
import {
  CLOSE_IDLE_MS,
  CLOSE_KEYLESS_MS,
  QUEUE_LIMIT,
  QUEUED_PACKET_LIFETIME_MS,
  UNDECRYPTABLE_LIFETIME_MS,
} from './tunnel-config.ts';
import type { PeerEndpoints, TunnelMeasurement } from './tunnel-event.ts';
import { type TunnelContext, TunnelPeer } from './tunnel-peer.ts';

type Opened = Extract<RingOpenResult, { outcome: 'opened' }>;

interface QueuedPacket {
  readonly packet: Packet;
  readonly until: Millis;
}

interface ReceivedFrame {
  readonly frame: SealedFrame;
  readonly route: Route;
  readonly receivedAt: Instant;
}

/** A frame that no key opens yet. */
interface HeldFrame extends ReceivedFrame {
  /** The newest session under which it was tried. */
  readonly triedUpTo: number;
}

const DROP_OF = {
  replayed: 'replayed',
  malformed: 'malformed-packet',
  misaddressed: 'misaddressed',
} as const;

/** Of a PILS, before the ciphertext: magic, sender, nonce. */
const SEALED_HEAD_LENGTH = 20;

/**
 * The encrypted association with one peer: what it sends and receives. `KeyExchange` sees to its keys, `PathKeeper` to
 * its path.
 *
 *     no session ──PILA verified──> established ──8 s without an answer──> silent ──frame opened──> established
 *         │ (packets wait: 64)           └── a new key of either side: candidate until a frame opens under it
 *         └── 6 attempts unanswered: rests, goes on while packets wait
 */
export class Tunnel {
  readonly peerNodeId: number;
  readonly #peer: TunnelPeer;
  readonly #pinger: Pinger;
  readonly #keys: KeyExchange;
  readonly #path: PathKeeper;
  readonly #timers = new TimerTable<'expiry' | 'idle'>();
  readonly #queue = new BoundedQueue<QueuedPacket>(QUEUE_LIMIT, (queued) => queued.packet.payload.length);
  readonly #held = new BoundedQueue<HeldFrame>(QUEUE_LIMIT, (held) => held.frame.ciphertext.length);
  #bytesReceived = 0;
  #packetsReceived = 0;

  constructor(peerNodeId: number, context: TunnelContext, now: Instant) {
    this.peerNodeId = peerNodeId;
    this.#peer = new TunnelPeer(peerNodeId, context, now);
    this.#pinger = new Pinger(this.#peer);
    const isWaitedFor = () => this.#queue.size > 0 || this.#pinger.waiting > 0;
    this.#keys = new KeyExchange(this.#peer, this.#pinger, isWaitedFor, now);
    this.#path = new PathKeeper(this.#peer, this.#pinger, () => this.#keys.session);
    this.#timers.set('idle', now.monotonicMs + CLOSE_KEYLESS_MS);
  }

  get hasSession(): boolean {
    return this.#keys.session !== undefined;
  }

  /** The peer has shown that it has the keys of the session. */
  get isProven(): boolean {
    return this.#keys.session?.proven === true;
  }

  /** Since the last packet of an application; 0 while it is watched. */
  idleMs(now: Instant): Millis {
    return this.#peer.idleMs(now);
  }

  /** Begins a key exchange if there is no session; its span gets this parent. */
  connect(now: Instant, parent?: SpanContext): void {
    if (parent !== undefined) this.#keys.setParent(parent);
    this.#want(now);
  }

  /** A watched tunnel is kept up and pinged without traffic of an application. */
  watch(on: boolean, now: Instant): void {
    this.#peer.watched = on;
    if (on) this.#want(now);
  }

  /** False when the packet was dropped because too many wait for the key. */
  send(packet: Packet, now: Instant): boolean {
    const session = this.#keys.session;
    if (session !== undefined) this.#sendPacket(session, packet, now);
    const taken = session !== undefined || this.#enqueue(packet, now);
    this.#want(now);
    return taken;
  }

  /** Answered by a `pong` or a `ping-timeout` event; without a session it waits for one. */
  ping(pingId: number, timeoutMs: Millis, now: Instant): void {
    this.#pinger.ask(pingId, timeoutMs, now);
    const session = this.#keys.session;
    if (session !== undefined) this.#pinger.sendWaiting(session, this.#peer.path.route ?? RELAY, now);
    this.#want(now);
  }

  provideEndpoints(endpoints: PeerEndpoints | undefined, now: Instant): void {
    this.#peer.path.provide(endpoints);
    if (this.#keys.session === undefined) this.#keys.hasten(now);
    else this.#path.handleEndpoints(now);
  }

  /** A punch command of the beacon concerns this peer: its NAT is opening at this endpoint. */
  handlePunch(endpoint: Endpoint, now: Instant): void {
    this.#peer.path.notePunch(endpoint, now.monotonicMs);
    if (this.#peer.path.relayOnly) return;
    if (this.#keys.session === undefined) this.#keys.announce(direct(endpoint), now);
    else this.#path.handlePunch(endpoint, now);
  }

  /** True for an endpoint that the registry names as this peer's. */
  isKnownEndpoint(endpoint: Endpoint): boolean {
    return this.#peer.path.isKnown(endpoint);
  }

  /** A PILA whose signature and identity were verified. */
  handleKeyExchange(frame: KeyExchangeFrame, route: Route, now: Instant): void {
    const outcome = this.#keys.handleKeyExchange(frame, route, now);
    switch (outcome) {
      case 'installed':
        this.#onInstalled(route, now);
        this.#retryHeld(now);
        return;
      case 'candidate':
        this.#retryHeld(now);
        return;
      case 'new-identity':
        this.#emitRekeyed('peer');
        return;
      case 'retired':
        this.#peer.context.drop('retired-key', this.peerNodeId);
        return;
      case 'bad-key':
        this.#peer.context.drop('bad-key', this.peerNodeId);
        return;
      case 'unchanged':
      case 'known-candidate':
        return;
      default:
        throw outcome satisfies never;
    }
  }

  /** A PILK: the peer asks for our PILA. The key in it is signed by nobody and never used. */
  handleKeyRequest({ cookie }: KeyRequestFrame, route: Route, now: Instant): void {
    this.#keys.answer(route, now, cookie);
  }

  handleSealed(frame: SealedFrame, route: Route, now: Instant): void {
    const result = this.#keys.open(frame, now);
    if (result.outcome === 'opened') this.#onOpened(result, { frame, route, receivedAt: now }, now);
    else if (result.outcome === 'undecryptable') this.#hold({ frame, route, receivedAt: now }, now);
    else this.#peer.context.drop(DROP_OF[result.outcome], this.peerNodeId);
  }

  /** A frame came that needs keys we do not have. */
  recover(route: Route, now: Instant): void {
    this.#keys.recover(route, now);
  }

  close(now: Instant): void {
    this.#pinger.close();
    this.#keys.close(now);
    this.#path.close(now);
  }

  /** `idle` when the tunnel is no longer needed. */
  handleTimeout(now: Instant): 'alive' | 'idle' {
    this.#pinger.handleTimeout(now);
    this.#path.handleTimeout(now);
    if (this.#peer.silent && this.#peer.isActive(now)) this.#keys.start('silent', now);
    this.#keys.handleTimeout(now);
    const due = this.#timers.takeDue(now.monotonicMs);
    if (due.includes('expiry')) this.#expireQueues(now);
    return due.includes('idle') && this.#isIdle(now) ? 'idle' : 'alive';
  }

  nextTimeout(): Millis | undefined {
    return earliest(
      this.#timers.next(),
      this.#keys.nextTimeout(),
      this.#path.nextTimeout(),
      this.#pinger.nextTimeout(),
    );
  }

  measure(): TunnelMeasurement {
    const { path, epoch, bytesSent, packetsSent, lastHeard, context } = this.#peer;
    const { rttMs, lossRatio } = this.#pinger;
    const session = this.#keys.session;
    const beacon = path.kind === 'relay' ? context.beacon() : undefined;
    return {
      peerNodeId: this.peerNodeId,
      state: session === undefined ? 'key-exchange' : 'established',
      path: path.kind,
      pathSince: path.since.unixNano,
      ...(beacon === undefined ? {} : { relayBeacon: formatEndpoint(beacon.endpoint) }),
      ...(rttMs === undefined ? {} : { rttMs }),
      ...(lossRatio === undefined ? {} : { lossRatio }),
      bytesSent,
      bytesReceived: this.#bytesReceived,
      packetsSent,
      packetsReceived: this.#packetsReceived,
      epoch,
      keySince: session?.since.unixNano ?? 0n,
      lastHeard: lastHeard?.unixNano ?? 0n,
    };
  }

  /** Something should reach the peer: begin what is missing for it. */
  #want(now: Instant): void {
    this.#peer.wanted = true;
    this.#peer.lastApplication = now.monotonicMs;
    if (this.#keys.session === undefined) this.#keys.start('first', now);
    else if (this.#peer.silent) this.#keys.start('silent', now);
    this.#path.wake(now);
  }

  #onInstalled(route: Route, now: Instant): void {
    const session = this.#keys.session;
    if (session === undefined) return;
    this.#peer.epoch += 1;
    this.#path.begin(route, now);
    this.#keys.complete(now);
    const { peerNodeId } = this;
    this.#peer.context.emit({ type: 'established', peerNodeId, epoch: this.#peer.epoch, keys: session.keys });
    this.#timers.set('idle', now.monotonicMs + CLOSE_KEYLESS_MS);
    for (const { packet, until } of this.#queue.drain()) {
      if (until <= now.monotonicMs) this.#peer.context.drop('queue-expired', peerNodeId);
      else this.#sendPacket(session, packet, now);
    }
    this.#pinger.sendWaiting(session, route, now);
  }

  #emitRekeyed(by: 'peer' | 'own'): void {
    const session = this.#keys.session;
    if (session === undefined) return;
    const { peerNodeId } = this;
    this.#peer.context.emit({ type: 'rekeyed', peerNodeId, epoch: this.#peer.epoch, keys: session.keys, by });
  }

  #onOpened(result: Opened, { frame, route, receivedAt }: ReceivedFrame, now: Instant): void {
    this.#peer.lastHeard = now;
    this.#packetsReceived += 1;
    this.#bytesReceived += SEALED_HEAD_LENGTH + frame.ciphertext.length;
    if (result.promoted) {
      this.#peer.epoch += 1;
      this.#emitRekeyed(result.replacedOwn ? 'own' : 'peer');
    }
    if (this.#path.heard(route, now)) this.#keys.settle('silent');
    if (result.provedKey) this.#peer.context.keyProven(this.peerNodeId, result.session.keys);
    const { packet } = result;
    if (packet.source.node !== this.peerNodeId && !isAnonymousKeepalive(packet)) {
      this.#peer.context.drop('source-spoofed', this.peerNodeId);
    } else this.#onPacket(packet, result.session, { frame, route, receivedAt }, now);
  }

  #onPacket(packet: Packet, session: Session, { frame, route, receivedAt }: ReceivedFrame, now: Instant): void {
    const { context, path } = this.#peer;
    switch (packet.protocol) {
      case PROTOCOL.control:
        this.#handleControl(packet, session, route, receivedAt);
        return;
      case PROTOCOL.stream:
      case PROTOCOL.datagram: {
        this.#peer.lastApplication = now.monotonicMs;
        this.#path.wake(now);
        const { nonce } = frame;
        const { keys } = session;
        const kind = path.kindOf(route, now.monotonicMs);
        context.emit({ type: 'payload', peerNodeId: this.peerNodeId, packet, path: kind, receivedAt, nonce, keys });
        return;
      }
      default:
        context.drop('unknown-protocol', this.peerNodeId);
    }
  }

  #handleControl(packet: Packet, session: Session, route: Route, now: Instant): void {
    const kind = controlKind(packet);
    const { context } = this.#peer;
    switch (kind) {
      case 'keepalive':
        return;
      case 'ping':
        this.#peer.sendPacket(session, pongPacket(context.ownNodeId, packet), route, now);
        return;
      case 'pong': {
        const ping = this.#pinger.handlePong(packet, route, now);
        if (ping !== undefined) this.#path.handlePong(ping, route, now);
        return;
      }
      case 'unknown':
        context.drop('unknown-protocol', this.peerNodeId);
        return;
      default:
        throw kind satisfies never;
    }
  }

  #sendPacket(session: Session, packet: Packet, now: Instant): void {
    const { path } = this.#peer;
    const route = path.route ?? RELAY;
    this.#peer.sendPacket(session, packet, route, now);
    path.sent(route, false, now.monotonicMs);
  }

  #enqueue(packet: Packet, now: Instant): boolean {
    const until = now.monotonicMs + QUEUED_PACKET_LIFETIME_MS;
    if (this.#queue.push({ packet, until })) {
      this.#timers.setEarlier('expiry', until);
      return true;
    }
    this.#peer.context.drop('queue-full', this.peerNodeId);
    return false;
  }

  /** Frames may overtake, on another path, the key they are sealed with: they wait for it a moment. */
  #hold(received: ReceivedFrame, now: Instant): void {
    this.#keys.recover(received.route, now);
    if (this.#held.push({ ...received, triedUpTo: this.#keys.newest }))
      this.#timers.setEarlier('expiry', now.monotonicMs + UNDECRYPTABLE_LIFETIME_MS);
    else this.#peer.context.drop('undecryptable', this.peerNodeId);
  }

  #retryHeld(now: Instant): void {
    for (const held of this.#held.drain()) {
      const result = this.#keys.open(held.frame, now, held.triedUpTo);
      if (result.outcome === 'opened') this.#onOpened(result, held, now);
      else if (result.outcome !== 'undecryptable') this.#peer.context.drop(DROP_OF[result.outcome], this.peerNodeId);
      else if (!this.#held.push({ ...held, triedUpTo: this.#keys.newest }))
        this.#peer.context.drop('undecryptable', this.peerNodeId);
    }
  }

  #expireQueues(now: Instant): void {
    for (const queued of this.#queue.drain()) {
      if (queued.until <= now.monotonicMs) this.#peer.context.drop('queue-expired', this.peerNodeId);
      else if (this.#queue.push(queued)) this.#timers.setEarlier('expiry', queued.until);
    }
    for (const held of this.#held.drain()) {
      const until = held.receivedAt.monotonicMs + UNDECRYPTABLE_LIFETIME_MS;
      if (until <= now.monotonicMs) this.#peer.context.drop('undecryptable', this.peerNodeId);
      else if (this.#held.push(held)) this.#timers.setEarlier('expiry', until);
    }
  }

  /** Rearms the idle timer unless the tunnel was unused for its time. */
  #isIdle(now: Instant): boolean {
    const isProven = this.#keys.session !== undefined && !this.#peer.isStranger;
    const lifetime = isProven ? CLOSE_IDLE_MS : CLOSE_KEYLESS_MS;
    const idleMs = this.#peer.idleMs(now);
    if (idleMs >= lifetime) return true;
    this.#timers.set('idle', now.monotonicMs + lifetime - idleMs);
    return false;
  }
}
