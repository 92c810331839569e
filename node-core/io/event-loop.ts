import type { Clock, Instant, Millis } from '../base/clock.ts';

/** A core without I/O, as far as its loop knows it. */
export interface TimedCore {
  handleTimeout(now: Instant): void;
  nextTimeout(): Millis | undefined;
}

/** Feeds a core, drains what it wants to say, and arms the one real timer that wakes it again. */
export class EventLoop {
  readonly #core: TimedCore;
  readonly #clock: Clock;
  readonly #drain: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #depth = 0;
  #stopped = false;

  constructor(core: TimedCore, clock: Clock, drain: () => void) {
    this.#core = core;
    this.#clock = clock;
    this.#drain = drain;
  }

  /** Runs a command or hands in an input; what the core has to say is drained before this returns. */
  run<T>(act: (now: Instant) => T): T {
    this.#depth += 1;
    try {
      return act(this.#clock.now());
    } finally {
      this.#depth -= 1;
      if (this.#depth === 0 && !this.#stopped) this.#settle();
    }
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #settle(): void {
    this.#depth += 1; // a drained event may run further commands
    try {
      this.#drain();
    } finally {
      this.#depth -= 1;
    }
    clearTimeout(this.#timer);
    const next = this.#core.nextTimeout();
    if (next === undefined || this.#stopped) return;
    const wait = Math.max(0, Math.min(next - this.#clock.now().monotonicMs, 2 ** 31 - 1));
    this.#timer = setTimeout(() => this.run((now) => this.#core.handleTimeout(now)), wait);
  }
}
