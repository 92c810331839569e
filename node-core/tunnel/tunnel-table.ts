import { BoundedQueue } from '../base/bounded-queue.ts';
import { earliest, type Instant, type Millis, type RandomBytes } from '../base/clock.ts';
import { DeadlineQueue } from '../base/deadline-queue.ts';
import { PilotError } from '../base/errors.ts';
import { type SpanContext, silentTracer, type Tracer } from '../base/tracer.ts';
import type { Endpoint } from '../base/transport.ts';
import { type Identity, verifySignature } from '../crypto/identity.ts';
import { type BeaconMessage, decodeBeaconMessage } from '../wire/beacon-message.ts';
import type { Packet } from '../wire/packet.ts';
import {
  classifyDatagram,
  decodeTunnelFrame,
  type KeyExchangeFrame,
  keyExchangeSignedBytes,
  type SealedFrame,
  type TunnelFrame,
} from '../wire/tunnel-frame.ts';
import { mayPointTo } from './endpoint-scope.ts';
import { BeaconClient } from './hole-punch.ts';
import { KeyExchangeLimits } from './key-exchange-limits.ts';
import { direct, equalEndpoints, RELAY, type Route } from './path.ts';
import { PeerKeys, type WaitingFrame } from './peer-keys.ts';
import { ProvenKeys } from './proven-keys.ts';
import { Tunnel } from './tunnel.ts';
import { DEFAULT_LIMITS, DISCOVER_MS, type TunnelLimits, type TunnelTableOptions } from './tunnel-config.ts';
import type { PeerEndpoints, SessionKeys, TunnelDropReason, TunnelEvent, TunnelMeasurement } from './tunnel-event.ts';

const DEFAULT_PING_TIMEOUT_MS = 5000;
/** Datagrams and events between two drains. */
const MAX_TRANSMITS = { items: 16_384, weight: 64 * 1024 * 1024 } as const;
const MAX_EVENTS = { items: 65_536 } as const;

export interface Transmit {
  readonly to: Endpoint;
  readonly bytes: Uint8Array;
}

/**
 * All tunnels of a node, by peer, and its talk with the beacon: datagrams and commands in, datagrams and events out.
 * It has no sockets and no clock. After each call drain `pollTransmit` and `pollEvent`; come back with `handleTimeout`
 * at `nextTimeout`.
 *
 * What arrives is a stranger's until a signature or a tag says otherwise. No frame ends a session, moves a path or
 * starts a storm of answers by itself.
 *
 * @see PROTOCOL.md, "Tunnel"
 */
export class TunnelTable {
  readonly #random: RandomBytes;
  readonly #tracer: Tracer;
  readonly #limits: TunnelLimits;
  readonly #discoverIntervalMs: number;
  readonly #tunnels = new Map<number, Tunnel>();
  readonly #deadlines = new DeadlineQueue<Tunnel>();
  readonly #peerKeys = new PeerKeys();
  readonly #provenKeys = new ProvenKeys();
  readonly #keyExchangeLimits: KeyExchangeLimits;
  readonly #transmits = new BoundedQueue<Transmit>(MAX_TRANSMITS, (transmit) => transmit.bytes.length);
  readonly #events = new BoundedQueue<TunnelEvent>(MAX_EVENTS);
  readonly #drops = new Map<TunnelDropReason, number>();
  #identity: Identity;
  #beacon: BeaconClient | undefined;
  #nodeId = 0;
  #pingIds = 0;

  constructor(options: TunnelTableOptions) {
    this.#identity = options.identity;
    this.#random = options.random;
    this.#tracer = options.tracer ?? silentTracer;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#discoverIntervalMs = options.discoverIntervalMs ?? DISCOVER_MS;
    this.#keyExchangeLimits = new KeyExchangeLimits(this.#limits);
    if (options.beacon !== undefined) this.#beacon = this.#createBeaconClient(options.beacon);
  }

  get nodeId(): number {
    return this.#nodeId;
  }

  /** `answered` or `away` once it was asked twice; `unknown` before, and without a beacon. */
  get beaconState(): 'unknown' | 'answered' | 'away' {
    return this.#beacon?.state ?? 'unknown';
  }

  /** Asks the beacon for our endpoint: also before the registry gave us an id. Answered by `endpoint-observed`. */
  discover(now: Instant): void {
    this.#beacon?.discover(this.#nodeId, now);
  }

