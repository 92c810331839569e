import { earliest, type Instant, type Millis } from '../base/clock.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import type { Endpoint } from '../base/transport.ts';
import { type BeaconMessage, encodeBeaconMessage } from '../wire/beacon-message.ts';
import { encodeTunnelFrame } from '../wire/tunnel-frame.ts';
import { equalEndpoints } from './path.ts';
import { DISCOVER_AWAY_MS, DISCOVER_TIMEOUT_MS, PUNCH_VALID_MS } from './tunnel-config.ts';

/** Datagrams that open a hole towards an endpoint. */
const PUNCHES = 3;
/** Discovers without an answer until the beacon counts as away. */
const MISSES_UNTIL_AWAY = 2;
/** A second Discover soon after the first: the first may have been lost, and some beacons want two. */
const SECOND_DISCOVER_MS = 1000;
/** A punch command within this time answers the oldest request. */
const REQUEST_VALID_MS = 2000;
const MAX_REQUESTS = 64;
/** The stock beacon takes ten a second from all nodes together. */
const REQUESTS = { burst: 8, perSecond: 8 } as const;

const PUNCH_FRAME = encodeTunnelFrame({ kind: 'punch' });

export type BeaconNews =
  | { readonly type: 'endpoint-observed'; readonly endpoint: Endpoint; readonly rttMs: number }
  | { readonly type: 'beacon-answered' }
  | { readonly type: 'beacon-away'; readonly since: Instant };

/**
 * What a node and its beacon have to say to each other besides relaying: which endpoint we have from outside, whether
 * the beacon lives, and punching.
 *
 *     unknown ──reply──> answered ──2 Discovers unanswered──> away ──reply──> answered
 */
export class BeaconClient {
  readonly endpoint: Endpoint;
  readonly #intervalMs: number;
  readonly #punchesPerSecond: number;
  readonly #transmit: (to: Endpoint, bytes: Uint8Array) => void;
  readonly #requests: { readonly nodeId: number; readonly at: Millis }[] = []; // oldest first
  #waiting: number[] = [];
  #flushAt: Millis | undefined;
  readonly #punched: { readonly endpoint: Endpoint; readonly at: Millis }[] = []; // oldest first
  #requestBucket: TokenBucket | undefined;
  #commandBucket: TokenBucket | undefined;
  #nodeId = 0;
  #nextDiscoverAt: Millis | undefined;
  #asked: Instant | undefined;
  #isWaiting = false;
  #answeredAt: Instant | undefined;
  #misses = 0;
  #state: 'unknown' | 'answered' | 'away' = 'unknown';

  constructor(
    endpoint: Endpoint,
    options: { readonly intervalMs: Millis; readonly punchesPerSecond: number },
    transmit: (to: Endpoint, bytes: Uint8Array) => void,
  ) {
    this.endpoint = endpoint;
    this.#intervalMs = options.intervalMs;
    this.#punchesPerSecond = options.punchesPerSecond;
    this.#transmit = transmit;
  }

  get state(): 'unknown' | 'answered' | 'away' {
    return this.#state;
  }

  /** Begins to ask, or asks anew under another id; 0 is "not registered yet". */
  discover(nodeId: number, now: Instant): void {
    this.#nodeId = nodeId;
    this.#sendDiscover(now);
    this.#nextDiscoverAt = now.monotonicMs + Math.min(SECOND_DISCOVER_MS, this.#intervalMs);
  }

  /** Also a late reply shows that the beacon lives. */
  handleReply(endpoint: Endpoint, now: Instant): BeaconNews[] {
    const asked = this.#asked;
    if (asked === undefined) return [];
    this.#isWaiting = false;
    this.#answeredAt = now;
    this.#misses = 0;
    const rttMs = now.monotonicMs - asked.monotonicMs;
    const news: BeaconNews[] = this.#state === 'answered' ? [] : [{ type: 'beacon-answered' }];
    this.#state = 'answered';
    this.#nextDiscoverAt ??= now.monotonicMs + this.#intervalMs;
    return [...news, { type: 'endpoint-observed', endpoint, rttMs }];
  }

