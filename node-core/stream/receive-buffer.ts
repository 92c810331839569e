import type { SackBlock } from '../wire/sack.ts';
import { sequenceAdd, sequenceDifference } from '../wire/sequence.ts';
import { type ReceiveShare, ReceiveShares } from './receive-share.ts';
import type { StreamConfig } from './stream-config.ts';

interface EarlySegment {
  readonly sequence: number;
  readonly payload: Uint8Array;
}

type Limits = Pick<
  StreamConfig,
  | 'segmentBytes'
  | 'receiveSegments'
  | 'receiveBytes'
  | 'outOfOrderSegments'
  | 'receiveBytesPerPeer'
  | 'receiveBytesInAll'
>;

/**
 * `delivered`: readable now; `stored`: waits behind a hole; the others were not kept. `over-share`: the stream has room,
 * its peer has none.
 */
export type ReceiveOutcome = 'delivered' | 'stored' | 'stale' | 'full' | 'over-share';

const MOST_BLOCKS = 4;

/**
 * Puts segments in order. A segment is used only if it starts exactly at the expected byte (the reference merges no
 * partial overlap, so senders repeat exact segments); up to 128 that came early wait behind the hole.
 *
 *     read by the application | queued | expected ... hole ... | early | hole | early
 */
export class ReceiveBuffer {
  readonly #limits: Limits;
  readonly #share: ReceiveShare;
  readonly #early: EarlySegment[] = []; // ascending
  #queue: Uint8Array[] = [];
  #head = 0;
  #queuedBytes = 0;
  #earlyBytes = 0;
  #largest: number;
  #expected: number;

  /** @param share - What this stream may hold beside its peer's others; by default it has all of it. */
  constructor(limits: Limits, firstSequence: number, share: ReceiveShare = new ReceiveShares(limits).open(0)) {
    this.#limits = limits;
    this.#share = share;
    this.#expected = firstSequence;
    this.#largest = limits.segmentBytes;
  }

  /** Sequence of the next byte in order: what we acknowledge. */
  get expected(): number {
    return this.#expected;
  }

  get queuedSegments(): number {
    return this.#queue.length - this.#head;
  }

  get earlySegments(): number {
    return this.#early.length;
  }

  /** Free segments to advertise; also kept within the byte limit when the peer's segments are large. */
  get window(): number {
    const bySegments = this.#limits.receiveSegments - this.queuedSegments;
    const byBytes = Math.floor((this.#limits.receiveBytes - this.#queuedBytes) / this.#largest);
    const byShare = Math.floor(this.#share.queued.room / this.#largest);
    return Math.max(0, Math.min(bySegments, byBytes, byShare));
  }

  /** Takes one segment. The payload is kept as a view: the caller hands it over. */
  accept(sequence: number, payload: Uint8Array): ReceiveOutcome {
    const ahead = sequenceDifference(sequence, this.#expected);
    if (ahead < 0) return 'stale';
    this.#largest = Math.max(this.#largest, payload.length);
    if (ahead > 0) return this.#store(sequence, payload, ahead);
    const outcome = this.#deliver(payload);
    if (outcome === 'delivered') this.#drainEarly();
    return outcome;
  }

  /** The next segment's bytes in order. */
  read(): Uint8Array | undefined {
    const payload = this.#queue[this.#head];
    if (payload === undefined) return undefined;
    this.#head += 1;
    this.#queuedBytes -= payload.length;
    this.#share.queued.give(payload.length);
    if (this.#head === this.#queue.length || this.#head >= 256) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    this.#drainEarly(); // a full queue may have held it back
    return payload;
  }

  /** What waits behind holes, merged and ascending; the highest four as 1.18 reports them. */
  sackBlocks(): SackBlock[] {
    const blocks: { left: number; right: number }[] = [];
    for (const { sequence, payload } of this.#early) {
      const end = sequenceAdd(sequence, payload.length);
      const last = blocks.at(-1);
      if (last === undefined || sequenceDifference(sequence, last.right) > 0) {
        blocks.push({ left: sequence, right: end });
      } else if (sequenceDifference(end, last.right) > 0) {
        last.right = end;
      }
    }
    return blocks.slice(-MOST_BLOCKS);
  }

  /** Counts a FIN's own number. */
  skipFin(): void {
    this.#expected = sequenceAdd(this.#expected, 1);
  }

  #deliver(payload: Uint8Array): ReceiveOutcome {
    const full =
      this.queuedSegments >= this.#limits.receiveSegments ||
      (this.queuedSegments > 0 && this.#queuedBytes + payload.length > this.#limits.receiveBytes);
    if (full) return 'full';
    if (!this.#share.queued.add(payload.length)) return 'over-share';
    this.#queue.push(payload);
    this.#queuedBytes += payload.length;
    this.#expected = sequenceAdd(this.#expected, payload.length);
    return 'delivered';
  }

  #store(sequence: number, payload: Uint8Array, ahead: number): ReceiveOutcome {
    const index = this.#indexFor(ahead);
    if (this.#early[index]?.sequence === sequence) return 'stale';
    const full =
      this.#early.length >= this.#limits.outOfOrderSegments ||
      this.#earlyBytes + payload.length > this.#limits.receiveBytes;
    if (full) return 'full';
    if (!this.#share.early.add(payload.length)) return 'over-share';
    this.#early.splice(index, 0, { sequence, payload });
    this.#earlyBytes += payload.length;
    return 'stored';
  }

  /** Index of the first early segment that starts `ahead` bytes or more after the expected one. */
  #indexFor(ahead: number): number {
    let low = 0;
    let high = this.#early.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const start = (this.#early[middle] as EarlySegment).sequence;
      if (sequenceDifference(start, this.#expected) < ahead) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Delivers what fits exactly; drops what the acknowledgement has passed, which could never be used. */
  #drainEarly(): void {
    let done = 0;
    for (const { sequence, payload } of this.#early) {
      const ahead = sequenceDifference(sequence, this.#expected);
      if (ahead > 0 || (ahead === 0 && this.#deliver(payload) !== 'delivered')) break;
      this.#earlyBytes -= payload.length;
      this.#share.early.give(payload.length);
      done += 1;
    }
    this.#early.splice(0, done);
  }
}
