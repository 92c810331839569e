import type { Clock, Instant } from '../../node-core/base/clock.ts';

/** A machine's clocks that a test sets: the wall clock in Unix nanoseconds, and one that only runs on. */
export class MachineClock implements Clock {
  unixNano: bigint;
  #monotonicMs = 0;

  constructor(unixNano: bigint) {
    this.unixNano = unixNano;
  }

  now(): Instant {
    return { unixNano: this.unixNano, monotonicMs: this.#monotonicMs };
  }

  /** Time goes by, for both. */
  pass(ns: bigint): void {
    this.unixNano += ns;
    this.#monotonicMs += Number(ns) / 1e6;
  }
}
