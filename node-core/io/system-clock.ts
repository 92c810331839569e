import { performance } from 'node:perf_hooks';
import type { Clock, Instant } from '../base/clock.ts';

/** A wall clock this far from where it should be was set; less is the machine's own discipline. */
const STEP_MS = 50;
const CHECK_MS = 1_000;
/** How much of a small difference is followed at each check. */
const FOLLOW = 0.1;

/** What the machine offers, in milliseconds. */
export interface ClockSources {
  monotonicMs(): number;
  /** Whole milliseconds: the truth lies between this and the next one. */
  unixMs(): number;
  /** The wall clock, in fractions, when the monotonic clock was 0. */
  readonly originMs: number;
}

const machine: ClockSources = {
  monotonicMs: () => performance.now(),
  unixMs: () => Date.now(),
  originMs: performance.timeOrigin,
};

/**
 * The machine's clocks. The wall time runs on with the monotonic clock, in fractions of a microsecond, and follows the
 * machine's wall clock gently; only when that was set does it jump, which begins a new epoch. Within an epoch it never
 * goes back.
 */
export class SystemClock implements Clock {
  readonly #aheadMs: number;
  readonly #sources: ClockSources;
  #wallAtZero: number;
  #latest = 0n;
  #epoch = 0;
  #checkAt: number;

  /** @param aheadMs - How far this clock is ahead of the machine's; for an agent of a demo fleet whose clock is wrong. */
  constructor(aheadMs = 0, sources: ClockSources = machine) {
    this.#aheadMs = aheadMs;
    this.#sources = sources;
    const monotonicMs = sources.monotonicMs();
    this.#wallAtZero = sources.originMs + aheadMs;
    this.#wallAtZero += this.#errorMs(monotonicMs); // it may have been set since
    this.#checkAt = monotonicMs + CHECK_MS;
  }

  /** Counts how often the wall clock was set since start. */
  get epoch(): number {
    return this.#epoch;
  }

  now(): Instant {
    const monotonicMs = this.#sources.monotonicMs();
    if (monotonicMs >= this.#checkAt) this.#check(monotonicMs);
    const unixNano = toNano(this.#wallAtZero + monotonicMs);
    if (unixNano > this.#latest) this.#latest = unixNano;
    return { monotonicMs, unixNano: this.#latest };
  }

  #check(monotonicMs: number): void {
    this.#checkAt = monotonicMs + CHECK_MS;
    const error = this.#errorMs(monotonicMs);
    if (Math.abs(error) < STEP_MS) {
      this.#wallAtZero += FOLLOW * error;
      return;
    }
    this.#wallAtZero += error;
    this.#latest = 0n;
    this.#epoch += 1;
  }

  /**
   * How far this clock is from where the machine's reading allows it to be. 0 within the millisecond that was read: two
   * clocks on one machine must not drift apart by chasing the rounding of a reading.
   */
  #errorMs(monotonicMs: number): number {
    const early = this.#sources.unixMs() + this.#aheadMs - (this.#wallAtZero + monotonicMs);
    return early > 0 ? early : Math.min(0, early + 1);
  }
}

function toNano(unixMs: number): bigint {
  const wholeMs = Math.floor(unixMs);
  return BigInt(wholeMs) * 1_000_000n + BigInt(Math.floor((unixMs - wholeMs) * 1e6));
}
