import { earliest, type Millis } from '../base/clock.ts';
import type { SackBlock } from '../wire/sack.ts';
import { sequenceDifference } from '../wire/sequence.ts';
import { CongestionWindow } from './congestion.ts';
import { RttEstimator } from './rtt-estimator.ts';
import { type Segment, SendBuffer } from './send-buffer.ts';
import type { StreamConfig } from './stream-config.ts';

/** What a packet with the ACK flag says about our data. */
export interface Acknowledgement {
  readonly acknowledgement: number;
  /** Free segments at the peer. */
  readonly window: number;
  readonly blocks: readonly SackBlock[] | undefined;
  /** False when the packet carried user data: such a packet repeats an acknowledgement without meaning loss. */
  readonly bare: boolean;
}

interface Recovery {
  readonly cause: 'loss' | 'timeout';
  /** The episode is over when everything sent before it is acknowledged. */
  readonly point: number;
}

interface WindowProbe {
  readonly at: Millis;
  readonly interval: Millis;
  readonly sent: number;
  /** A segment goes into the closed window now. */
  readonly segmentOwed: boolean;
}

/** A segment is presumed lost when one sent three transmissions later arrived (RFC 9002, 6.1.1). */
const REORDERING = 3;
const DUPLICATES = 3;

/**
 * The sending half of a stream: which segment goes next, and what each acknowledgement or expired timer means.
 * Loss is found by selective acknowledgements in the order of transmission, which also finds lost retransmissions,
 * by three duplicates, or by the timer; repairs are paced by the acknowledgements that come in (RFC 6937).
 */
export class Sender {
  readonly #config: StreamConfig;
  readonly #buffer: SendBuffer;
  readonly #rtt: RttEstimator;
  readonly #congestion: CongestionWindow;
  #peerWindow = 0;
  #duplicates = 0;
  #recovery: Recovery | undefined;
  #repairs = 0; // retransmissions that may go now
  #transmissions = 0; // orders them
  #newestDelivered = 0;
  #shortestTrip = Number.POSITIVE_INFINITY;
  #peerSacks = false;
  #allSackedBefore = false;
  #progressAt: Millis = 0;
  #probe: WindowProbe | undefined;
  #retransmitted = 0;
  #bytesSent = 0;

  constructor(config: StreamConfig, firstSequence: number, congestion = new CongestionWindow(config)) {
    this.#config = config;
    this.#buffer = new SendBuffer(config, firstSequence);
    this.#rtt = new RttEstimator(config);
    this.#congestion = congestion;
  }

  get buffer(): SendBuffer {
    return this.#buffer;
  }

  get rtt(): RttEstimator {
    return this.#rtt;
  }

  get congestion(): CongestionWindow {
    return this.#congestion;
  }

  get recovery(): Recovery | undefined {
    return this.#recovery;
  }

  get duplicates(): number {
    return this.#duplicates;
  }

  get peerWindow(): number {
    return this.#peerWindow;
  }

  get retransmitted(): number {
    return this.#retransmitted;
  }

  /** Payload bytes sent, each counted once. */
  get bytesSent(): number {
    return this.#bytesSent;
  }

