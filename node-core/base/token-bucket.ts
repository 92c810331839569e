import type { Millis } from './clock.ts';

/** A rate that nothing on this machine reaches: what is bounded by it is bounded by nothing. */
export const UNLIMITED_PER_SECOND = 1_000_000_000;

/** Allows `burst` at once and `perSecond` in the long run. */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #filledAt: Millis;

  constructor(limits: { readonly burst: number; readonly perSecond: number }, nowMs: Millis) {
    this.#perMs = limits.perSecond / 1_000;
    this.#burst = limits.burst;
    this.#tokens = limits.burst;
    this.#filledAt = nowMs;
  }

  /** @param leaving - At least so many must be left over, for others. */
  take(nowMs: Millis, leaving = 0): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + Math.max(0, nowMs - this.#filledAt) * this.#perMs);
    this.#filledAt = nowMs;
    if (this.#tokens < 1 + leaving) return false;
    this.#tokens -= 1;
    return true;
  }
}
