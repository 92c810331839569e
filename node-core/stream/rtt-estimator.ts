import type { Millis } from '../base/clock.ts';
import type { StreamConfig } from './stream-config.ts';

const NANOS_PER_MILLI = 1_000_000;

/**
 * Smoothed round trip and retransmission timeout in whole nanoseconds (RFC 6298, with the roundings of the reference:
 * each product is divided and floored by itself). A number holds nanoseconds exactly up to 104 days.
 */
export class RttEstimator {
  readonly #minNs: number;
  readonly #maxNs: number;
  readonly #granularityNs: number;
  readonly #initialNs: number;
  #smoothedNs = 0;
  #variationNs = 0;
  #timeoutNs: number;

  constructor(config: Pick<StreamConfig, 'rtoInitialMs' | 'rtoMinMs' | 'rtoMaxMs' | 'rtoGranularityMs'>) {
    this.#minNs = config.rtoMinMs * NANOS_PER_MILLI;
    this.#maxNs = config.rtoMaxMs * NANOS_PER_MILLI;
    this.#granularityNs = config.rtoGranularityMs * NANOS_PER_MILLI;
    this.#initialNs = config.rtoInitialMs * NANOS_PER_MILLI;
    this.#timeoutNs = this.#initialNs;
  }

  get smoothedNs(): number {
    return this.#smoothedNs;
  }

  get variationNs(): number {
    return this.#variationNs;
  }

  get timeoutNs(): number {
    return this.#timeoutNs;
  }

  get timeoutMs(): Millis {
    return this.#timeoutNs / NANOS_PER_MILLI;
  }

  addSampleMs(roundTrip: Millis): void {
    this.addSampleNs(Math.max(0, Math.round(roundTrip * NANOS_PER_MILLI)));
  }

  /** Takes the round trip of a segment that was sent once (Karn's rule is the caller's). Ends a back-off. */
  addSampleNs(sample: number): void {
    if (this.#smoothedNs === 0) {
      this.#smoothedNs = sample;
      this.#variationNs = Math.floor(sample / 2);
    } else {
      const deviation = Math.abs(this.#smoothedNs - sample);
      this.#variationNs = Math.floor((this.#variationNs * 3) / 4) + Math.floor(deviation / 4);
      this.#smoothedNs = Math.floor((this.#smoothedNs * 7) / 8) + Math.floor(sample / 8);
    }
    const timeout = this.#smoothedNs + Math.max(this.#granularityNs, 4 * this.#variationNs);
    this.#timeoutNs = Math.min(this.#maxNs, Math.max(this.#minNs, timeout));
  }

  /** Doubles the timeout after it expired; the next sample sets it anew (RFC 6298, 5.5). */
  backOff(): void {
    this.#timeoutNs = Math.min(this.#maxNs, this.#timeoutNs * 2);
  }
}
