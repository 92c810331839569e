/** Times and frames of the window; tests bring their own. */
export interface FrameClock {
  now(): number;
  after(ms: number, run: () => void): void;
  nextFrame(run: () => void): void;
}

const windowClock: FrameClock = {
  now: () => performance.now(),
  after: (ms, run) => void setTimeout(run, ms),
  nextFrame: (run) => void requestAnimationFrame(run),
};

/** Stores change at most this often; a screen is not read faster. */
const MIN_INTERVAL_MS = 200;

/**
 * Merges what a feed brings into one value and applies it in a frame, at most five times a second. A hidden window gets
 * no frames, so `merge` has to keep the value as small as the thing it describes. While held, nothing is applied.
 */
export class FrameBatcher<T> {
  readonly #merge: (held: T, next: T) => T;
  readonly #apply: (value: T) => void;
  readonly #clock: FrameClock;
  #waiting: T | undefined;
  #scheduled = false;
  #held = false;
  #appliedAt = Number.NEGATIVE_INFINITY;

  constructor(merge: (held: T, next: T) => T, apply: (value: T) => void, clock: FrameClock = windowClock) {
    this.#merge = merge;
    this.#apply = apply;
    this.#clock = clock;
  }

  push(next: T): void {
    this.#waiting = this.#waiting === undefined ? next : this.#merge(this.#waiting, next);
    this.#schedule();
  }

  hold(held: boolean): void {
    this.#held = held;
    if (!held) this.#schedule();
  }

  /** Forgets what waits: it belongs to a connection that ended. */
  clear(): void {
    this.#waiting = undefined;
  }

  #schedule(): void {
    if (this.#scheduled || this.#held || this.#waiting === undefined) return;
    this.#scheduled = true;
    const wait = Math.max(0, this.#appliedAt + MIN_INTERVAL_MS - this.#clock.now());
    this.#clock.after(wait, () => this.#clock.nextFrame(() => this.#flush()));
  }

  #flush(): void {
    this.#scheduled = false;
    const value = this.#waiting;
    if (this.#held || value === undefined) return;
    this.#waiting = undefined;
    this.#appliedAt = this.#clock.now();
    this.#apply(value);
  }
}