  /** Uses another beacon from now on. */
  setBeacon(endpoint: Endpoint, now: Instant): void {
    this.#beacon = this.#createBeaconClient(endpoint);
    this.#beacon.discover(this.#nodeId, now);
  }

  /** The id the registry gave us. Another one than before ends all tunnels: their frames carry it. */
  setNodeId(nodeId: number, now: Instant): void {
    if (nodeId === this.#nodeId) return;
    for (const peerNodeId of [...this.#tunnels.keys()]) this.#remove(peerNodeId, 'own-id-changed', now);
    this.#nodeId = nodeId;
    this.discover(now);
  }

  /** A new identity makes new sessions: the old tunnels end. */
  setIdentity(identity: Identity, now: Instant): void {
    this.#identity = identity;
    for (const peerNodeId of [...this.#tunnels.keys()]) this.#remove(peerNodeId, 'asked', now);
  }

  /** A trusted peer's identity: the registry cannot replace it. */
  pin(peerNodeId: number, publicKey: Uint8Array): void {
    this.#peerKeys.pin(peerNodeId, publicKey);
  }

  unpin(peerNodeId: number): void {
    this.#peerKeys.unpin(peerNodeId);
  }

  /**
   * Begins a key exchange if there is no session.
   *
   * @param parent - The span that the key exchange's becomes a child of.
   * @throws PilotError `dial.self`, `peer.unknown` before we have a node id, `queue.full` when the table is.
   */
  connect(peerNodeId: number, now: Instant, parent?: SpanContext): void {
    this.#touch(this.#obtain(peerNodeId, now), (tunnel) => tunnel.connect(now, parent));
  }

  /** Keeps a tunnel up and measured without any traffic of an application, until told otherwise. Throws as `connect`. */
  watch(peerNodeId: number, on: boolean, now: Instant): void {
    const tunnel = on ? this.#obtain(peerNodeId, now) : this.#tunnels.get(peerNodeId);
    if (tunnel !== undefined) this.#touch(tunnel, () => tunnel.watch(on, now));
  }

  /**
   * Seals and sends a packet, or lets it wait for the key: up to 64 per peer, the newest are refused.
   *
   * @param packet - Its source node is ours, or the peer drops it.
   * @param token - Asks for a `sealed` event with the nonce when the packet goes out.
   * @returns False when the packet was dropped. Throws as `connect`.
   */
  send(peerNodeId: number, packet: Packet, now: Instant, token?: number): boolean {
    return this.#touch(this.#obtain(peerNodeId, now), (tunnel) => tunnel.send(packet, now, token));
  }

  /** Sends an encrypted ping, after a key exchange if need be. A `pong` or a `ping-timeout` has its id. Throws as `connect`. */
  ping(peerNodeId: number, now: Instant, options: { readonly timeoutMs?: number } = {}): number {
    this.#pingIds += 1;
    const pingId = this.#pingIds;
    const timeoutMs = options.timeoutMs ?? DEFAULT_PING_TIMEOUT_MS;
    this.#touch(this.#obtain(peerNodeId, now), (tunnel) => tunnel.ping(pingId, timeoutMs, now));
    return pingId;
  }

  /** Forgets a tunnel and its keys; the next packet of either side begins another. */
  close(peerNodeId: number, now: Instant): void {
    this.#remove(peerNodeId, 'asked', now);
  }

  /** @param bytes - One UDP payload; it is kept, so the caller must not write to it again. */
  handleDatagram(bytes: Uint8Array, from: Endpoint, now: Instant): void {
    switch (classifyDatagram(bytes)) {
      case 'beacon':
        this.#handleBeaconMessage(bytes, from, now);
        return;
      case 'tunnel':
        this.#handleFrame(bytes, direct(from), now);
        return;
      case 'ignored':
        this.#drop('not-pilot', undefined, from);
        return;
    }
  }

  /** The registry's answer to `key-needed`: the node's Ed25519 key, or undefined when there is none to be had. */
  providePeerKey(nodeId: number, publicKey: Uint8Array | undefined, now: Instant): void {
    for (const waiting of this.#peerKeys.provide(nodeId, publicKey, now.monotonicMs)) {
      this.#handleWaiting(nodeId, waiting, now);
    }
  }

  /** The registry's answer to `endpoint-needed`; undefined when it has none, which leaves the relay. */
  provideEndpoints(nodeId: number, endpoints: PeerEndpoints | undefined, now: Instant): void {
    const tunnel = this.#tunnels.get(nodeId);
    if (tunnel !== undefined) this.#touch(tunnel, () => tunnel.provideEndpoints(endpoints, now));
  }

  handleTimeout(now: Instant): void {
    for (;;) {
      const tunnel = this.#deadlines.takeDue(now.monotonicMs);
      if (tunnel === undefined) break;
      if (tunnel.handleTimeout(now) === 'idle') this.#remove(tunnel.peerNodeId, 'idle', now);
      else this.#deadlines.set(tunnel, tunnel.nextTimeout());
    }
    for (const news of this.#beacon?.handleTimeout(now) ?? []) this.#emit(news);
  }

  nextTimeout(): Millis | undefined {
    return earliest(this.#deadlines.next(), this.#beacon?.nextTimeout());
  }

  pollTransmit(): Transmit | undefined {
    return this.#transmits.shift();
  }

  pollEvent(): TunnelEvent | undefined {
    return this.#events.shift();
  }

  /** How one tunnel does, as its end here sees it; undefined for a peer without one. */
  measure(peerNodeId: number): TunnelMeasurement | undefined {
    return this.#tunnels.get(peerNodeId)?.measure();
  }

  peers(): readonly number[] {
    return [...this.#tunnels.keys()];
  }

  /** Counts since start, by reason. */
  drops(): ReadonlyMap<TunnelDropReason, number> {
    return this.#drops;
  }

  #handleBeaconMessage(bytes: Uint8Array, from: Endpoint, now: Instant): void {
    const beacon = this.#beacon;
    // Nothing a beacon says is signed: its address is all there is to go by.
    if (beacon === undefined || !equalEndpoints(from, beacon.endpoint)) {
      this.#drop('not-from-beacon', undefined, from);
      return;
    }
    const message = parse(() => decodeBeaconMessage(bytes));
    switch (message?.kind) {
      case 'discover-reply':
        for (const news of beacon.handleReply(message.endpoint, now)) this.#emit(news);
        return;
      case 'punch-command':
        this.#handlePunchCommand(beacon, message, now);
        return;
      case 'relay-deliver':
        this.#handleFrame(message.frame, RELAY, now);
        return;
      case 'notify':
        this.#emit({ type: 'notified', kind: message.notification });
        return;
      default:
        this.#drop('unknown-beacon-message', undefined, from);
    }
  }

  #handlePunchCommand(
    beacon: BeaconClient,
    { endpoint }: Extract<BeaconMessage, { kind: 'punch-command' }>,
    now: Instant,
  ): void {
    if (!mayPointTo(endpoint, beacon.endpoint) || !beacon.punch(endpoint, now)) {
      this.#drop('punch-target', undefined, endpoint);
      return;
    }
    // The command names no peer. Sealed probes to a wrong one would count as attacks there, so only a sure guess is used.
    const known = [...this.#tunnels.values()].find((tunnel) => tunnel.isKnownEndpoint(endpoint))?.peerNodeId;
    if (known !== undefined) beacon.settleRequest(known);
    const tunnel = this.#tunnels.get(known ?? beacon.takeRequest(now) ?? 0);
    if (tunnel !== undefined) this.#touch(tunnel, () => tunnel.handlePunch(endpoint, now));
  }

  #handleFrame(bytes: Uint8Array, route: Route, now: Instant): void {
    const frame = parse(() => decodeTunnelFrame(bytes));
    if (frame === undefined) {
      this.#drop('malformed-frame', undefined, endpointOf(route));
      return;
    }
    if (frame.kind === 'punch') return;
    if (frame.kind === 'plaintext') this.#drop('plaintext', undefined, endpointOf(route));
    else if (this.#nodeId === 0 || frame.senderNodeId === this.#nodeId || frame.senderNodeId === 0) {
      this.#drop('own-node-id', frame.senderNodeId, endpointOf(route));
    } else this.#handleSenderFrame(frame, route, now);
  }

  #handleSenderFrame(frame: Exclude<TunnelFrame, { kind: 'punch' | 'plaintext' }>, route: Route, now: Instant): void {
    if (frame.kind === 'sealed') {
      this.#handleSealed(frame, route, now);
      return;
    }
    if (!this.#keyExchangeLimits.allows(route, frame.senderNodeId, now.monotonicMs)) {
      this.#drop('key-exchange-limit', frame.senderNodeId, endpointOf(route));
      return;
    }
    const waiting = { frame: frame.kind === 'key-request' ? ('key-request' as const) : frame, route, receivedAt: now };
    const known = this.#peerKeys.get(frame.senderNodeId);
    if (known === undefined) this.#askPeerKey(frame.senderNodeId, now, waiting);
    else this.#handleWaiting(frame.senderNodeId, waiting, now);
  }

  #handleSealed(frame: SealedFrame, route: Route, now: Instant): void {
    const { senderNodeId } = frame;
    const tunnel = this.#tunnels.get(senderNodeId);
    if (tunnel !== undefined) {
      this.#touch(tunnel, () => tunnel.handleSealed(frame, route, now));
      return;
    }
    this.#drop('no-session', senderNodeId, endpointOf(route));
    if (!this.#keyExchangeLimits.allowsStranger(now.monotonicMs)) return;
    const waiting: WaitingFrame = { frame: 'recovery', route, receivedAt: now };
    if (this.#peerKeys.get(senderNodeId) === undefined) this.#askPeerKey(senderNodeId, now, waiting);
    else this.#handleWaiting(senderNodeId, waiting, now);
  }

  #askPeerKey(nodeId: number, now: Instant, waiting: WaitingFrame): void {
    const result = this.#peerKeys.ask(nodeId, now.monotonicMs, waiting);
    if (result === 'ask') this.#emit({ type: 'key-needed', nodeId });
    else if (result === 'refused') this.#drop('peer-unknown', nodeId, endpointOf(waiting.route));
  }

  /** A frame whose sender the registry has an identity for, or had none when asked. */
  #handleWaiting(nodeId: number, { frame, route, receivedAt }: WaitingFrame, now: Instant): void {
    const known = this.#peerKeys.get(nodeId);
    if (known === undefined) this.#drop('peer-unknown', nodeId, endpointOf(route));
    else if (typeof frame !== 'string') this.#handleKeyExchange(frame, route, receivedAt, now);
    else {
      const tunnel = this.#admit(nodeId, route, now);
      if (tunnel === undefined) return;
      this.#touch(tunnel, () =>
        frame === 'key-request' ? tunnel.handleKeyRequest(route, now) : tunnel.recover(route, now),
      );
    }
  }

  #handleKeyExchange(frame: KeyExchangeFrame, route: Route, receivedAt: Instant, now: Instant): void {
    const { senderNodeId, x25519PublicKey, ed25519PublicKey, signature } = frame;
    if (!this.#peerKeys.matches(senderNodeId, ed25519PublicKey)) {
      this.#handleMismatch(frame, route, receivedAt, now);
      return;
    }
    if (!verifySignature(ed25519PublicKey, keyExchangeSignedBytes(senderNodeId, x25519PublicKey), signature)) {
      this.#drop('bad-signature', senderNodeId, endpointOf(route));
      return;
    }
    if (this.#provenKeys.isOfAnother(senderNodeId, x25519PublicKey, ed25519PublicKey)) {
      this.#drop('key-of-another', senderNodeId, endpointOf(route));
      return;
    }
    const tunnel = this.#admit(senderNodeId, route, now);
    if (tunnel !== undefined) this.#touch(tunnel, () => tunnel.handleKeyExchange(frame, route, now));
  }

  /** The peer may have a new identity: the registry is asked once more, unless it was a moment ago or is not believed. */
  #handleMismatch(frame: KeyExchangeFrame, route: Route, receivedAt: Instant, now: Instant): void {
    const { senderNodeId } = frame;
    const asked = this.#peerKeys.isPinned(senderNodeId)
      ? 'refused'
      : this.#peerKeys.ask(senderNodeId, now.monotonicMs, { frame, route, receivedAt });
    if (asked === 'ask') this.#emit({ type: 'key-needed', nodeId: senderNodeId });
    else if (asked === 'refused') this.#drop('identity-mismatch', senderNodeId, endpointOf(route));
  }

  /** The tunnel of a peer that has come to us; undefined, and counted, when there is no room. */
  #admit(peerNodeId: number, route: Route, now: Instant): Tunnel | undefined {
    const tunnel = this.#tunnels.get(peerNodeId) ?? this.#create(peerNodeId, now);
    if (tunnel === undefined) this.#drop('peer-limit', peerNodeId, endpointOf(route));
    return tunnel;
  }

