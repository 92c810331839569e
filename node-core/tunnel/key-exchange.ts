import type { Instant, Millis } from '../base/clock.ts';
import { ATTR, SPAN, type Span, type SpanContext } from '../base/tracer.ts';
import type { Endpoint } from '../base/transport.ts';
import { encodeTunnelFrame, type KeyExchangeFrame, type SealedFrame } from '../wire/tunnel-frame.ts';
import { type ExchangeReason, KeyExchangeRounds } from './key-exchange-rounds.ts';
import { KeyRing, type OfferOutcome, type RingOpenResult } from './key-ring.ts';
import { direct, equalEndpoints, equalRoutes, RELAY, type Route } from './path.ts';
import type { Pinger } from './pinger.ts';
import type { Session } from './session.ts';
import { TimerTable } from './timer-table.ts';
import {
  ANSWER_PAUSE_MS,
  CANDIDATE_PAUSES_MS,
  ENDPOINT_WAIT_MS,
  OWN_KEY_MIN_AGE_MS,
  PATH_PING_MS,
  PROBE_TIMEOUT_MS,
  PUNCH_AFTER_MS,
  RECOVERY_PAUSE_MS,
  RECOVERY_QUIET_MS,
  RELAY_COPY_AFTER_MS,
  UNCHANGED_ANSWER_AFTER_MS,
} from './tunnel-config.ts';
import type { TunnelPeer } from './tunnel-peer.ts';

type TimerName = 'exchange' | 'punch' | 'relay-copy' | 'candidate' | 'rotate';
type Outcome = { readonly code: 'ok' } | { readonly code: 'error'; readonly message: string };

/** Direct endpoints that the first frames of a key exchange go to. */
const MAX_DIAL_TARGETS = 2;

/**
 * How one peer and we come to have keys, and keep them: sending ours until it is answered, taking the peer's, probing
 * new ones, and replacing ours when that is due.
 */
export class KeyExchange {
  readonly #peer: TunnelPeer;
  readonly #pinger: Pinger;
  readonly #isWaitedFor: () => boolean;
  readonly #ring: KeyRing;
  readonly #rounds = new KeyExchangeRounds();
  readonly #timers = new TimerTable<TimerName>();
  readonly #lastAnswer: Partial<Record<Route['via'], Millis>> = {};
  #lastRecovery: Millis | undefined;
  #candidateProbe: { readonly route: Route; readonly sends: number } | undefined;
  #signed: KeyExchangeFrame | undefined;
  #parent: SpanContext | undefined;
  #span: Span | undefined;

  /** @param isWaitedFor - Whether something will go out as soon as there are keys. */
  constructor(peer: TunnelPeer, pinger: Pinger, isWaitedFor: () => boolean, now: Instant) {
    this.#peer = peer;
    this.#pinger = pinger;
    this.#isWaitedFor = isWaitedFor;
    this.#ring = new KeyRing({ random: peer.context.random, ownNodeId: peer.context.ownNodeId }, now);
  }

  get session(): Session | undefined {
    return this.#ring.current;
  }

  /** The span of the next key exchange becomes a child of this one. */
  setParent(parent: SpanContext): void {
    this.#parent = parent;
  }