  /** Whether a new segment may go now, as far as windows are concerned. */
  get windowAvailable(): boolean {
    const segments = Math.min(this.#peerWindow, this.#config.segmentsInFlight);
    return this.#buffer.inFlight.length < segments && this.#buffer.flyingBytes < this.#congestion.window;
  }

  /** Everything written was delivered and acknowledged. */
  get isIdle(): boolean {
    return this.#buffer.isEmpty;
  }

  write(bytes: Uint8Array, nowMs: Millis): number {
    const taken = this.#buffer.write(bytes, nowMs);
    this.#watchWindow(nowMs);
    return taken;
  }

  setPeerWindow(window: number, nowMs: Millis): void {
    const opened = this.#peerWindow === 0 && window > 0;
    this.#peerWindow = window;
    if (opened) this.#windowOpened(nowMs);
    this.#watchWindow(nowMs);
  }

  /** @returns `invalid` for an acknowledgement of what was never sent, `old` for one that was overtaken. */
  handleAcknowledgement(packet: Acknowledgement, nowMs: Millis): 'used' | 'old' | 'invalid' {
    const advance = sequenceDifference(packet.acknowledgement, this.#buffer.unacknowledged);
    if (sequenceDifference(packet.acknowledgement, this.#buffer.next) > 0) return 'invalid';
    if (advance < 0) return 'old';
    const sameWindow = packet.window === this.#peerWindow;
    const delivered = this.#takeDelivered(packet, advance);
    this.#learnFrom(delivered, nowMs);
    if (advance > 0) this.#advanced(packet.acknowledgement, advance, nowMs);
    else if (packet.bare) this.#duplicated(packet.blocks !== undefined, sameWindow);
    if (this.#recovery !== undefined) this.#allowRepairs(delivered.length);
    if (delivered.length > 0) this.#detectLoss();
    this.setPeerWindow(packet.window, nowMs);
    return 'used';
  }

  /** The next segment to put on the wire. `flush`: nothing more will be written, so nothing is held back. */
  pollSegment(nowMs: Millis, flush: boolean): Segment | undefined {
    if (this.#peerWindow === 0) return this.#pollProbe(nowMs);
    const lost = this.#buffer.firstLost();
    const mayRepair = this.#repairs > 0 || this.#buffer.flyingBytes === 0;
    if (lost !== undefined && mayRepair) return this.#retransmit(lost, nowMs);
    if (lost !== undefined || !this.windowAvailable) return undefined;
    return this.#takeNew(nowMs, flush);
  }

  /** @returns `probe` when an empty ACK must ask for the window, `gave-up` when the peer is past hope. */
  handleTimeout(nowMs: Millis): 'probe' | 'gave-up' | undefined {
    if (this.#probe !== undefined) return this.#handleProbeTimeout(this.#probe, nowMs);
    const due = this.#retransmitAt();
    if (due === undefined || nowMs < due) return undefined;
    const first = this.#buffer.firstUnsacked();
    if (first === undefined) return this.#handleAllSacked(nowMs);
    if (first.attempts >= this.#config.transmissions) return 'gave-up';
    first.attempts += 1;
    if (this.#recovery?.cause !== 'timeout') this.#congestion.timedOut();
    this.#recovery = { cause: 'timeout', point: this.#buffer.next };
    this.#rtt.backOff();
    for (const segment of this.#buffer.inFlight) if (segment.fate === 'flying') this.#buffer.setFate(segment, 'lost');
    this.#repairs = 1;
    this.#progressAt = nowMs;
    return undefined;
  }

  nextTimeout(): Millis | undefined {
    if (this.#probe !== undefined) return this.#probe.at;
    const newMayGo = this.windowAvailable && this.#buffer.firstLost() === undefined;
    return earliest(this.#retransmitAt(), newMayGo ? this.#buffer.heldUntil() : undefined);
  }

  /** Drops what is queued and in flight; sequence numbers stay. */
  clear(): void {
    this.#buffer.clear();
    this.#recovery = undefined;
    this.#probe = undefined;
  }

  #takeDelivered(packet: Acknowledgement, advance: number): Segment[] {
    const acknowledged = advance > 0 ? this.#buffer.acknowledge(packet.acknowledgement) : [];
    const delivered = acknowledged.filter((segment) => segment.fate !== 'sacked');
    if (packet.blocks !== undefined) {
      this.#peerSacks = true;
      delivered.push(...this.#buffer.markSacked(packet.blocks));
    } else if (advance > 0 && packet.bare) {
      this.#buffer.clearSacked(); // an empty ACK without blocks says that nothing waits behind a hole
    }
    return delivered;
  }

  /** Samples the round trip, and notes how far in the order of transmission the peer has received. */
  #learnFrom(delivered: readonly Segment[], nowMs: Millis): void {
    let sample: Segment | undefined;
    for (const segment of delivered) {
      const trip = nowMs - segment.sentAt;
      const once = segment.transmissions === 1;
      if (once && (sample === undefined || segment.order > sample.order)) sample = segment;
      const plausible = once || trip >= this.#shortestTrip; // else an earlier transmission arrived
      if (plausible) this.#newestDelivered = Math.max(this.#newestDelivered, segment.order);
    }
    if (sample === undefined) return;
    this.#shortestTrip = Math.min(this.#shortestTrip, nowMs - sample.sentAt);
    this.#rtt.addSampleMs(nowMs - sample.sentAt);
  }

  #advanced(acknowledgement: number, bytes: number, nowMs: Millis): void {
    this.#duplicates = 0;
    this.#progressAt = nowMs;
    this.#allSackedBefore = false;
    const recovery = this.#recovery;
    if (recovery !== undefined && sequenceDifference(acknowledgement, recovery.point) >= 0) this.#recovery = undefined;
    if (recovery?.cause !== 'loss') this.#congestion.acknowledged(bytes);
  }

  /** A peer that sends selective acknowledgements is judged by them alone; else by bare repeats with an equal window. */
  #duplicated(sacked: boolean, sameWindow: boolean): void {
    const first = this.#buffer.firstUnsacked();
    if (first === undefined || (!sacked && (this.#peerSacks || !sameWindow))) return;
    this.#duplicates += 1;
    if (sacked) {
      if (this.#duplicates === DUPLICATES && first.fate === 'flying' && first.order < this.#newestDelivered) {
        this.#presumeLost(first);
      }
      return;
    }
    if (this.#duplicates > DUPLICATES) this.#congestion.furtherDuplicate();
    if (this.#duplicates !== DUPLICATES || this.#recovery !== undefined) return;
    this.#congestion.thirdDuplicate();
    this.#buffer.setFate(first, 'lost');
    this.#repairs = 1;
  }

  #detectLoss(): void {
    for (const segment of this.#buffer.inFlight) {
      const late = segment.fate === 'flying' && segment.order + REORDERING <= this.#newestDelivered;
      if (late) this.#presumeLost(segment);
    }
  }

  #presumeLost(segment: Segment): void {
    this.#buffer.setFate(segment, 'lost');
    if (this.#recovery !== undefined) return;
    this.#recovery = { cause: 'loss', point: this.#buffer.next };
    this.#congestion.lossDetected();
    this.#repairs = 1;
  }

  /** As many repairs as segments left the network, and one more while there is room. */
  #allowRepairs(delivered: number): void {
    const room = this.#buffer.flyingBytes < this.#congestion.window ? 1 : 0;
    this.#repairs = Math.min(this.#repairs + delivered + room, this.#config.segmentsInFlight);
  }

  #takeNew(nowMs: Millis, flush: boolean): Segment | undefined {
    const segment = this.#buffer.takeNew(this.#transmissions + 1, nowMs, flush);
    if (segment === undefined) return undefined;
    this.#transmissions += 1;
    this.#bytesSent += segment.payload.length;
    if (this.#buffer.inFlight.length === 1) this.#progressAt = nowMs;
    return segment;
  }

  #retransmit(segment: Segment, nowMs: Millis): Segment {
    this.#buffer.setFate(segment, 'flying');
    this.#transmissions += 1;
    this.#retransmitted += 1;
    this.#repairs = Math.max(0, this.#repairs - 1);
    segment.order = this.#transmissions;
    segment.sentAt = nowMs;
    segment.transmissions += 1;
    return segment;
  }

  #retransmitAt(): Millis | undefined {
    if (this.#buffer.inFlight.length === 0) return undefined;
    const sentAt = this.#buffer.firstUnsacked()?.sentAt ?? this.#progressAt;
    return Math.max(sentAt, this.#progressAt) + this.#rtt.timeoutMs;
  }

  /** All was selectively acknowledged and yet nothing advances: at the second time the peer must have dropped it. */
  #handleAllSacked(nowMs: Millis): undefined {
    this.#progressAt = nowMs;
    if (this.#allSackedBefore) this.#buffer.clearSacked();
    this.#allSackedBefore = !this.#allSackedBefore;
  }

  /** A closed window stops data and its timer; only probes go out, at first empty ones. */
  #watchWindow(nowMs: Millis): void {
    const waits = this.#peerWindow === 0 && !this.#buffer.isEmpty;
    if (!waits) this.#probe = undefined;
    else {
      const interval = this.#config.probeInitialMs;
      this.#probe ??= { at: nowMs + interval, interval, sent: 0, segmentOwed: false };
    }
  }

  #handleProbeTimeout(probe: WindowProbe, nowMs: Millis): 'probe' | 'gave-up' | undefined {
    if (nowMs < probe.at) return undefined;
    if (probe.sent >= this.#config.probes) return 'gave-up';
    const interval = Math.min(this.#config.probeMaxMs, probe.interval * 2);
    const segmentOwed = probe.sent >= this.#config.emptyProbes;
    this.#probe = { at: nowMs + interval, interval, sent: probe.sent + 1, segmentOwed };
    return segmentOwed ? undefined : 'probe';
  }

  /** The one segment that a probe puts into the closed window: a stock peer leaves empty probes without an answer. */
  #pollProbe(nowMs: Millis): Segment | undefined {
    if (this.#probe?.segmentOwed !== true) return undefined;
    this.#probe = { ...this.#probe, segmentOwed: false };
    const first = this.#buffer.firstUnsacked();
    return first === undefined ? this.#takeNew(nowMs, true) : this.#retransmit(first, nowMs);
  }

  /** What was in flight when the window closed was most likely dropped by the full receiver. */
  #windowOpened(nowMs: Millis): void {
    if (this.#buffer.inFlight.length === 0) return;
    this.#progressAt = nowMs;
    for (const segment of this.#buffer.inFlight) if (segment.fate === 'flying') this.#buffer.setFate(segment, 'lost');
    this.#recovery ??= { cause: 'loss', point: this.#buffer.next };
    this.#repairs = 1;
  }
}
