import { BoundedQueue } from '../base/bounded-queue.ts';
import { earliest, type Instant, type Millis, type RandomBytes } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import type { PathKind } from '../base/report.ts';
import { ATTR, SPAN, type Span, type SpanContext, type Tracer } from '../base/tracer.ts';
import { type Endpoint, formatEndpoint } from '../base/transport.ts';
import { decodePacket, encodePacket, type Packet, PROTOCOL } from '../wire/packet.ts';
import { encodeTunnelFrame, type KeyExchangeFrame, type SealedFrame } from '../wire/tunnel-frame.ts';
import { controlKind, isAnonymousKeepalive, keepalivePacket, pingPacket, pongPacket } from './control-packet.ts';
import { EndpointProbes } from './endpoint-probes.ts';
import type { BeaconClient } from './hole-punch.ts';
import { type ExchangeReason, KeyExchangeRounds } from './key-exchange-rounds.ts';
import { KeyRing, type RingOpenResult } from './key-ring.ts';
import { direct, equalEndpoints, equalRoutes, Path, RELAY, type Route } from './path.ts';
import { type OutstandingPing, type PingPurpose, Pings } from './pings.ts';
import type { Session } from './session.ts';
import { TimerTable } from './timer-table.ts';
import {
  ACTIVE_MS,
  ANSWER_PAUSE_MS,
  CANDIDATE_PAUSES_MS,
  CLOSE_IDLE_MS,
  CLOSE_KEYLESS_MS,
  ENDPOINT_FRESH_MS,
  ENDPOINT_WAIT_MS,
  FIRST_UPGRADES_MS,
  KEEPALIVE_MS,
  KEEPALIVE_UNTIL_IDLE_MS,
  OWN_KEY_MIN_AGE_MS,
  PATH_PING_MS,
  PATH_PING_TIMEOUT_MS,
  PROBE_TIMEOUT_MS,
  PUNCH_AFTER_MS,
  QUEUE_LIMIT,
  QUEUED_PACKET_LIFETIME_MS,
  RECOVERY_PAUSE_MS,
  RECOVERY_QUIET_MS,
  RELAY_COPY_AFTER_MS,
  RELAY_UPGRADE_MS,
  SUSPECT_PING_MS,
  UNCHANGED_ANSWER_AFTER_MS,
  UNDECRYPTABLE_LIFETIME_MS,
} from './tunnel-config.ts';
import type { PeerEndpoints, TunnelDropReason, TunnelEvent, TunnelMeasurement } from './tunnel-event.ts';

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
  /** May a frame that cannot be opened be answered? Bounded over all peers. */
  mayRecover(now: Instant): boolean;
}

type TimerName =
  | 'exchange'
  | 'punch'
  | 'relay-copy'
  | 'path-ping'
  | 'suspect'
  | 'ping-expiry'
  | 'probe'
  | 'candidate'
  | 'rotate'
  | 'upgrade'
  | 'keepalive'
  | 'expiry'
  | 'idle';

interface QueuedPacket {
  readonly packet: Packet;
  readonly token: number | undefined;
  readonly until: Millis;
}

interface HeldFrame {
  readonly frame: SealedFrame;
  readonly route: Route;
  readonly receivedAt: Instant;
}

interface WaitingPing {
  readonly pingId: number;
  readonly deadline: Millis;
}

const MAX_WAITING_PINGS = 64;
/** Of a PILS, before the ciphertext: magic, sender, nonce. */
const SEALED_HEAD_LENGTH = 20;
/** Direct endpoints that the first frames of a key exchange go to. */
const MAX_DIAL_TARGETS = 2;

/**
 * The encrypted association with one peer: its keys, its path, its pings.
 *
 *     no session ──PILA verified──> established ──8 s without an answer──> silent ──frame opened──> established
 *         │ (packets wait: 64)           └── a new key of either side: candidate until a frame opens under it
 *         └── 6 attempts unanswered: rests, goes on while packets wait
 */
export class Tunnel {
  readonly peerNodeId: number;
  readonly #context: TunnelContext;
  readonly #ring: KeyRing;
  readonly #path: Path;
  readonly #pings: Pings;
  readonly #probes = new EndpointProbes();
  readonly #rounds = new KeyExchangeRounds();
  readonly #timers = new TimerTable<TimerName>();
  readonly #queue = new BoundedQueue<QueuedPacket>(QUEUE_LIMIT, (queued) => queued.packet.payload.length);
  readonly #held = new BoundedQueue<HeldFrame>(QUEUE_LIMIT, (held) => held.frame.ciphertext.length);
  #waitingPings: WaitingPing[] = [];
  #signed: { readonly key: Uint8Array; readonly bytes: Uint8Array } | undefined;
  #dial: { readonly parent: SpanContext | undefined; span: Span | undefined } = { parent: undefined, span: undefined };
  #fallback: Span | undefined;
  #watched = false;
  #silent = false;
  #startedAt: Millis;
  #lastApplication: Millis;
  #lastSent: Millis | undefined;
  #lastHeard: Instant | undefined;
  #lastPathPing: Millis | undefined;
  #lastRecovery: Millis | undefined;
  readonly #lastAnswer: Partial<Record<Route['via'], Millis>> = {};
  #endpointsAsked: Millis | undefined;
  #upgrades = 0;
  #candidateProbe: { readonly route: Route; sends: number } | undefined;
  #epoch = 0;
  #bytesSent = 0;
  #bytesReceived = 0;
  #packetsSent = 0;
  #packetsReceived = 0;

