interface Sample {
  readonly at: number;
  readonly value: number;
}

/**
 * A counter that only grows, watched through a window of time. Keeps the samples within the window and the last one before
 * it, at most `mostSamples`: a reporter that writes more often is thinned, not followed. A counter that falls began again.
 */
export class CounterWindow {
  readonly #windowMs: number;
  readonly #mostSamples: number;
  #samples: Sample[] = [];

  constructor(windowMs: number, mostSamples = 32) {
    this.#windowMs = windowMs;
    this.#mostSamples = mostSamples;
  }

  /** `at` in Unix milliseconds; samples are expected in order, one that is not is ignored. */
  add(at: number, value: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && at < last.at) return;
    if (last !== undefined && value < last.value) this.#samples = [];
    const previous = this.#samples.at(-2);
    const tooClose = previous !== undefined && at - previous.at < this.#windowMs / this.#mostSamples;
    if (tooClose || last?.at === at) this.#samples.pop();
    this.#samples.push({ at, value });
    while ((this.#samples[1]?.at ?? Number.POSITIVE_INFINITY) <= at - this.#windowMs) this.#samples.shift();
  }

  /** How much it grew over the window that ends now; 0 while nothing is known. */
  increase(now: number): number {
    const last = this.#samples.at(-1);
    const first = this.#samples.find((sample) => sample.at >= now - this.#windowMs) ?? last;
    return last === undefined || first === undefined ? 0 : last.value - first.value;
  }

  /** Growth a second, between the first and the last sample of the window; 0 when the last one is older than it. */
  perSecond(now: number): number {
    const last = this.#samples.at(-1);
    const first = this.#samples[0];
    if (last === undefined || first === undefined || last.at <= first.at || last.at < now - this.#windowMs) return 0;
    return ((last.value - first.value) * 1_000) / (last.at - first.at);
  }
}
