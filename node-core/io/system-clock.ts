import { performance } from 'node:perf_hooks';
import type { Clock, Instant } from '../base/clock.ts';

/** A wall clock this far from where it should be was set; less is the machine's own discipline. */
const STEP_MS = 50;
const CHECK_MS = 1_000;

/**
 * The machine's clocks. The wall time runs on with the monotonic clock, in fractions of a microsecond, and follows the
 * machine's wall clock only when that was set, which begins a new epoch.
 */
export class SystemClock implements Clock {
  readonly #aheadMs: number;
  #wallAtZero: number;
  #epoch = 0;
  #checkAt = 0;

  /** @param aheadMs - How far this clock is ahead of the machine's; for an agent of a demo fleet whose clock is wrong. */
  constructor(aheadMs = 0) {
    this.#aheadMs = aheadMs;
    this.#wallAtZero = Date.now() + aheadMs - performance.now();
  }

  /** Counts how often the wall clock was set since start. */
  get epoch(): number {
    return this.#epoch;
  }

  now(): Instant {
    const monotonicMs = performance.now();
    if (monotonicMs >= this.#checkAt) this.#check(monotonicMs);
    return { monotonicMs, unixNano: toNano(this.#wallAtZero + monotonicMs) };
  }

  #check(monotonicMs: number): void {
    this.#checkAt = monotonicMs + CHECK_MS;
    const wallAtZero = Date.now() + this.#aheadMs - monotonicMs;
    if (Math.abs(wallAtZero - this.#wallAtZero) < STEP_MS) return;
    this.#wallAtZero = wallAtZero;
    this.#epoch += 1;
  }
}

function toNano(unixMs: number): bigint {
  const wholeMs = Math.floor(unixMs);
  return BigInt(wholeMs) * 1_000_000n + BigInt(Math.floor((unixMs - wholeMs) * 1e6));
}