  #obtain(peerNodeId: number, now: Instant): Tunnel {
    if (this.#nodeId === 0) throw new PilotError('peer.unknown', 'this node has no id yet');
    if (peerNodeId === this.#nodeId) throw new PilotError('dial.self', 'a node has no tunnel to itself');
    const tunnel = this.#tunnels.get(peerNodeId) ?? this.#create(peerNodeId, now);
    if (tunnel === undefined) throw new PilotError('queue.full', 'too many tunnels', { tunnels: this.#tunnels.size });
    // Asked for now, the peer's identity is there when its PILA comes.
    if (this.#peerKeys.get(peerNodeId) === undefined && this.#peerKeys.ask(peerNodeId, now.monotonicMs) === 'ask') {
      this.#emit({ type: 'key-needed', nodeId: peerNodeId });
    }
    return tunnel;
  }

  #create(peerNodeId: number, now: Instant): Tunnel | undefined {
    if (this.#tunnels.size >= this.#limits.maxTunnels && !this.#evict(now)) return undefined;
    const context = {
      random: this.#random,
      tracer: this.#tracer,
      ownNodeId: this.#nodeId,
      beacon: () => this.#beacon,
      signKeyExchange: (x25519PublicKey: Uint8Array) => this.#signKeyExchange(x25519PublicKey),
      transmit: (to: Endpoint, bytes: Uint8Array) => this.#transmit(to, bytes),
      emit: (event: TunnelEvent) => this.#emit(event),
      drop: (reason: TunnelDropReason, peer?: number, from?: Endpoint) => this.#drop(reason, peer, from),
      keyProven: (peer: number, keys: SessionKeys) => this.#provenKeys.prove(peer, keys),
      wasPunched: (endpoint: Endpoint, at: Instant) => this.#beacon?.wasPunched(endpoint, at) === true,
      mayRecover: (at: Instant) => this.#keyExchangeLimits.allowsStranger(at.monotonicMs),
    };
    const tunnel = new Tunnel(peerNodeId, context, now);
    this.#tunnels.set(peerNodeId, tunnel);
    return tunnel;
  }

  /** Makes room: the tunnel without a session that was used least recently. */
  #evict(now: Instant): boolean {
    let idlest: Tunnel | undefined;
    for (const tunnel of this.#tunnels.values()) {
      if (tunnel.hasSession) continue;
      if (idlest === undefined || tunnel.lastApplication < idlest.lastApplication) idlest = tunnel;
    }
    if (idlest === undefined) return false;
    this.#remove(idlest.peerNodeId, 'idle', now);
    return true;
  }

  #remove(peerNodeId: number, reason: 'idle' | 'own-id-changed' | 'asked', now: Instant): void {
    const tunnel = this.#tunnels.get(peerNodeId);
    if (tunnel === undefined) return;
    tunnel.close(now);
    this.#tunnels.delete(peerNodeId);
    this.#provenKeys.forget(peerNodeId);
    this.#deadlines.set(tunnel, undefined);
    this.#emit({ type: 'closed', peerNodeId, reason });
  }

  #touch<T>(tunnel: Tunnel, act: (tunnel: Tunnel) => T): T {
    const result = act(tunnel);
    this.#deadlines.set(tunnel, tunnel.nextTimeout());
    return result;
  }

