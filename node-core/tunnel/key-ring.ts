import { equalBytes, toHex } from '../base/bytes.ts';
import type { Instant, RandomBytes } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import type { Packet } from '../wire/packet.ts';
import type { SealedFrame } from '../wire/tunnel-frame.ts';
import { type OpenResult, OwnKey, Session } from './session.ts';
import {
  CANDIDATE_LIFETIME_MS,
  MAX_CANDIDATES,
  MAX_RETIRED_KEYS,
  OWN_KEY_MIN_AGE_MS,
  PREVIOUS_SESSION_MS,
} from './tunnel-config.ts';

/** What a signed key of the peer changed. */
export type OfferOutcome =
  /** Nothing: the session stands on it already. */
  | 'unchanged'
  /** It is the peer's first, and in use from now on. */
  | 'installed'
  /** It differs from the one in use, and has to prove itself. */
  | 'candidate'
  | 'known-candidate'
  /** It was in use once and was replaced, and the peer is heard under another: somebody plays an old frame again. */
  | 'retired'
  | 'bad-key';

export type RingOpenResult =
  | Exclude<OpenResult, { outcome: 'opened' }>
  | {
      readonly outcome: 'opened';
      readonly packet: Packet;
      readonly session: Session;
      /** It is the first of its session that proves the peer's key. */
      readonly provedKey: boolean;
      /** This frame proved a candidate, which is now the session in use. */
      readonly promoted: boolean;
      /** Then the session in use stands on another key of ours than before. */
      readonly replacedOwn: boolean;
    };

/** Whether the peer was heard a moment ago under the session in use. */
export type PeerStanding = 'heard' | 'quiet';

/**
 * All keys of one tunnel. One session is in use. A new key of either side makes a candidate, which replaces it when a
 * frame of the peer for us opens under the candidate; before that it seals nothing but probes.
 *
 *     offered key ──> candidate ──frame for us opened──> current ──replaced──> previous (10 s, opens only) ──> retired
 *        ^  └── no session yet: current at once                                                               │
 *        └───────── offered again while the peer is quiet: with a new key of ours, at most each 5 s ──────────┘
 */
export class KeyRing {
  readonly #random: RandomBytes;
  /** Keys of the peer that were replaced, each with the newest key of ours at that time. */
  readonly #retired = new Map<string, OwnKey>();
  #ownNodeId: number;
  #own: OwnKey;
  #current: Session | undefined;
  #previous: { readonly session: Session; readonly until: number } | undefined;
  #candidates: { readonly session: Session; readonly until: number }[] = [];
  #desynced = false;
  #sessionsMade = 0;

  constructor(options: { readonly random: RandomBytes; readonly ownNodeId: number }, now: Instant) {
    this.#random = options.random;
    this.#ownNodeId = options.ownNodeId;
    this.#own = new OwnKey(options.random, now);
  }

  /** The X25519 key we sign and send: the newest, once sent never taken back. */
  get announcedKey(): Uint8Array {
    return this.#own.pair.publicKey;
  }

  get current(): Session | undefined {
    return this.#current;
  }

  get candidates(): readonly Session[] {
    return this.#candidates.map((candidate) => candidate.session);
  }

  /** We sent a new key of ours that the peer has not used yet. */
  get rotating(): boolean {
    return this.#current !== undefined && this.#current.own !== this.#own;
  }