  constructor(peerNodeId: number, context: TunnelContext, now: Instant) {
    this.peerNodeId = peerNodeId;
    this.#context = context;
    this.#ring = new KeyRing({ random: context.random, ownNodeId: context.ownNodeId }, now);
    this.#path = new Path(now);
    this.#pings = new Pings(context.random);
    this.#startedAt = now.monotonicMs;
    this.#lastApplication = now.monotonicMs;
    this.#timers.set('idle', now.monotonicMs + CLOSE_KEYLESS_MS);
  }

  get hasSession(): boolean {
    return this.#ring.current !== undefined;
  }

  get lastApplication(): Millis {
    return this.#lastApplication;
  }

  /** Begins a key exchange if there is no session; the span of it gets this parent. */
  connect(now: Instant, parent?: SpanContext): void {
    this.#lastApplication = now.monotonicMs;
    if (parent !== undefined) this.#dial = { ...this.#dial, parent };
    this.#want(now);
  }

  /** A watched tunnel is kept up and pinged without traffic of an application. */
  watch(on: boolean, now: Instant): void {
    this.#watched = on;
    if (on) this.#want(now);
    else this.#timers.setEarlier('idle', now.monotonicMs + CLOSE_IDLE_MS);
  }

  /** False when the packet was dropped because too many wait for the key. */
  send(packet: Packet, now: Instant, token?: number): boolean {
    this.#lastApplication = now.monotonicMs;
    const session = this.#ring.current;
    const taken =
      session === undefined
        ? this.#queue.push({ packet, token, until: now.monotonicMs + QUEUED_PACKET_LIFETIME_MS })
        : this.#sealAndSend(session, packet, this.#path.route ?? RELAY, now, { token });
    if (!taken) this.#context.drop('queue-full', this.peerNodeId);
    else if (session === undefined) this.#timers.setEarlier('expiry', now.monotonicMs + QUEUED_PACKET_LIFETIME_MS);
    this.#want(now);
    return taken;
  }