  #signKeyExchange(x25519PublicKey: Uint8Array): KeyExchangeFrame {
    return {
      kind: 'key-exchange',
      senderNodeId: this.#nodeId,
      x25519PublicKey,
      ed25519PublicKey: this.#identity.publicKey,
      signature: this.#identity.sign(keyExchangeSignedBytes(this.#nodeId, x25519PublicKey)),
    };
  }

  #createBeaconClient(endpoint: Endpoint): BeaconClient {
    const options = { intervalMs: this.#discoverIntervalMs, punchesPerSecond: this.#limits.punchesPerSecond };
    return new BeaconClient(endpoint, options, (to, bytes) => this.#transmit(to, bytes));
  }

  #transmit(to: Endpoint, bytes: Uint8Array): void {
    if (!this.#transmits.push({ to, bytes })) this.#drop('transmit-full', undefined, to);
  }

  #emit(event: TunnelEvent): void {
    this.#events.push(event);
  }

  #drop(reason: TunnelDropReason, peerNodeId?: number, from?: Endpoint): void {
    this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + 1);
    const peer = peerNodeId === undefined ? {} : { peerNodeId };
    this.#emit({ type: 'dropped', reason, ...peer, ...(from === undefined ? {} : { from }) });
  }
}

function endpointOf(route: Route): Endpoint | undefined {
  return route.via === 'direct' ? route.endpoint : undefined;
}

/** Undefined for what is no message: hostile bytes are daily, and no error of ours. */
function parse<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof PilotError) return undefined;
    throw error;
  }
}
