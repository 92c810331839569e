import { BoundedQueue } from '../base/bounded-queue.ts';
import { earliest, type Instant, type Millis, type RandomBytes } from '../base/clock.ts';
import { decoded, PilotError } from '../base/errors.ts';
import { type SpanContext, silentTracer, type Tracer } from '../base/tracer.ts';
import type { Endpoint } from '../base/transport.ts';
import type { Identity } from '../crypto/identity.ts';
import { type BeaconMessage, decodeBeaconMessage } from '../wire/beacon-message.ts';
import type { Packet } from '../wire/packet.ts';
import { peerEndpoint } from '../wire/peer-endpoint.ts';
import {
  classifyDatagram,
  decodeTunnelFrame,
  encodeTunnelFrame,
  type KeyExchangeFrame,
  keyExchangeSignedBytes,
  type SealedFrame,
} from '../wire/tunnel-frame.ts';
import { mayPointTo, usableEndpoints } from './endpoint-scope.ts';
import { BeaconClient } from './hole-punch.ts';
import { IdentityCheck } from './identity-check.ts';
import type { Standing } from './key-exchange-limits.ts';
import { direct, equalEndpoints, RELAY, type Route } from './path.ts';
import type { WaitingFrame } from './peer-keys.ts';
import { Tunnel } from './tunnel.ts';
import {
  DEFAULT_LIMITS,
  DEFAULT_PING_TIMEOUT_MS,
  DISCOVER_MS,
  MAX_EVENTS,
  MAX_TRANSMITS,
  type TunnelLimits,
  type TunnelTableOptions,
} from './tunnel-config.ts';
import type { PeerEndpoints, TunnelDropReason, TunnelEnd, TunnelEvent, TunnelMeasurement } from './tunnel-event.ts';
import type { TunnelContext } from './tunnel-peer.ts';
import { TunnelRoom } from './tunnel-room.ts';

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
  readonly #tunnels: TunnelRoom;
  readonly #identities: IdentityCheck;
  readonly #transmits = new BoundedQueue<Transmit>(MAX_TRANSMITS, (transmit) => transmit.bytes.length);
  readonly #events = new BoundedQueue<TunnelEvent>(MAX_EVENTS);
  readonly #drops = new Map<TunnelDropReason, number>();
  readonly #identity: Identity;
  #beacon: BeaconClient | undefined;
  #nodeId = 0;
  #pingIds = 0;

  constructor(options: TunnelTableOptions) {
    this.#identity = options.identity;
    this.#random = options.random;
    this.#tracer = options.tracer ?? silentTracer;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#discoverIntervalMs = options.discoverIntervalMs ?? DISCOVER_MS;
    this.#identities = new IdentityCheck(this.#limits, this.#random, {
      standingOf: (nodeId) => this.#standingOf(nodeId),
      accept: (nodeId, waiting, now) => this.#accept(nodeId, waiting, now),
      challenge: (nodeId, cookie, route) => this.#challenge(nodeId, cookie, route),
      askKey: (nodeId) => this.#emit({ type: 'key-needed', nodeId }),
      drop: (reason, nodeId, route) => this.#drop(reason, nodeId, endpointOf(route)),
    });
    this.#tunnels = new TunnelRoom({
      maxTunnels: this.#limits.maxTunnels,
      create: (nodeId, now) => new Tunnel(nodeId, this.#contextOf(), now),
      isTrusted: (nodeId) => this.#identities.isPinned(nodeId),
      evict: (tunnel, now) => this.#remove(tunnel, 'evicted', now),
    });
    if (options.beacon !== undefined) this.#beacon = this.#createBeaconClient(options.beacon);
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
    for (const peerNodeId of this.#tunnels.nodeIds()) this.#end(peerNodeId, 'own-id-changed', now);
    this.#nodeId = nodeId;
    this.discover(now);
  }

  /** A trusted peer's identity: the registry cannot replace it. */
  pin(peerNodeId: number, publicKey: Uint8Array): void {
    this.#identities.pin(peerNodeId, publicKey);
    this.#tunnels.favour(peerNodeId);
  }

  unpin(peerNodeId: number): void {
    this.#identities.unpin(peerNodeId);
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
   * @returns False when the packet was dropped. Throws as `connect`.
   */
  send(peerNodeId: number, packet: Packet, now: Instant): boolean {
    const tunnel = this.#tunnels.get(peerNodeId) ?? this.#obtain(peerNodeId, now);
    return this.#touch(tunnel, () => tunnel.send(packet, now));
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
    this.#end(peerNodeId, 'asked', now);
  }

  /** @param bytes - One UDP payload; it is kept, so the caller must not write to it again. */
  handleDatagram(bytes: Uint8Array, from: Endpoint, now: Instant): void {
    if (from.port === 0) {
      this.#drop('unusable-endpoint', undefined, from);
      return;
    }
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
    this.#identities.provide(nodeId, publicKey, now);
  }

  /** The registry's answer to `endpoint-needed`; undefined when it has none, which leaves the relay. */
  provideEndpoints(nodeId: number, endpoints: PeerEndpoints | undefined, now: Instant): void {
    const tunnel = this.#tunnels.get(nodeId);
    if (tunnel === undefined) return;
    const refuse = (endpoint: Endpoint) => this.#drop('unusable-endpoint', nodeId, endpoint);
    const usable = endpoints && usableEndpoints(endpoints, refuse);
    this.#touch(tunnel, () => tunnel.provideEndpoints(usable, now));
  }

  handleTimeout(now: Instant): void {
    for (;;) {
      const tunnel = this.#tunnels.takeDue(now.monotonicMs);
      if (tunnel === undefined) break;
      if (tunnel.handleTimeout(now) === 'idle') this.#remove(tunnel, 'idle', now);
      else this.#tunnels.rearm(tunnel);
    }
    for (const news of this.#beacon?.handleTimeout(now) ?? []) this.#emit(news);
  }

  nextTimeout(): Millis | undefined {
    return earliest(this.#tunnels.nextTimeout(), this.#beacon?.nextTimeout());
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
    return this.#tunnels.nodeIds();
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
    const message = decoded(() => decodeBeaconMessage(bytes));
    switch (message?.kind) {
      case 'discover-reply':
        if (peerEndpoint(message.endpoint) === undefined) this.#drop('unusable-endpoint', undefined, message.endpoint);
        else for (const news of beacon.handleReply(message.endpoint, now)) this.#emit(news);
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
    const known = this.#tunnels.find((tunnel) => tunnel.isKnownEndpoint(endpoint))?.peerNodeId;
    if (known !== undefined) beacon.settleRequest(known);
    const tunnel = this.#tunnels.get(known ?? beacon.takeRequest(now) ?? 0);
    if (tunnel !== undefined) this.#touch(tunnel, () => tunnel.handlePunch(endpoint, now));
  }

  #handleFrame(bytes: Uint8Array, route: Route, now: Instant): void {
    const frame = decoded(() => decodeTunnelFrame(bytes));
    if (frame === undefined) {
      this.#drop('malformed-frame', undefined, endpointOf(route));
      return;
    }
    if (frame.kind === 'punch') return;
    if (frame.kind === 'plaintext') this.#drop('plaintext', undefined, endpointOf(route));
    else if (this.#nodeId === 0 || frame.senderNodeId === this.#nodeId || frame.senderNodeId === 0) {
      this.#drop('own-node-id', frame.senderNodeId, endpointOf(route));
    } else if (frame.kind === 'sealed') this.#handleSealed(frame, route, now);
    else this.#identities.handleFrame(frame, route, now);
  }

  #handleSealed(frame: SealedFrame, route: Route, now: Instant): void {
    const { senderNodeId } = frame;
    const tunnel = this.#tunnels.get(senderNodeId);
    if (tunnel !== undefined) {
      this.#touch(tunnel, () => tunnel.handleSealed(frame, route, now));
      return;
    }
    this.#drop('no-session', senderNodeId, endpointOf(route));
    this.#identities.handleSealed(senderNodeId, route, now);
  }

  #accept(nodeId: number, { frame, route }: WaitingFrame, now: Instant): void {
    const tunnel = this.#tunnels.admit(nodeId, now);
    if (tunnel === undefined) this.#drop('peer-limit', nodeId, endpointOf(route));
    else if (frame === 'recovery') this.#touch(tunnel, () => tunnel.recover(route, now));
    else if (frame.kind === 'key-request') this.#touch(tunnel, () => tunnel.handleKeyRequest(frame, route, now));
    else this.#touch(tunnel, () => tunnel.handleKeyExchange(frame, route, now));
  }

  #challenge(nodeId: number, cookie: Uint8Array, route: Route): void {
    // The key in a PILK is never used, so there is none to be made for somebody who may not exist.
    const x25519PublicKey = this.#identity.publicKey;
    const bytes = encodeTunnelFrame({ kind: 'key-request', senderNodeId: this.#nodeId, x25519PublicKey, cookie });
    if (route.via === 'direct') this.#transmit(route.endpoint, bytes);
    else this.#beacon?.relay(nodeId, bytes);
  }

  #standingOf(nodeId: number): Standing {
    if (this.#identities.isPinned(nodeId)) return 'known';
    const tunnel = this.#tunnels.get(nodeId);
    return tunnel !== undefined && (tunnel.isProven || !this.#tunnels.isGuest(nodeId)) ? 'known' : 'stranger';
  }

  #obtain(peerNodeId: number, now: Instant): Tunnel {
    if (this.#nodeId === 0) throw new PilotError('peer.unknown', 'this node has no id yet');
    if (peerNodeId === this.#nodeId) throw new PilotError('dial.self', 'a node has no tunnel to itself');
    const tunnel = this.#tunnels.want(peerNodeId, now);
    if (tunnel === undefined) throw new PilotError('queue.full', 'too many tunnels', { tunnels: this.#tunnels.size });
    this.#identities.prepare(peerNodeId, now);
    return tunnel;
  }

  #contextOf(): TunnelContext {
    return {
      random: this.#random,
      tracer: this.#tracer,
      ownNodeId: this.#nodeId,
      beacon: () => this.#beacon,
      signKeyExchange: (x25519PublicKey) => this.#signKeyExchange(x25519PublicKey),
      transmit: (to, bytes) => this.#transmit(to, bytes),
      emit: (event) => this.#emit(event),
      drop: (reason, peerNodeId, from) => this.#drop(reason, peerNodeId, from),
      keyProven: (peerNodeId, keys) => this.#identities.prove(peerNodeId, keys),
      wasPunched: (endpoint, at) => this.#beacon?.wasPunched(endpoint, at) === true,
      mayRecover: (peerNodeId, at) => this.#identities.mayRecover(peerNodeId, at),
    };
  }

  #end(peerNodeId: number, reason: TunnelEnd, now: Instant): void {
    const tunnel = this.#tunnels.get(peerNodeId);
    if (tunnel !== undefined) this.#remove(tunnel, reason, now);
  }

  #remove(tunnel: Tunnel, reason: TunnelEnd, now: Instant): void {
    tunnel.close(now);
    this.#tunnels.remove(tunnel);
    this.#identities.forget(tunnel.peerNodeId);
    this.#emit({ type: 'closed', peerNodeId: tunnel.peerNodeId, reason, last: tunnel.measure() });
  }

  #touch<T>(tunnel: Tunnel, act: (tunnel: Tunnel) => T): T {
    const result = act(tunnel);
    this.#tunnels.rearm(tunnel);
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
