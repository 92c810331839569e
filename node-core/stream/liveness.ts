import { earliest, type Millis } from '../base/clock.ts';
import { FLAG, hasFlag, type Packet } from '../wire/packet.ts';
import { sequenceDifference } from '../wire/sequence.ts';
import type { StreamConfig } from './stream-config.ts';

type Limits = Pick<StreamConfig, 'keepaliveMs' | 'unansweredKeepalives' | 'rekeyProbeScheduleMs' | 'rekeySilenceMs'>;

/** How far a packet's numbers may be from ours and still speak of the same stream: twice what can be in flight. */
const FITTING = 16_777_216;

/** A stream whose peer changed its key, until a packet shows that the peer still knows it. */
interface Doubt {
  readonly since: Millis;
  readonly probes: number;
}

/** What asks the peer whether it knows the stream: an empty ACK, or a byte that it has acknowledged before. */
export type Probe = 'empty' | 'old-byte';

/**
 * Whether the other end is still there: probes on an idle stream and after a changed key, and answers to the peer's. An
 * old byte is answered by every peer that knows the stream, so silence tells of one that does not; an empty ACK, the lighter
 * question after a changed key, by ours only.
 */
export class Liveness {
  readonly #limits: Limits;
  #lastSentAt: Millis;
  #unanswered = 0;
  #doubt: Doubt | undefined;
  #probeOwed: Probe | undefined;

  constructor(limits: Limits, nowMs: Millis) {
    this.#limits = limits;
    this.#lastSentAt = nowMs;
  }

  get isDoubted(): boolean {
    return this.#doubt !== undefined;
  }

  sent(nowMs: Millis): void {
    this.#lastSentAt = nowMs;
    this.#probeOwed = undefined;
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

  get probeOwed(): Probe | undefined {
    return this.#probeOwed;
  }

  /** @returns `silent` when the peer must be taken for gone. */
  handleTimeout(nowMs: Millis): 'silent' | undefined {
    if (this.#doubt !== undefined && nowMs >= this.#doubtDue(this.#doubt)) {
      if (nowMs >= this.#doubt.since + this.#limits.rekeySilenceMs) return 'silent';
      this.#probeOwed = this.#doubt.probes === 0 ? 'empty' : 'old-byte';
      this.#doubt = { ...this.#doubt, probes: this.#doubt.probes + 1 };
    }
    if (nowMs < this.#lastSentAt + this.#limits.keepaliveMs) return undefined;
    if (this.#unanswered >= this.#limits.unansweredKeepalives) return 'silent';
    this.#unanswered += 1;
    this.#lastSentAt = nowMs;
    this.#probeOwed = 'old-byte';
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

/**
 * Whether the numbers of a packet are near ours: a peer that forgot the stream would hardly hit them.
 *
 * @param expected - The sequence that the peer's next byte has.
 * @param next - The sequence that our next byte has.
 */
export function fitsStream(packet: Packet, expected: number, next: number): boolean {
  if (Math.abs(sequenceDifference(packet.sequence, expected)) > FITTING) return false;
  if (!hasFlag(packet, FLAG.ack)) return true;
  const ahead = sequenceDifference(packet.acknowledgement, next);
  return ahead <= 1 && ahead >= -FITTING;
}