  /** Begins a round, unless one runs or rests. */
  start(reason: ExchangeReason, now: Instant): void {
    if (this.#peer.context.ownNodeId === 0) return;
    if (!this.#rounds.mayStart(now.monotonicMs)) return;
    const asked = reason !== 'rotation' && this.#peer.askEndpoints(now);
    const waits = asked && reason === 'first';
    this.#rounds.start(reason, now.monotonicMs + (waits ? ENDPOINT_WAIT_MS : 0));
    if (reason === 'first') this.#beginSpan(now);
    this.#proceed(now);
  }

  /** The endpoints are there that the first attempt waited for. */
  hasten(now: Instant): void {
    this.#rounds.hasten(now.monotonicMs);
    this.#proceed(now);
  }

  /** Ends the round that was begun for this reason: it was answered. */
  settle(reason: ExchangeReason): void {
    if (this.#rounds.reason !== undefined && this.#rounds.reason !== reason) return;
    this.#rounds.settle();
    this.#timers.clear('punch');
    this.#timers.clear('relay-copy');
    this.#arm();
  }

  /** The first keys are installed. */
  complete(now: Instant): void {
    this.settle('first');
    this.#endSpan(now, { code: 'ok' });
  }

  /** Takes in a PILA whose signature and identity were verified, and answers it as its outcome demands. */
  handleKeyExchange(frame: KeyExchangeFrame, route: Route, now: Instant): OfferOutcome | 'new-identity' {
    const standing = this.#peer.heardWithin(UNCHANGED_ANSWER_AFTER_MS, now) ? 'heard' : 'quiet';
    const outcome = this.#ring.offer(frame.x25519PublicKey, frame.ed25519PublicKey, standing, now);
    switch (outcome) {
      case 'installed':
        this.answer(route, now);
        return outcome;
      case 'candidate':
        this.answer(route, now);
        this.#probeCandidates(route, now);
        return outcome;
      case 'known-candidate':
        if (!this.#mayAnswer(route, now)) return outcome;
        this.answer(route, now);
        this.#probeCandidates(route, now);
        return outcome;
      case 'unchanged':
        if (this.#wantsUnchangedAnswer(now) && this.#mayAnswer(route, now)) this.answer(route, now);
        return this.#ring.replaceIdentity(frame.ed25519PublicKey) ? 'new-identity' : outcome;
      case 'retired':
      case 'bad-key':
        return outcome;
      default:
        throw outcome satisfies never;
    }
  }

  /** Sends our PILA on the path the question came by, with the cookie that came with it. */
  answer(route: Route, now: Instant, cookie?: Uint8Array): void {
    this.#lastAnswer[route.via] = now.monotonicMs;
    const frame = this.#announcement();
    this.#peer.sendFrame(encodeTunnelFrame(cookie === undefined ? frame : { ...frame, cookie }), route, now);
  }

  /** The ordinal of the newest session. */
  get newest(): number {
    return this.#ring.newest;
  }

  /** @param after - As `KeyRing.open` has it. */
  open(frame: SealedFrame, now: Instant, after?: number): RingOpenResult {
    const result = this.#ring.open(frame, now, after);
    if (result.outcome !== 'opened') return result;
    if (result.promoted && !this.#ring.rotating) this.settle('rotation');
    this.#rotateWhenDue(now);
    return result;
  }

  /** Sends PILA and PILK, so that a peer that has lost our keys, or we its, gets them: at most each 3 s. */
  recover(route: Route, now: Instant): void {
    const last = this.#lastRecovery;
    if (last !== undefined && now.monotonicMs - last < RECOVERY_PAUSE_MS) return;
    // While the peer is heard, what cannot be opened is noise.
    if (this.#peer.heardWithin(RECOVERY_QUIET_MS, now) || !this.#peer.context.mayRecover(this.#peer.nodeId, now))
      return;
    this.#lastRecovery = now.monotonicMs;
    const inUse = this.#peer.path.route;
    // The frame may be a stranger's: the peer is asked where it was last as well.
    const routes = inUse === undefined || equalRoutes(route, inUse) ? [route] : [route, inUse];
    for (const each of routes) {
      this.announce(each, now);
      this.#request(each, now);
    }
  }

  /** Sends our PILA unasked, within what a peer takes in a second. */
  announce(route: Route, now: Instant): void {
    if (this.#rounds.takeFrame(now.monotonicMs))
      this.#peer.sendFrame(encodeTunnelFrame(this.#announcement()), route, now);
  }

  handleTimeout(now: Instant): void {
    for (const name of this.#timers.takeDue(now.monotonicMs)) this.#onTimer(name, now);
  }

  nextTimeout(): Millis | undefined {
    return this.#timers.next();
  }

  close(now: Instant): void {
    this.#endSpan(now, { code: 'error', message: 'the tunnel was closed' });
  }

  #onTimer(name: TimerName, now: Instant): void {
    switch (name) {
      case 'exchange':
        return this.#proceed(now);
      case 'punch':
        return this.#peer.context.beacon()?.requestPunch(this.#peer.nodeId, now);
      case 'relay-copy':
        return this.announce(RELAY, now);
      case 'candidate':
        return this.#sendCandidateProbes(now);
      case 'rotate':
        return this.#rotateWhenDue(now);
      default:
        throw name satisfies never;
    }
  }

  /** Does what is due of the exchange, and says when to come back. */
  #proceed(now: Instant): void {
    const attempt = this.#rounds.takeDue(now.monotonicMs);
    if (attempt === 'failed') this.#onRoundFailed(now);
    else if (attempt === 'rested') this.#resume(now);
    else if (attempt !== undefined) this.#sendAttempt(attempt, now);
    this.#arm();
  }

  /** After a rest, what goes on by itself: only a tunnel somebody watches or waits for keeps asking. */
  #resume(now: Instant): void {
    const active = this.#peer.isActive(now);
    if (this.session === undefined) {
      if (this.#peer.watched || this.#isWaitedFor()) this.start('first', now);
    } else if (this.#peer.silent && active) this.start('silent', now);
    else if (this.#ring.rotating && active) this.start('rotation', now);
  }

  #sendAttempt(attempt: number, now: Instant): void {
    const { reason } = this.#rounds;
    const targets = this.#targets(now);
    if (attempt === 0 && reason === 'first' && targets.length > 0) {
      // Straight at first: the beacon and its relay are for those who do not answer.
      for (const endpoint of targets) this.announce(direct(endpoint), now);
      this.#timers.set('punch', now.monotonicMs + PUNCH_AFTER_MS);
      this.#timers.set('relay-copy', now.monotonicMs + RELAY_COPY_AFTER_MS);
      return;
    }
    const routes = [...targets.slice(0, 1).map(direct), RELAY];
    if (reason !== 'rotation' && attempt > 0) for (const route of routes) this.#request(route, now);
    for (const route of routes) this.announce(route, now);
    if (reason === 'rotation') this.#probeCandidates(this.#peer.path.route ?? RELAY, now);
    else this.#peer.context.beacon()?.requestPunch(this.#peer.nodeId, now);
  }

  #targets(now: Instant): readonly Endpoint[] {
    const { route } = this.#peer.path;
    const inUse = route?.via === 'direct' ? [route.endpoint] : [];
    const candidates = this.#peer.path.candidates(now.monotonicMs);
    const others = candidates.filter((other) => !inUse.some((endpoint) => equalEndpoints(endpoint, other)));
    return [...inUse, ...others].slice(0, MAX_DIAL_TARGETS);
  }

  #onRoundFailed(now: Instant): void {
    if (this.session !== undefined) return;
    this.#endSpan(now, { code: 'error', message: 'no answer to the key exchange' });
    this.#peer.context.emit({ type: 'key-exchange-failed', peerNodeId: this.#peer.nodeId });
  }

  #arm(): void {
    const at = this.#rounds.nextDue();
    if (at === undefined) this.#timers.clear('exchange');
    else this.#timers.set('exchange', at);
  }

  #mayAnswer(route: Route, now: Instant): boolean {
    const last = this.#lastAnswer[route.via];
    return last === undefined || now.monotonicMs - last >= ANSWER_PAUSE_MS;
  }

  /** The same key again may mean that our answer was lost; while the peer is heard, it does not. */
  #wantsUnchangedAnswer(now: Instant): boolean {
    return this.session?.proven === false || !this.#peer.heardWithin(UNCHANGED_ANSWER_AFTER_MS, now);
  }

  /** PILK: asks for the peer's PILA, and is answered whatever the peer knows of us. */
  #request(route: Route, now: Instant): void {
    if (!this.#rounds.takeFrame(now.monotonicMs)) return;
    const senderNodeId = this.#peer.context.ownNodeId;
    const x25519PublicKey = this.#ring.announcedKey;
    this.#peer.sendFrame(encodeTunnelFrame({ kind: 'key-request', senderNodeId, x25519PublicKey }), route, now);
  }

  #announcement(): KeyExchangeFrame {
    const key = this.#ring.announcedKey;
    if (this.#signed?.x25519PublicKey !== key) this.#signed = this.#peer.context.signKeyExchange(key);
    return this.#signed;
  }

  #rotateWhenDue(now: Instant): void {
    if (this.#ring.rotateWhenDue(now) || this.#ring.rotating) this.start('rotation', now);
    else if (this.#ring.rotationPending && !this.#timers.has('rotate')) {
      this.#timers.set('rotate', now.monotonicMs + OWN_KEY_MIN_AGE_MS);
    }
  }

  #probeCandidates(route: Route, now: Instant): void {
    this.#candidateProbe = { route, sends: 0 };
    this.#sendCandidateProbes(now);
  }

  #sendCandidateProbes(now: Instant): void {
    const probe = this.#candidateProbe;
    const { candidates } = this.#ring;
    if (probe === undefined || candidates.length === 0) return;
    for (const session of candidates) this.#pinger.send(session, { kind: 'probe' }, probe.route, PROBE_TIMEOUT_MS, now);
    const pause = CANDIDATE_PAUSES_MS[Math.min(probe.sends, CANDIDATE_PAUSES_MS.length - 1)] ?? PATH_PING_MS;
    this.#candidateProbe = { ...probe, sends: probe.sends + 1 };
    if (this.#peer.isActive(now)) this.#timers.set('candidate', now.monotonicMs + pause);
  }

  #beginSpan(now: Instant): void {
    this.#span ??= this.#peer.context.tracer.startSpan(SPAN.keyExchange, {
      at: now.unixNano,
      kind: 'client',
      parent: this.#parent,
      attributes: { [ATTR.peerNodeId]: this.#peer.nodeId },
    });
    this.#parent = undefined;
  }

  #endSpan(now: Instant, outcome: Outcome): void {
    this.#span?.setAttributes({ [ATTR.path]: this.#peer.path.kind, [ATTR.tunnelEpoch]: this.#peer.epoch });
    if (outcome.code === 'error') this.#span?.setAttributes({ [ATTR.errorType]: 'peer.silent' });
    this.#span?.end(now.unixNano, outcome);
    this.#span = undefined;
  }
}
