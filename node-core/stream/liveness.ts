import { earliest, type Millis } from '../base/clock.ts';
import type { StreamConfig } from './stream-config.ts';

type Limits = Pick<StreamConfig, 'keepaliveMs' | 'unansweredKeepalives' | 'rekeyProbeScheduleMs' | 'rekeySilenceMs'>;

/** A stream whose peer changed its key, until a packet shows that the peer still knows it. */
interface Doubt {
  readonly since: Millis;
  readonly probes: number;
}

/**
 * Whether the other end is still there: probes on an idle stream and after a changed key, and answers to the peer's. A
 * probe of ours is answered by every peer that knows the stream, so silence tells of one that does not.
 */
export class Liveness {
  readonly #limits: Limits;
  #lastSentAt: Millis;
  #unanswered = 0;
  #doubt: Doubt | undefined;
  #probeOwed = false;

  constructor(limits: Limits, nowMs: Millis) {
    this.#limits = limits;
    this.#lastSentAt = nowMs;
  }

  get isDoubted(): boolean {
    return this.#doubt !== undefined;
  }

  sent(nowMs: Millis): void {
    this.#lastSentAt = nowMs;
    this.#probeOwed = false;
  }

  /** A packet of this stream arrived. */
  heard(): void {
    this.#unanswered = 0;
  }

  /** An empty ACK is answered only after such a pause of ours, so that two ends cannot answer each other for ever. */
  wasQuietFor(pause: Millis, nowMs: Millis): boolean {
    return nowMs - this.#lastSentAt >= pause;
  }

  doubt(nowMs: Millis): void {
    this.#doubt = { since: nowMs, probes: 0 };
  }

  proven(): void {
    this.#doubt = undefined;
  }

  get probeOwed(): boolean {
    return this.#probeOwed;
  }

  /** @returns `silent` when the peer must be taken for gone. */
  handleTimeout(nowMs: Millis): 'silent' | undefined {
    if (this.#doubt !== undefined && nowMs >= this.#doubtDue(this.#doubt)) {
      if (nowMs >= this.#doubt.since + this.#limits.rekeySilenceMs) return 'silent';
      this.#doubt = { ...this.#doubt, probes: this.#doubt.probes + 1 };
      this.#probeOwed = true;
    }
    if (nowMs < this.#lastSentAt + this.#limits.keepaliveMs) return undefined;
    if (this.#unanswered >= this.#limits.unansweredKeepalives) return 'silent';
    this.#unanswered += 1;
    this.#lastSentAt = nowMs;
    this.#probeOwed = true;
    return undefined;
  }

  nextTimeout(): Millis | undefined {
    const doubtDue = this.#doubt === undefined ? undefined : this.#doubtDue(this.#doubt);
    return earliest(doubtDue, this.#lastSentAt + this.#limits.keepaliveMs);
  }

  #doubtDue(doubt: Doubt): Millis {
    return doubt.since + (this.#limits.rekeyProbeScheduleMs[doubt.probes] ?? this.#limits.rekeySilenceMs);
  }
}