  /** Answered by a `pong` or a `ping-timeout` event; without a session it waits for one. */
  ping(pingId: number, timeoutMs: number, now: Instant): void {
    this.#lastApplication = now.monotonicMs;
    const deadline = now.monotonicMs + timeoutMs;
    if (this.#waitingPings.length >= MAX_WAITING_PINGS || this.#pings.full) {
      this.#context.emit({ type: 'ping-timeout', peerNodeId: this.peerNodeId, pingId });
      return;
    }
    this.#waitingPings.push({ pingId, deadline });
    if (this.#ring.current !== undefined) this.#sendWaitingPings(now);
    this.#armPingExpiry();
    this.#want(now);
  }

  provideEndpoints(endpoints: PeerEndpoints | undefined, now: Instant): void {
    this.#path.provide(endpoints);
    if (this.#ring.current === undefined) {
      this.#rounds.hasten(now.monotonicMs);
      this.#armExchange();
    } else if (this.#path.route?.via === 'relay' && this.#isActive(now)) this.#probeCandidates(now);
  }

  /** A punch command of the beacon concerns this peer: its NAT is opening at this endpoint. */
  handlePunch(endpoint: Endpoint, now: Instant): void {
    this.#path.notePunch(endpoint, now.monotonicMs);
    if (this.#path.relayOnly) return;
    if (this.#ring.current === undefined) this.#announce(direct(endpoint), now);
    else if (this.#path.route?.via !== 'direct') this.#startProbe(endpoint, now);
  }

  /** True for an endpoint that the registry or a LAN list names as this peer's. */
  isKnownEndpoint(endpoint: Endpoint): boolean {
    return this.#path.isKnown(endpoint);
  }

  /** A PILA whose signature and identity were verified. */
  handleKeyExchange(frame: KeyExchangeFrame, route: Route, now: Instant): void {
    const outcome = this.#ring.offer(frame.x25519PublicKey, frame.ed25519PublicKey, now);
    switch (outcome) {
      case 'installed':
        this.#answer(route, now);
        this.#onInstalled(route, now);
        break;
      case 'candidate':
        this.#answer(route, now);
        this.#probeKeys(route, now);
        break;
      case 'known-candidate':
        if (!this.#mayAnswer(route, now)) break;
        this.#answer(route, now);
        this.#probeKeys(route, now);
        break;
      case 'unchanged':
        this.#onUnchanged(frame, route, now);
        break;
      case 'retired':
        this.#context.drop('retired-key', this.peerNodeId);
        break;
      case 'bad-key':
        this.#context.drop('bad-key', this.peerNodeId);
        break;
      default:
        throw outcome satisfies never;
    }
    if (outcome === 'installed' || outcome === 'candidate') this.#retryHeld(now);
  }

  /** A PILK: the peer asks for our PILA, and gets it on the path the question came by. Its key is never used. */
  handleKeyRequest(route: Route, now: Instant): void {
    this.#answer(route, now);
  }

  handleSealed(frame: SealedFrame, route: Route, now: Instant): void {
    const result = this.#ring.open(frame, now);
    if (result.outcome === 'opened') this.#onOpened(result, frame, route, now);
    else if (result.outcome === 'replayed') this.#context.drop('replayed', this.peerNodeId);
    else this.#hold({ frame, route, receivedAt: now });
  }

  /** Sends our PILA and PILK, so that a peer that has lost our keys, or we its, gets them: at most each 3 s. */
  recover(route: Route, now: Instant): void {
    const last = this.#lastRecovery;
    if (last !== undefined && now.monotonicMs - last < RECOVERY_PAUSE_MS) return;
    const heard = this.#lastHeard;
    if (heard !== undefined && now.monotonicMs - heard.monotonicMs < RECOVERY_QUIET_MS) return;
    if (!this.#context.mayRecover(now)) return;
    this.#lastRecovery = now.monotonicMs;
    // The frame may be a stranger's: the peer is asked where it was last as well.
    const routes =
      this.#path.route === undefined || equalRoutes(route, this.#path.route) ? [route] : [route, this.#path.route];
    for (const each of routes) {
      this.#announce(each, now);
      this.#request(each, now);
    }
  }

  close(now: Instant): void {
    this.#endDial(now, { code: 'error', message: 'the tunnel was closed' });
    this.#fallback?.end(now.unixNano, { code: 'error', message: 'the tunnel was closed' });
    this.#fallback = undefined;
  }

  handleTimeout(now: Instant): 'alive' | 'idle' {
    for (const name of this.#timers.takeDue(now.monotonicMs)) {
      if (this.#onTimer(name, now) === 'idle') return 'idle';
    }
    return 'alive';
  }

  nextTimeout(): Millis | undefined {
    return this.#timers.next();
  }

  measure(): TunnelMeasurement {
    const session = this.#ring.current;
    const beacon = this.#path.kind === 'relay' ? this.#context.beacon() : undefined;
    return {
      peerNodeId: this.peerNodeId,
      state: session === undefined ? 'key-exchange' : 'established',
      path: this.#path.kind,
      pathSince: this.#path.since.unixNano,
      ...(beacon === undefined ? {} : { relayBeacon: formatEndpoint(beacon.endpoint) }),
      ...(this.#pings.rttMs === undefined ? {} : { rttMs: this.#pings.rttMs }),
      ...(this.#pings.lossRatio === undefined ? {} : { lossRatio: this.#pings.lossRatio }),
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      packetsSent: this.#packetsSent,
      packetsReceived: this.#packetsReceived,
      epoch: this.#epoch,
      keySince: session?.since.unixNano ?? 0n,
      lastHeard: this.#lastHeard?.unixNano ?? 0n,
    };
  }

  #onTimer(name: TimerName, now: Instant): 'idle' | undefined {
    switch (name) {
      case 'exchange':
        this.#onExchangeTimer(now);
        return undefined;
      case 'punch':
        if (this.#ring.current === undefined) this.#context.beacon()?.requestPunch(this.peerNodeId, now);
        return undefined;
      case 'relay-copy':
        if (this.#ring.current === undefined) this.#announce(RELAY, now);
        return undefined;
      case 'path-ping':
        this.#onPathPingTimer(now);
        return undefined;
      case 'suspect':
        this.#onSuspectTimer(now);
        return undefined;
      case 'ping-expiry':
        this.#expirePings(now);
        return undefined;
      case 'probe':
        this.#sendProbes(now);
        return undefined;
      case 'candidate':
        this.#sendKeyProbes(now);
        return undefined;
      case 'rotate':
        this.#rotateWhenDue(now);
        return undefined;
      case 'upgrade':
        this.#onUpgradeTimer(now);
        return undefined;
      case 'keepalive':
        this.#onKeepaliveTimer(now);
        return undefined;
      case 'expiry':
        this.#expireQueues(now);
        return undefined;
      case 'idle':
        return this.#onIdleTimer(now);
      default:
        throw name satisfies never;
    }
  }

  // Key exchange

  /** Something should reach the peer: begin what is missing for it. */
  #want(now: Instant): void {
    if (this.#context.ownNodeId === 0) return;
    if (this.#ring.current === undefined) {
      this.#startExchange('first', now);
      return;
    }
    if (this.#silent) this.#startExchange('silent', now);
    this.#armPathPing(now);
  }

  #startExchange(reason: ExchangeReason, now: Instant): void {
    const asks = reason !== 'rotation' && this.#wantsEndpoints(now);
    const firstAt = now.monotonicMs + (asks && reason === 'first' ? ENDPOINT_WAIT_MS : 0);
    if (!this.#rounds.start(reason, firstAt, now.monotonicMs)) {
      this.#armExchange();
      return;
    }
    if (asks) this.#askEndpoints(now);
    if (reason === 'first') this.#beginDialSpan(now);
    this.#armExchange();
  }

  #onExchangeTimer(now: Instant): void {
    const attempt = this.#rounds.takeDue(now.monotonicMs);
    if (attempt === 'failed') this.#onRoundFailed(now);
    else if (attempt === 'rested') this.#resume(now);
    else if (attempt !== undefined) this.#sendAttempt(attempt, now);
    this.#armExchange();
  }

  /** A rest is over: another round, if something still waits for it. */
  #resume(now: Instant): void {
    if (this.#ring.current === undefined) {
      if (this.#watched || this.#queue.size > 0 || this.#waitingPings.length > 0) this.#startExchange('first', now);
    } else if (this.#silent && this.#isActive(now)) this.#startExchange('silent', now);
    else if (this.#ring.rotating && this.#isActive(now)) this.#startExchange('rotation', now);
  }

  #sendAttempt(attempt: number, now: Instant): void {
    const targets = this.#exchangeTargets(now);
    if (attempt === 0 && this.#rounds.reason === 'first' && targets.length > 0) {
      // Straight at first: the beacon and its relay are for those who do not answer.
      for (const endpoint of targets) this.#announce(direct(endpoint), now);
      this.#timers.set('punch', now.monotonicMs + PUNCH_AFTER_MS);
      this.#timers.set('relay-copy', now.monotonicMs + RELAY_COPY_AFTER_MS);
      return;
    }
    const routes = [...targets.slice(0, 1).map(direct), RELAY];
    if (this.#rounds.reason !== 'rotation' && attempt > 0) for (const route of routes) this.#request(route, now);
    for (const route of routes) this.#announce(route, now);
    if (this.#rounds.reason === 'rotation') this.#probeKeys(this.#path.route ?? RELAY, now);
    if (this.#rounds.reason !== 'rotation') this.#context.beacon()?.requestPunch(this.peerNodeId, now);
  }

  #exchangeTargets(now: Instant): readonly Endpoint[] {
    const route = this.#path.route;
    const inUse = route?.via === 'direct' ? [route.endpoint] : [];
    const others = this.#path
      .candidates(now.monotonicMs)
      .filter((other) => !inUse.some((e) => equalEndpoints(e, other)));
    return [...inUse, ...others].slice(0, MAX_DIAL_TARGETS);
  }

  #onRoundFailed(now: Instant): void {
    if (this.#ring.current !== undefined) return;
    this.#endDial(now, { code: 'error', message: 'no answer to the key exchange' });
    this.#context.emit({ type: 'key-exchange-failed', peerNodeId: this.peerNodeId });
  }

  #armExchange(): void {
    const at = this.#rounds.nextDue();
    if (at === undefined) this.#timers.clear('exchange');
    else this.#timers.set('exchange', at);
  }

  #settleExchange(reason: ExchangeReason): void {
    if (this.#rounds.reason !== undefined && this.#rounds.reason !== reason) return;
    this.#rounds.settle();
    this.#timers.clear('punch');
    this.#timers.clear('relay-copy');
    this.#armExchange();
  }

  #answer(route: Route, now: Instant): void {
    this.#lastAnswer[route.via] = now.monotonicMs;
    this.#sendFrame(this.#signedAnnouncement(), route, now);
  }

  #mayAnswer(route: Route, now: Instant): boolean {
    const last = this.#lastAnswer[route.via];
    return last === undefined || now.monotonicMs - last >= ANSWER_PAUSE_MS;
  }

  #onUnchanged(frame: KeyExchangeFrame, route: Route, now: Instant): void {
    if (this.#ring.replaceIdentity(frame.ed25519PublicKey)) this.#emitRekeyed('peer');
    const current = this.#ring.current;
    const heard = this.#lastHeard;
    const quiet = heard === undefined || now.monotonicMs - heard.monotonicMs >= UNCHANGED_ANSWER_AFTER_MS;
    if ((current?.proven === false || quiet) && this.#mayAnswer(route, now)) this.#answer(route, now);
  }

  #announce(route: Route, now: Instant): void {
    if (this.#rounds.takeFrame(now.monotonicMs)) this.#sendFrame(this.#signedAnnouncement(), route, now);
  }

  #request(route: Route, now: Instant): void {
    if (!this.#rounds.takeFrame(now.monotonicMs)) return;
    const { ownNodeId } = this.#context;
    const x25519PublicKey = this.#ring.announcedKey;
    const frame = encodeTunnelFrame({ kind: 'key-request', senderNodeId: ownNodeId, x25519PublicKey });
    this.#sendFrame(frame, route, now);
  }

  #signedAnnouncement(): Uint8Array {
    const key = this.#ring.announcedKey;
    if (this.#signed?.key !== key) {
      this.#signed = { key, bytes: encodeTunnelFrame(this.#context.signKeyExchange(key)) };
    }
    return this.#signed.bytes;
  }

  #onInstalled(route: Route, now: Instant): void {
    const session = this.#ring.current;
    if (session === undefined) return;
    this.#epoch += 1;
    this.#changeRoute(route, now);
    this.#settleExchange('first');
    this.#endDial(now, { code: 'ok' });
    this.#context.emit({
      type: 'established',
      peerNodeId: this.peerNodeId,
      epoch: this.#epoch,
      keys: session.keys,
    });
    this.#timers.set('idle', now.monotonicMs + CLOSE_IDLE_MS);
    this.#sendPathPing(now);
    this.#flushQueue(session, now);
    this.#sendWaitingPings(now);
    this.#armPathPing(now);
    this.#timers.set('keepalive', now.monotonicMs + KEEPALIVE_MS);
  }

  #onPromoted(replacedOwn: boolean): void {
    this.#epoch += 1;
    if (!this.#ring.rotating) this.#settleExchange('rotation');
    if (this.#ring.candidates.length === 0) this.#timers.clear('candidate');
    this.#emitRekeyed(replacedOwn ? 'own' : 'peer');
  }

  #emitRekeyed(by: 'peer' | 'own'): void {
    const session = this.#ring.current;
    if (session === undefined) return;
    this.#context.emit({ type: 'rekeyed', peerNodeId: this.peerNodeId, epoch: this.#epoch, keys: session.keys, by });
  }

  #rotateWhenDue(now: Instant): void {
    if (this.#ring.rotateWhenDue(now)) this.#startExchange('rotation', now);
    else if (this.#ring.rotationPending && !this.#timers.has('rotate')) {
      this.#timers.set('rotate', now.monotonicMs + OWN_KEY_MIN_AGE_MS);
    }
  }

  #probeKeys(route: Route, now: Instant): void {
    this.#candidateProbe = { route, sends: 0 };
    this.#sendKeyProbes(now);
  }

  #sendKeyProbes(now: Instant): void {
    const probe = this.#candidateProbe;
    const { candidates } = this.#ring;
    if (probe === undefined || candidates.length === 0) return;
    for (const session of candidates) this.#sendPing(session, { kind: 'probe' }, probe.route, PROBE_TIMEOUT_MS, now);
    const pause = CANDIDATE_PAUSES_MS[Math.min(probe.sends, CANDIDATE_PAUSES_MS.length - 1)] ?? PATH_PING_MS;
    probe.sends += 1;
    if (this.#isActive(now)) this.#timers.set('candidate', now.monotonicMs + pause);
  }

  // Receiving

  #onOpened(
    result: Extract<RingOpenResult, { outcome: 'opened' }>,
    frame: SealedFrame,
    route: Route,
    now: Instant,
    receivedAt = now,
  ): void {
    this.#heard(route, now);
    if (result.promoted) this.#onPromoted(result.replacedOwn);
    this.#rotateWhenDue(now);
    this.#packetsReceived += 1;
    this.#bytesReceived += SEALED_HEAD_LENGTH + frame.ciphertext.length;
    const packet = this.#decode(result.plaintext);
    if (packet === undefined) this.#context.drop('malformed-packet', this.peerNodeId);
    else if (packet.source.node !== this.peerNodeId && !isAnonymousKeepalive(packet)) {
      this.#context.drop('source-spoofed', this.peerNodeId);
    } else if (packet.protocol === PROTOCOL.control) this.#handleControl(packet, result.session, route, receivedAt);
    else if (packet.protocol === PROTOCOL.stream || packet.protocol === PROTOCOL.datagram) {
      this.#lastApplication = now.monotonicMs;
      this.#armPathPing(now);
      const path = this.#path.kindOf(route, now.monotonicMs);
      const { nonce } = frame;
      const { keys } = result.session;
      this.#context.emit({ type: 'payload', peerNodeId: this.peerNodeId, packet, path, receivedAt, nonce, keys });
    } else this.#context.drop('unknown-protocol', this.peerNodeId);
    if (result.promoted) this.#retryHeld(now);
  }

  #decode(plaintext: Uint8Array): Packet | undefined {
    try {
      return decodePacket(plaintext);
    } catch (error) {
      if (error instanceof PilotError) return undefined;
      throw error;
    }
  }

  #handleControl(packet: Packet, session: Session, route: Route, now: Instant): void {
    const kind = controlKind(packet);
    switch (kind) {
      case 'keepalive':
        return;
      case 'ping':
        if (packet.destination.node !== 0 && packet.destination.node !== this.#context.ownNodeId) {
          this.#context.drop('ping-for-other-node', this.peerNodeId);
        } else
          this.#sealAndSend(session, pongPacket(this.#context.ownNodeId, packet), route, now, { isAnswerless: true });
        return;
      case 'pong':
        this.#handlePong(packet, route, now);
        return;
      case 'unknown':
        this.#context.drop('unknown-protocol', this.peerNodeId);
        return;
      default:
        throw kind satisfies never;
    }
  }

  #handlePong(packet: Packet, route: Route, now: Instant): void {
    const match = this.#pings.match(packet, now);
    if (match === undefined) return;
    const { ping, rttMs } = match;
    this.#armPingExpiry();
    if (ping.purpose.kind === 'asked') {
      const path = this.#path.kindOf(route, now.monotonicMs);
      const { pingId } = ping.purpose;
      this.#context.emit({ type: 'pong', peerNodeId: this.peerNodeId, pingId, rttMs, path });
    }
    if (route.via === 'direct' && equalRoutes(ping.route, route)) this.#confirm(route.endpoint, ping, now);
  }

  #heard(route: Route, now: Instant): void {
    this.#lastHeard = now;
    this.#path.heard(route, now.monotonicMs);
    if (this.#path.silentSince === undefined) this.#timers.clear('suspect');
    if (this.#silent) {
      this.#silent = false;
      this.#settleExchange('silent');
      this.#context.emit({ type: 'recovered', peerNodeId: this.peerNodeId });
      this.#armPathPing(now);
    }
    if (route.via === 'relay') this.#endFallback(now, { code: 'ok' });
    else if (!equalRoutes(route, this.#path.route) && !this.#path.relayOnly) this.#observe(route.endpoint, now);
  }

  #hold(held: HeldFrame): void {
    this.recover(held.route, held.receivedAt);
    if (!this.#held.push(held)) this.#context.drop(this.#undecryptable(), this.peerNodeId);
    else this.#timers.setEarlier('expiry', held.receivedAt.monotonicMs + UNDECRYPTABLE_LIFETIME_MS);
  }

  /** Frames may overtake the key they are sealed with, on another path. */
  #retryHeld(now: Instant): void {
    for (const held of this.#held.drain()) {
      const result = this.#ring.open(held.frame, now);
      if (result.outcome === 'opened') this.#onOpened(result, held.frame, held.route, now, held.receivedAt);
      else if (result.outcome === 'replayed') this.#context.drop('replayed', this.peerNodeId);
      else if (!this.#held.push(held)) this.#context.drop('undecryptable', this.peerNodeId);
    }
  }

  #undecryptable(): TunnelDropReason {
    return this.#ring.current === undefined ? 'no-session' : 'undecryptable';
  }

  // Path

  #changeRoute(route: Route, now: Instant): void {
    if (equalRoutes(route, this.#path.route)) return;
    const viaBefore = this.#path.route?.via;
    const from = this.#path.adopt(route, now);
    if (viaBefore !== route.via) this.#pings.resetStatistics();
    if (route.via === 'direct') {
      this.#timers.clear('upgrade');
      this.#endFallback(now, { code: 'ok' });
    } else {
      this.#upgrades = 0;
      this.#timers.set('upgrade', now.monotonicMs + (FIRST_UPGRADES_MS[0] ?? RELAY_UPGRADE_MS));
    }
    if (from !== undefined) this.#emitPathChanged(from, now);
  }

  #emitPathChanged(from: PathKind, at: Instant): void {
    const to = this.#path.kind;
    const beacon = to === 'relay' ? this.#context.beacon()?.endpoint : undefined;
    const { peerNodeId } = this;
    const event = { type: 'path-changed', peerNodeId, from, to, at } as const;
    this.#context.emit(beacon === undefined ? event : { ...event, beacon });
  }

  /** An authenticated frame came from an endpoint that is not in use: a replay from anywhere could look so. */
  #observe(endpoint: Endpoint, now: Instant): void {
    if (this.#ring.current === undefined) return;
    this.#startProbe(endpoint, now);
    // The one in use has to answer as well, or it will be left.
    const last = this.#lastPathPing;
    if (last === undefined || now.monotonicMs - last >= SUSPECT_PING_MS) this.#sendPathPing(now);
  }

  #startProbe(endpoint: Endpoint, now: Instant): void {
    this.#probes.start(endpoint, now.monotonicMs);
    this.#sendProbes(now);
  }

  #probeCandidates(now: Instant): void {
    for (const endpoint of this.#path.candidates(now.monotonicMs)) this.#probes.start(endpoint, now.monotonicMs);
    this.#sendProbes(now);
  }

  #sendProbes(now: Instant): void {
    const session = this.#ring.current;
    if (session !== undefined) {
      for (const endpoint of this.#probes.takeDue(now.monotonicMs)) {
        this.#sendPing(session, { kind: 'probe' }, direct(endpoint), PROBE_TIMEOUT_MS, now);
      }
    }
    const next = this.#probes.nextDue();
    if (next !== undefined && session !== undefined) this.#timers.set('probe', next);
  }

  /** The peer answered a ping to this endpoint from there. */
  #confirm(endpoint: Endpoint, ping: OutstandingPing, now: Instant): void {
    const since = this.#probes.startedAt(endpoint) ?? ping.sentAt.monotonicMs;
    this.#probes.settle(endpoint);
    const { route } = this.#path;
    if (route?.via === 'direct') {
      if (equalEndpoints(route.endpoint, endpoint)) return;
      const better = this.#path.isLan(endpoint) && !this.#path.isLan(route.endpoint);
      if (!better && this.#path.heardSince(since)) return;
    }
    this.#changeRoute(direct(endpoint), now);
    this.#path.heard(direct(endpoint), now.monotonicMs);
  }

  #onSuspectTimer(now: Instant): void {
    if (this.#path.silentSince === undefined || this.#ring.current === undefined) return;
    if (this.#path.isDead(now.monotonicMs)) this.#fallBack(now);
    if (this.#noticeSilence(now)) return;
    this.#sendPathPing(now);
    this.#timers.set('suspect', now.monotonicMs + SUSPECT_PING_MS);
  }

  #fallBack(now: Instant): void {
    const beacon = this.#context.beacon();
    if (beacon === undefined) return;
    this.#endFallback(now, { code: 'error', message: 'the path changed again' });
    this.#fallback = this.#context.tracer.startSpan(SPAN.relayFallback, {
      at: now.unixNano,
      attributes: {
        [ATTR.peerNodeId]: this.peerNodeId,
        [ATTR.path]: 'relay',
        [ATTR.relayBeacon]: formatEndpoint(beacon.endpoint),
        [ATTR.tunnelEpoch]: this.#epoch,
      },
    });
    this.#changeRoute(RELAY, now);
  }

