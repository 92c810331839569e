import { earliest, type Millis } from '../base/clock.ts';
import { encodeSack } from '../wire/sack.ts';
import { sequenceAdd, sequenceDifference } from '../wire/sequence.ts';
import { AckSchedule } from './ack-schedule.ts';
import { ReceiveBuffer, type ReceiveOutcome } from './receive-buffer.ts';
import type { ReceiveShare } from './receive-share.ts';
import type { StreamConfig } from './stream-config.ts';

/** The peer's FIN: its sequence, and whether it came with the ACK flag. */
export interface PeerFin {
  readonly sequence: number;
  readonly withAck: boolean;
}

/** What an ACK of ours says, apart from its own sequence. */
export interface AckContent {
  readonly acknowledgement: number;
  readonly window: number;
}

/**
 * The receiving half of a stream: order, the peer's FIN in its place, the window we tell, and when to acknowledge.
 */
export class Receiver {
  /** The peer's first number, that of its SYN. */
  readonly initialSequence: number;
  readonly buffer: ReceiveBuffer;
  readonly #acks: AckSchedule;
  #bareAckOwed = false;
  #heldFin: { readonly fin: PeerFin; readonly until: Millis } | undefined;
  #finAcknowledgement = 0;
  #lastWindow: number;
  #reopened = false;
  #bytesReceived = 0;

  constructor(config: StreamConfig, initialSequence: number, share?: ReceiveShare) {
    this.initialSequence = initialSequence;
    this.buffer = new ReceiveBuffer(config, sequenceAdd(initialSequence, 1), share);
    this.#acks = new AckSchedule(config);
    this.#lastWindow = config.receiveSegments;
  }

  get expected(): number {
    return this.buffer.expected;
  }

  /** Payload bytes in order. */
  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  /** What acknowledges the peer's FIN. */
  get finAcknowledgement(): number {
    return this.#finAcknowledgement;
  }

  /** The peer was told a window of 0, may have missed the next one, and has sent nothing since. */
  get mayHaveMissedWindow(): boolean {
    return this.#reopened && this.buffer.window > 0;
  }

  handleData(sequence: number, payload: Uint8Array, nowMs: Millis): ReceiveOutcome {
    const before = this.expected;
    const outcome = this.buffer.accept(sequence, payload);
    if (outcome === 'delivered' && this.buffer.earlySegments === 0) this.#acks.dataReceived(nowMs);
    else this.#acks.requestNow(nowMs);
    this.#bytesReceived += sequenceDifference(this.expected, before);
    if (outcome === 'delivered' && this.buffer.window > 0) this.#reopened = false;
    return outcome;
  }

  /**
   * Takes the next segment out, and says whether the peer should hear of it: its window opened, or more was put in
   * order.
   */
  read(nowMs: Millis): { readonly payload: Uint8Array | undefined; readonly news: boolean } {
    const before = this.expected;
    const payload = this.buffer.read();
    this.#bytesReceived += sequenceDifference(this.expected, before);
    const news = this.expected !== before || (this.#lastWindow === 0 && this.buffer.window > 0);
    if (news) this.#acks.requestNow(nowMs);
    return { payload, news };
  }

  /** A FIN that overtook data is held until that data is here, at most until `patience` is over. */
  holdFin(fin: PeerFin, patience: Millis, nowMs: Millis): void {
    this.#heldFin ??= { fin, until: nowMs + patience };
  }

  isInOrder(fin: PeerFin): boolean {
    return sequenceDifference(fin.sequence, this.expected) <= 0;
  }

  /** The held FIN, once its turn has come. */
  takeHeldFin(): PeerFin | undefined {
    const held = this.#heldFin;
    if (held === undefined || !this.isInOrder(held.fin)) return undefined;
    this.#heldFin = undefined;
    return held.fin;
  }

  /** The held FIN, once waiting for the data before it makes no sense any more. */
  takeExpiredFin(nowMs: Millis): PeerFin | undefined {
    const held = this.#heldFin;
    if (held === undefined || nowMs < held.until) return undefined;
    this.#heldFin = undefined;
    return held.fin;
  }

  /** Counts the FIN's own number, and prepares its acknowledgement. */
  acceptFin(fin: PeerFin, nowMs: Millis): void {
    this.#heldFin = undefined;
    this.noteFin(fin);
    if (fin.sequence === this.expected) this.buffer.skipFin();
    this.#acks.requestNow(nowMs);
  }

  /** Remembers which FIN the next FIN|ACK answers. */
  noteFin(fin: PeerFin): void {
    this.#finAcknowledgement = sequenceAdd(fin.sequence, 1);
  }

  requestAck(nowMs: Millis): void {
    this.#acks.requestNow(nowMs);
  }

  /** As `requestAck`, for an ACK that no data packet can stand for. */
  requestBareAck(nowMs: Millis): void {
    this.#bareAckOwed = true;
    this.#acks.requestNow(nowMs);
  }

  isAckDue(nowMs: Millis): boolean {
    return this.#acks.isDue(nowMs);
  }

  /** An ACK that must go before any data: the end of the opening, or holes, for which data has no place. */
  isBareAckDue(nowMs: Millis): boolean {
    return (this.#bareAckOwed || this.buffer.earlySegments > 0) && this.isAckDue(nowMs);
  }

  /** The content of an ACK that goes out now, in a packet of its own (`bare`) or with data. */
  takeAck(bare: boolean): AckContent {
    if (bare) this.#bareAckOwed = false;
    this.#acks.acknowledged();
    return { acknowledgement: this.expected, window: this.advertise() };
  }

  /** Selective acknowledgement of what waits behind holes; no bytes when there are none. */
  sackPayload(): Uint8Array {
    return encodeSack(this.buffer.sackBlocks());
  }

  advertise(): number {
    this.#lastWindow = this.buffer.window;
    if (this.#lastWindow === 0) this.#reopened = true;
    return this.#lastWindow;
  }

  nextTimeout(): Millis | undefined {
    return earliest(this.#acks.dueAt, this.#heldFin?.until);
  }
}
