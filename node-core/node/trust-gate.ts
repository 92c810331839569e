import { BoundedMap } from '../base/bounded-map.ts';
import type { Instant, Millis } from '../base/clock.ts';

export type Verdict = 'allowed' | 'refused' | 'unknown';

const LIFETIME_MS = { allowed: 60_000, refused: 3_000 } as const;
/** Peers we spoke to first may answer on these ports for a while. */
const REPLY_PORTS = new Set([1001, 444]);
const REPLY_WINDOW_MS = 300_000;
const MAX_PEERS = 16_384;

interface Known {
  readonly trusted: boolean;
  readonly until: Millis;
}

/**
 * Who may open a stream to us or send us a datagram: everyone on a public node, and on a private one those that the
 * registry's trust check names. It remembers answers, and says when it must ask.
 */
export class TrustGate {
  readonly #known = new BoundedMap<number, Known>(MAX_PEERS);
  readonly #asked = new BoundedMap<number, Millis>(MAX_PEERS);
  readonly #dialled = new BoundedMap<number, Millis>(MAX_PEERS);

  /** The verdict for a newcomer; `unknown` when the registry must be asked first, and the peer will try again. */
  judge(peer: number, port: number, now: Instant): Verdict {
    const nowMs = now.monotonicMs;
    const dialledAt = this.#dialled.get(peer);
    if (REPLY_PORTS.has(port) && dialledAt !== undefined && nowMs - dialledAt < REPLY_WINDOW_MS) return 'allowed';
    const known = this.#known.get(peer);
    if (known === undefined || nowMs >= known.until) return 'unknown';
    return known.trusted ? 'allowed' : 'refused';
  }

  /** Whether to ask the registry now: a question that was asked a moment ago is not repeated. */
  mayAsk(peer: number, now: Instant): boolean {
    const last = this.#asked.get(peer);
    if (last !== undefined && now.monotonicMs - last < 1_000) return false;
    this.#asked.set(peer, now.monotonicMs);
    return true;
  }

  answer(peer: number, trusted: boolean, now: Instant): void {
    const lifetime = trusted ? LIFETIME_MS.allowed : LIFETIME_MS.refused;
    this.#known.set(peer, { trusted, until: now.monotonicMs + lifetime });
    this.#asked.delete(peer);
  }

  /** Trust may have changed: ask anew. */
  forget(peer: number): void {
    this.#known.delete(peer);
  }

  dialled(peer: number, now: Instant): void {
    this.#dialled.set(peer, now.monotonicMs);
  }
}