  /** Asks for a punch command to the peer and to us; soon, if many are asked for at once. */
  requestPunch(peerNodeId: number, now: Instant): void {
    if (this.#waiting.includes(peerNodeId) || this.#waiting.length >= MAX_REQUESTS) return;
    this.#waiting.push(peerNodeId);
    this.#flushRequests(now);
  }

  /** Opens the hole that a punch command speaks of. False when there were too many. */
  punch(target: Endpoint, now: Instant): boolean {
    const perSecond = this.#punchesPerSecond;
    this.#commandBucket ??= new TokenBucket({ burst: 2 * perSecond, perSecond }, now.monotonicMs);
    if (!this.#commandBucket.take(now.monotonicMs)) return false;
    for (let count = 0; count < PUNCHES; count++) this.#transmit(target, PUNCH_FRAME);
    this.#punched.push({ endpoint: target, at: now.monotonicMs });
    if (this.#punched.length > MAX_REQUESTS) this.#punched.shift();
    return true;
  }

  /** True when a hole towards this endpoint was opened a moment ago. */
  wasPunched(endpoint: Endpoint, now: Instant): boolean {
    const isRecent = (at: Millis) => now.monotonicMs - at < PUNCH_VALID_MS;
    return this.#punched.some((punch) => isRecent(punch.at) && equalEndpoints(punch.endpoint, endpoint));
  }

  /** The peer whose request a command answers: it names none, so the oldest that waits. */
  takeRequest(now: Instant): number | undefined {
    while (this.#requests.length > 0) {
      const oldest = this.#requests.shift();
      if (oldest !== undefined && now.monotonicMs - oldest.at < REQUEST_VALID_MS) return oldest.nodeId;
    }
    return undefined;
  }

  /** A command that is known to concern this peer answers its request. */
  settleRequest(peerNodeId: number): void {
    const index = this.#requests.findIndex((request) => request.nodeId === peerNodeId);
    if (index >= 0) this.#requests.splice(index, 1);
  }

  relay(destinationNodeId: number, frame: Uint8Array): void {
    this.#send({ kind: 'relay', senderNodeId: this.#nodeId, destinationNodeId, frame });
  }

  handleTimeout(now: Instant): BeaconNews[] {
    this.#flushRequests(now);
    const news = this.#noticeSilence(now);
    if (this.#nextDiscoverAt !== undefined && this.#nextDiscoverAt <= now.monotonicMs) {
      this.#sendDiscover(now);
      this.#nextDiscoverAt = undefined;
    }
    return news;
  }

  nextTimeout(): Millis | undefined {
    const timeout =
      this.#isWaiting && this.#asked !== undefined ? this.#asked.monotonicMs + DISCOVER_TIMEOUT_MS : undefined;
    return earliest(this.#nextDiscoverAt, timeout, this.#flushAt);
  }

  #noticeSilence(now: Instant): BeaconNews[] {
    const asked = this.#asked;
    if (!this.#isWaiting || asked === undefined) return [];
    if (now.monotonicMs - asked.monotonicMs < DISCOVER_TIMEOUT_MS) return [];
    this.#isWaiting = false;
    this.#misses += 1;
    const away = this.#misses >= MISSES_UNTIL_AWAY;
    this.#nextDiscoverAt = now.monotonicMs + (away ? Math.min(DISCOVER_AWAY_MS, this.#intervalMs) : 0);
    if (!away || this.#state === 'away') return [];
    this.#state = 'away';
    return [{ type: 'beacon-away', since: this.#answeredAt ?? asked }];
  }

  #sendDiscover(now: Instant): void {
    this.#asked = now;
    this.#isWaiting = true;
    this.#send({ kind: 'discover', nodeId: this.#nodeId });
  }

  #flushRequests(now: Instant): void {
    this.#requestBucket ??= new TokenBucket(REQUESTS, now.monotonicMs);
    while (this.#waiting.length > 0 && this.#requestBucket.take(now.monotonicMs)) {
      const targetNodeId = this.#waiting.shift();
      if (targetNodeId === undefined || this.#nodeId === 0) continue;
      this.#requests.push({ nodeId: targetNodeId, at: now.monotonicMs });
      if (this.#requests.length > MAX_REQUESTS) this.#requests.shift();
      this.#send({ kind: 'punch-request', requesterNodeId: this.#nodeId, targetNodeId });
    }
    this.#flushAt = this.#waiting.length > 0 ? now.monotonicMs + 1000 / REQUESTS.perSecond : undefined;
  }

  #send(message: BeaconMessage): void {
    this.#transmit(this.endpoint, encodeBeaconMessage(message));
  }
}
