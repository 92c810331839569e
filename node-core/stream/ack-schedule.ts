import type { Millis } from '../base/clock.ts';
import type { StreamConfig } from './stream-config.ts';

type Limits = Pick<StreamConfig, 'quickAcks' | 'quickAckIdleMs' | 'delayedAckMs' | 'delayedAckSegments'>;

/**
 * When received data is acknowledged: the first segments after a pause at once, so that the peer's window opens
 * quickly, later every second segment or after 5 ms (RFC 5681, 4.2); anything unusual at once.
 */
export class AckSchedule {
  readonly #limits: Limits;
  #quickLeft: number;
  #unacknowledged = 0;
  #dueAt: Millis | undefined;
  #lastDataAt: Millis | undefined;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#quickLeft = limits.quickAcks;
  }

  get dueAt(): Millis | undefined {
    return this.#dueAt;
  }

  isDue(nowMs: Millis): boolean {
    return this.#dueAt !== undefined && nowMs >= this.#dueAt;
  }

  /** Data in order, with no hole behind it. */
  dataReceived(nowMs: Millis): void {
    if (this.#lastDataAt === undefined || nowMs - this.#lastDataAt >= this.#limits.quickAckIdleMs) {
      this.#quickLeft = this.#limits.quickAcks;
    }
    this.#lastDataAt = nowMs;
    this.#unacknowledged += 1;
    const atOnce = this.#quickLeft > 0 || this.#unacknowledged >= this.#limits.delayedAckSegments;
    if (this.#quickLeft > 0) this.#quickLeft -= 1;
    if (atOnce) this.requestNow(nowMs);
    else this.#dueAt ??= nowMs + this.#limits.delayedAckMs;
  }

  requestNow(nowMs: Millis): void {
    this.#dueAt = Math.min(this.#dueAt ?? nowMs, nowMs);
  }

  /** A packet with our acknowledgement went out. */
  acknowledged(): void {
    this.#unacknowledged = 0;
    this.#dueAt = undefined;
  }
}
