import type { StreamConfig } from './stream-config.ts';

type Limits = Pick<
  StreamConfig,
  'segmentBytes' | 'initialCongestionWindow' | 'maxCongestionWindow' | 'initialSlowStartThreshold'
>;

/**
 * Slow start and additive increase, multiplicative decrease over bytes (RFC 5681 with the reference's numbers: the
 * increase counts acknowledged bytes, and after a timeout the window is the initial one, not one segment).
 */
export class CongestionWindow {
  readonly #limits: Limits;
  #window: number;
  #threshold: number;

  /** @param start - Where a window begins that does not begin as a fresh stream's. */
  constructor(limits: Limits, start: { readonly window?: number; readonly threshold?: number } = {}) {
    this.#limits = limits;
    this.#window = start.window ?? limits.initialCongestionWindow;
    this.#threshold = start.threshold ?? limits.initialSlowStartThreshold;
  }

  get window(): number {
    return this.#window;
  }

  get slowStartThreshold(): number {
    return this.#threshold;
  }

  acknowledged(bytes: number): void {
    const { segmentBytes, maxCongestionWindow } = this.#limits;
    const growth =
      this.#window < this.#threshold ? bytes : Math.max(1, Math.floor((segmentBytes * bytes) / this.#window));
    this.#window = Math.min(maxCongestionWindow, this.#window + growth);
  }

  /** Loss that selective acknowledgements show: once per flight. They tell what left the network; no inflation. */
  lossDetected(): void {
    this.#halve();
    this.#window = this.#threshold;
  }

  /** Loss that three bare duplicates suggest: each duplicate is a segment that left the network (RFC 5681, 3.2). */
  thirdDuplicate(): void {
    this.#halve();
    this.#window = this.#threshold + 3 * this.#limits.segmentBytes;
  }

  furtherDuplicate(): void {
    this.#window = Math.min(this.#limits.maxCongestionWindow, this.#window + this.#limits.segmentBytes);
  }

  /** The first timeout of a loss episode. */
  timedOut(): void {
    this.#halve();
    this.#window = this.#limits.initialCongestionWindow;
  }

  #halve(): void {
    this.#threshold = Math.max(Math.floor(this.#window / 2), this.#limits.segmentBytes);
  }
}