  #endFallback(now: Instant, status: { code: 'ok' } | { code: 'error'; message: string }): void {
    this.#fallback?.end(now.unixNano, status);
    this.#fallback = undefined;
  }

  /** True when the peer is silent on every path; says so once. */
  #noticeSilence(now: Instant): boolean {
    if (!this.#path.isPeerSilent(now.monotonicMs)) return false;
    if (this.#silent) return true;
    this.#silent = true;
    this.#endFallback(now, { code: 'error', message: 'nothing was heard through the relay' });
    this.#context.emit({ type: 'silent', peerNodeId: this.peerNodeId, lastHeard: this.#lastHeard });
    if (this.#isActive(now)) this.#startExchange('silent', now);
    return true;
  }

  #onUpgradeTimer(now: Instant): void {
    if (this.#path.route?.via !== 'relay' || this.#path.relayOnly) return;
    this.#upgrades += 1;
    this.#timers.set('upgrade', now.monotonicMs + (FIRST_UPGRADES_MS[this.#upgrades] ?? RELAY_UPGRADE_MS));
    if (!this.#isActive(now)) return;
    if (this.#wantsEndpoints(now)) this.#askEndpoints(now);
    this.#context.beacon()?.requestPunch(this.peerNodeId, now);
    this.#probeCandidates(now);
  }

  #wantsEndpoints(now: Instant): boolean {
    return this.#endpointsAsked === undefined || now.monotonicMs - this.#endpointsAsked >= ENDPOINT_FRESH_MS;
  }

  #askEndpoints(now: Instant): void {
    this.#endpointsAsked = now.monotonicMs;
    this.#context.emit({ type: 'endpoint-needed', nodeId: this.peerNodeId });
  }

  // Pings and keepalives

  #isActive(now: Instant): boolean {
    return this.#watched || now.monotonicMs - this.#lastApplication < ACTIVE_MS;
  }

  #armPathPing(now: Instant): void {
    if (this.#ring.current === undefined || this.#timers.has('path-ping')) return;
    const dueAt = this.#lastPathPing === undefined ? now.monotonicMs : this.#lastPathPing + PATH_PING_MS;
    this.#timers.set('path-ping', Math.max(dueAt, now.monotonicMs));
  }

  #onPathPingTimer(now: Instant): void {
    if (!this.#isActive(now)) return;
    this.#sendPathPing(now);
    if (this.#silent && this.#path.route?.via === 'relay') this.#probeCandidates(now);
    this.#timers.set('path-ping', now.monotonicMs + PATH_PING_MS);
    this.#noticeSilence(now);
  }

  #sendPathPing(now: Instant): void {
    const session = this.#ring.current;
    const { route } = this.#path;
    if (session === undefined || route === undefined || this.#pings.full) return;
    this.#lastPathPing = now.monotonicMs;
    this.#sendPing(session, { kind: 'path' }, route, PATH_PING_TIMEOUT_MS, now);
  }

  #sendPing(session: Session, purpose: PingPurpose, route: Route, timeoutMs: number, now: Instant): void {
    if (this.#pings.full) return;
    const fields = this.#pings.start({ purpose, route, timeoutMs }, now);
    const packet = pingPacket(this.#context.ownNodeId, this.peerNodeId, fields);
    this.#sealAndSend(session, packet, route, now, { isPing: true });
    this.#armPingExpiry();
  }

  #sendWaitingPings(now: Instant): void {
    const session = this.#ring.current;
    const { route } = this.#path;
    if (session === undefined || route === undefined) return;
    for (const { pingId, deadline } of this.#waitingPings.splice(0)) {
      this.#sendPing(session, { kind: 'asked', pingId }, route, deadline - now.monotonicMs, now);
    }
  }

  #expirePings(now: Instant): void {
    const expired = this.#waitingPings.filter((ping) => ping.deadline <= now.monotonicMs);
    this.#waitingPings = this.#waitingPings.filter((ping) => ping.deadline > now.monotonicMs);
    const unanswered = this.#pings
      .expire(now.monotonicMs)
      .flatMap((ping) => (ping.purpose.kind === 'asked' ? [ping.purpose] : []));
    for (const { pingId } of [...expired, ...unanswered]) {
      this.#context.emit({ type: 'ping-timeout', peerNodeId: this.peerNodeId, pingId });
    }
    this.#armPingExpiry();
  }

  #armPingExpiry(): void {
    const next = earliest(this.#pings.nextDeadline(), ...this.#waitingPings.map((ping) => ping.deadline));
    if (next === undefined) this.#timers.clear('ping-expiry');
    else this.#timers.set('ping-expiry', next);
  }

  #onKeepaliveTimer(now: Instant): void {
    const session = this.#ring.current;
    const idleMs = this.#watched ? 0 : now.monotonicMs - this.#lastApplication;
    if (session === undefined || idleMs >= KEEPALIVE_UNTIL_IDLE_MS) return;
    const quietSince = this.#lastSent ?? this.#startedAt;
    if (now.monotonicMs - quietSince >= KEEPALIVE_MS) {
      const packet = keepalivePacket(this.#context.ownNodeId, this.peerNodeId);
      this.#sealAndSend(session, packet, this.#path.route ?? RELAY, now, { isAnswerless: true });
    }
    this.#timers.set('keepalive', (this.#lastSent ?? now.monotonicMs) + KEEPALIVE_MS);
  }

  #onIdleTimer(now: Instant): 'idle' | undefined {
    const lifetime = this.#ring.current === undefined ? CLOSE_KEYLESS_MS : CLOSE_IDLE_MS;
    const idleMs = this.#watched ? 0 : now.monotonicMs - this.#lastApplication;
    if (idleMs >= lifetime) return 'idle';
    this.#timers.set('idle', now.monotonicMs + lifetime - idleMs);
    return undefined;
  }

  #expireQueues(now: Instant): void {
    for (const queued of this.#queue.drain()) {
      if (queued.until <= now.monotonicMs) this.#context.drop('queue-expired', this.peerNodeId);
      else if (this.#queue.push(queued)) this.#timers.setEarlier('expiry', queued.until);
    }
    for (const held of this.#held.drain()) {
      const until = held.receivedAt.monotonicMs + UNDECRYPTABLE_LIFETIME_MS;
      if (until <= now.monotonicMs) this.#context.drop(this.#undecryptable(), this.peerNodeId);
      else if (this.#held.push(held)) this.#timers.setEarlier('expiry', until);
    }
  }

  // Sending

  #flushQueue(session: Session, now: Instant): void {
    for (const { packet, token, until } of this.#queue.drain()) {
      if (until <= now.monotonicMs) this.#context.drop('queue-expired', this.peerNodeId);
      else this.#sealAndSend(session, packet, this.#path.route ?? RELAY, now, { token });
    }
  }

  #sealAndSend(
    session: Session,
    packet: Packet,
    route: Route,
    now: Instant,
    options: { readonly token?: number | undefined; readonly isPing?: boolean; readonly isAnswerless?: boolean },
  ): boolean {
    const frame = session.seal(encodePacket(packet));
    this.#sendFrame(encodeTunnelFrame(frame), route, now);
    if (options.token !== undefined) {
      const { peerNodeId } = this;
      const { keys } = session;
      this.#context.emit({ type: 'sealed', peerNodeId, token: options.token, nonce: frame.nonce, keys });
    }
    if (options.isAnswerless !== true) this.#path.sent(route, options.isPing === true, now.monotonicMs);
    if (this.#path.silentSince !== undefined && !this.#silent && !this.#timers.has('suspect')) {
      this.#timers.set('suspect', now.monotonicMs + SUSPECT_PING_MS);
    }
    return true;
  }

  #sendFrame(bytes: Uint8Array, route: Route, now: Instant): void {
    if (route.via === 'relay') {
      const beacon = this.#context.beacon();
      if (beacon === undefined) return;
      beacon.relay(this.peerNodeId, bytes);
    } else this.#context.transmit(route.endpoint, bytes);
    this.#packetsSent += 1;
    this.#bytesSent += bytes.length;
    this.#lastSent = now.monotonicMs;
  }

  // Tracing

  #beginDialSpan(now: Instant): void {
    this.#dial.span ??= this.#context.tracer.startSpan(SPAN.keyExchange, {
      at: now.unixNano,
      kind: 'client',
      parent: this.#dial.parent,
      attributes: { [ATTR.peerNodeId]: this.peerNodeId },
    });
  }

  #endDial(now: Instant, status: { code: 'ok' } | { code: 'error'; message: string }): void {
    const { span } = this.#dial;
    this.#dial = { parent: undefined, span: undefined };
    if (span === undefined) return;
    span.setAttributes({ [ATTR.path]: this.#path.kind, [ATTR.tunnelEpoch]: this.#epoch });
    if (status.code === 'error') span.setAttributes({ [ATTR.errorType]: 'peer.silent' });
    span.end(now.unixNano, status);
  }
}