  /** Takes in a key whose signature was verified. */
  offer(peerX25519: Uint8Array, peerIdentityKey: Uint8Array, standing: PeerStanding, now: Instant): OfferOutcome {
    this.#expire(now);
    const current = this.#current;
    if (current !== undefined && equalBytes(current.keys.peerX25519, peerX25519)) return 'unchanged';
    if (this.#candidates.some(({ session }) => equalBytes(session.keys.peerX25519, peerX25519)))
      return 'known-candidate';
    const retiredUnder = this.#retired.get(toHex(peerX25519));
    try {
      if (current === undefined) this.#current = this.#createSession(this.#own, peerX25519, peerIdentityKey, now);
      else if (retiredUnder !== undefined) {
        if (standing === 'heard' || !this.#renewOwn(retiredUnder, current, now)) return 'retired';
        this.#addCandidate(this.#own, peerX25519, peerIdentityKey, now);
      }
      // The peer may not have our newest key yet.
      else
        for (const own of new Set([current.own, this.#own])) this.#addCandidate(own, peerX25519, peerIdentityKey, now);
    } catch (error) {
      if (error instanceof PilotError && error.code === 'key.invalid') return 'bad-key';
      throw error;
    }
    return current === undefined ? 'installed' : 'candidate';
  }

  /** True when the peer signed its tunnel key with another identity than before. */
  replaceIdentity(peerIdentityKey: Uint8Array): boolean {
    const current = this.#current;
    if (current === undefined || equalBytes(current.keys.peerIdentityKey, peerIdentityKey)) return false;
    current.replaceIdentity(peerIdentityKey);
    return true;
  }

  /** The ordinal of the newest session. */
  get newest(): number {
    return this.#sessionsMade;
  }

  /** @param after - The ordinal of the newest session under which this frame was tried before: it stays closed under those. */
  open(frame: SealedFrame, now: Instant, after = 0): RingOpenResult {
    this.#expire(now);
    for (const session of this.#sessions()) {
      if (session.ordinal <= after) continue;
      const provedKey = !session.proven;
      const result = session.open(frame);
      if (result.outcome === 'undecryptable') continue;
      if (result.outcome !== 'opened') return result;
      if (result.remade && session === this.#current) this.#desynced = true;
      const promoted = session !== this.#current && session !== this.#previous?.session;
      const replacedOwn = promoted && this.#current !== undefined && this.#current.own !== session.own;
      if (promoted) this.#promote(session, now);
      return { outcome: 'opened', packet: result.packet, session, provedKey, promoted, replacedOwn };
    }
    return { outcome: 'undecryptable' };
  }

  /**
   * Makes a new key of ours when one is due: the peer has made the session anew under the same keys (what it had
   * recorded of our nonces is gone), a counter nears its end, or more keys of the peer were replaced than we remember.
   * Returns false when there is nothing to do, or the last one is not settled or too young.
   */
  rotateWhenDue(now: Instant): boolean {
    const current = this.#current;
    if (current === undefined || this.rotating || !current.proven) return false;
    const due = this.#desynced || current.needsRekey || this.#retired.size >= MAX_RETIRED_KEYS;
    if (!due || now.monotonicMs - this.#own.createdAt.monotonicMs < OWN_KEY_MIN_AGE_MS) return false;
    this.#own = new OwnKey(this.#random, now);
    this.#addCandidate(this.#own, current.keys.peerX25519, current.keys.peerIdentityKey, now);
    return true;
  }

  /** A rotation is due but not yet allowed. */
  get rotationPending(): boolean {
    return this.#desynced && !this.rotating;
  }

  /**
   * Sees to it that our newest key is younger than the replacement of a peer's key: under an older one, frames from
   * before the replacement would be fresh again. False when that is not allowed yet.
   */
  #renewOwn(retiredUnder: OwnKey, current: Session, now: Instant): boolean {
    if (this.#own !== retiredUnder) return true;
    if (now.monotonicMs - this.#own.createdAt.monotonicMs < OWN_KEY_MIN_AGE_MS) return false;
    this.#own = new OwnKey(this.#random, now);
    this.#addCandidate(this.#own, current.keys.peerX25519, current.keys.peerIdentityKey, now);
    return true;
  }

  *#sessions(): Generator<Session> {
    if (this.#current !== undefined) yield this.#current;
    for (const { session } of [...this.#candidates].reverse()) yield session;
    if (this.#previous !== undefined) yield this.#previous.session;
  }

  #promote(session: Session, now: Instant): void {
    const replaced = this.#current;
    this.#current = session;
    if (replaced === undefined) return;
    this.#previous = { session: replaced, until: now.monotonicMs + PREVIOUS_SESSION_MS };
    if (replaced.own !== session.own) {
      // Frames from before our new key are worth nothing to anybody who kept them.
      this.#desynced = false;
      if (this.#retired.size >= MAX_RETIRED_KEYS) this.#retired.clear();
    }
    if (!equalBytes(replaced.keys.peerX25519, session.keys.peerX25519)) {
      this.#retired.set(toHex(replaced.keys.peerX25519), this.#own);
    }
    this.#retired.delete(toHex(session.keys.peerX25519));
    const alive = (other: Session) =>
      other !== session &&
      !this.#retired.has(toHex(other.keys.peerX25519)) &&
      (other.own === session.own || other.own === this.#own);
    this.#candidates = this.#candidates.filter((candidate) => alive(candidate.session));
    if (this.rotating && this.#candidates.length === 0) {
      this.#addCandidate(this.#own, session.keys.peerX25519, session.keys.peerIdentityKey, now);
    }
  }

  #addCandidate(own: OwnKey, peerX25519: Uint8Array, peerIdentityKey: Uint8Array, now: Instant): void {
    const session = this.#createSession(own, peerX25519, peerIdentityKey, now);
    // A key of ours that we announced is no matter of time: the peer may come to use it whenever it hears of it.
    const announced = this.#current !== undefined && equalBytes(this.#current.keys.peerX25519, peerX25519);
    const until = announced ? Number.POSITIVE_INFINITY : now.monotonicMs + CANDIDATE_LIFETIME_MS;
    this.#candidates.push({ session, until });
    if (this.#candidates.length <= MAX_CANDIDATES) return;
    const oldest = this.#candidates.findIndex((candidate) => candidate.until !== Number.POSITIVE_INFINITY);
    this.#candidates.splice(oldest, 1);
  }

  #createSession(own: OwnKey, peerX25519: Uint8Array, peerIdentityKey: Uint8Array, now: Instant): Session {
    const shared = { own, ownNodeId: this.#ownNodeId, random: this.#random, now };
    const session = new Session({ ...shared, ordinal: this.#sessionsMade + 1, peerX25519, peerIdentityKey });
    this.#sessionsMade += 1;
    return session;
  }

  #expire(now: Instant): void {
    if (this.#previous !== undefined && this.#previous.until <= now.monotonicMs) this.#previous = undefined;
    if (this.#candidates.length === 0) return;
    this.#candidates = this.#candidates.filter((candidate) => candidate.until > now.monotonicMs);
  }
}
