import type { Millis } from '../base/clock.ts';
import { isSackPayload, type SackBlock } from '../wire/sack.ts';
import { sequenceAdd, sequenceDifference } from '../wire/sequence.ts';
import type { StreamConfig } from './stream-config.ts';

/** One segment in flight. Its boundaries never change: the receiver only takes exact repeats. */
export interface Segment {
  readonly sequence: number;
  readonly payload: Uint8Array;
  /** Counts all transmissions of the stream; the order of the latest one of this segment. */
  order: number;
  sentAt: Millis;
  transmissions: number;
  /** Those that a timer drove, the first included. */
  attempts: number;
  /** `lost`: presumed so and not sent again since. */
  fate: 'flying' | 'sacked' | 'lost';
}

interface QueuedSegment {
  readonly space: Uint8Array;
  length: number;
  readonly openedAt: Millis;
}

type Limits = Pick<StreamConfig, 'segmentBytes' | 'sendBufferBytes' | 'nagle' | 'nagleMs'>;

/** Cut after the signature, so that neither part can be taken for selective acknowledgements. */
const SACK_SIGNATURE_BYTES = 4;

/**
 * What was written and is not acknowledged yet: segments in flight, then segments that wait.
 *
 *     unacknowledged -> | in flight ... | next -> | queued ... | open (still filling)
 */
export class SendBuffer {
  readonly #limits: Limits;
  readonly #inFlight: Segment[] = [];
  readonly #queued: QueuedSegment[] = [];
  #queuedBytes = 0;
  #inFlightBytes = 0;
  #flyingBytes = 0;
  #lostSegments = 0;
  #unacknowledged: number;
  #next: number;

  constructor(limits: Limits, firstSequence: number) {
    this.#limits = limits;
    this.#unacknowledged = firstSequence;
    this.#next = firstSequence;
  }

  /** Sequence of the oldest byte that is not acknowledged. */
  get unacknowledged(): number {
    return this.#unacknowledged;
  }

  /** Sequence of the next new byte. */
  get next(): number {
    return this.#next;
  }

  get inFlight(): readonly Segment[] {
    return this.#inFlight;
  }

  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /** Bytes in flight that are neither selectively acknowledged nor presumed lost: what the network holds. */
  get flyingBytes(): number {
    return this.#flyingBytes;
  }

  get isEmpty(): boolean {
    return this.#inFlight.length === 0 && this.#queued.length === 0;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get freeBytes(): number {
    return Math.max(0, this.#limits.sendBufferBytes - this.#inFlightBytes - this.#queuedBytes);
  }

  /** Copies as much as there is room for and says how much that was. */
  write(bytes: Uint8Array, nowMs: Millis): number {
    const taken = Math.min(bytes.length, this.freeBytes);
    let offset = 0;
    while (offset < taken) {
      const open = this.#openSegment(nowMs);
      const count = Math.min(open.space.length - open.length, taken - offset);
      open.space.set(bytes.subarray(offset, offset + count), open.length);
      open.length += count;
      offset += count;
    }
    this.#queuedBytes += taken;
    return taken;
  }

  /** When the waiting small segment may go although earlier data is unacknowledged; undefined if nothing is held. */
  heldUntil(): Millis | undefined {
    const first = this.#queued[0];
    if (first === undefined || !this.#limits.nagle) return undefined;
    const waits = this.#queued.length === 1 && first.length < first.space.length && this.#inFlight.length > 0;
    return waits ? first.openedAt + this.#limits.nagleMs : undefined;
  }

  /** Moves the next queued segment into flight. `flush`: nothing more will be written, so nothing is held back. */
  takeNew(order: number, nowMs: Millis, flush: boolean): Segment | undefined {
    const heldUntil = flush ? undefined : this.heldUntil();
    if (heldUntil !== undefined && nowMs < heldUntil) return undefined;
    const payload = this.#cutQueued();
    if (payload === undefined) return undefined;
    const segment: Segment = {
      sequence: this.#next,
      payload,
      order,
      sentAt: nowMs,
      transmissions: 1,
      attempts: 1,
      fate: 'flying',
    };
    this.#inFlight.push(segment);
    this.#inFlightBytes += payload.length;
    this.#flyingBytes += payload.length;
    this.#next = sequenceAdd(this.#next, payload.length);
    return segment;
  }

  /**
   * Advances to `acknowledgement`, which lies within what was sent, and returns the segments that are done.
   * A segment acknowledged in part stays whole.
   */
  acknowledge(acknowledgement: number): Segment[] {
    this.#unacknowledged = acknowledgement;
    let done = 0;
    for (const segment of this.#inFlight) {
      if (sequenceDifference(endOf(segment), acknowledgement) > 0) break;
      this.#inFlightBytes -= segment.payload.length;
      if (segment.fate === 'flying') this.#flyingBytes -= segment.payload.length;
      if (segment.fate === 'lost') this.#lostSegments -= 1;
      done += 1;
    }
    return this.#inFlight.splice(0, done);
  }

  /** Marks the segments that lie wholly in one of the blocks; returns those that were not marked before. */
  markSacked(blocks: readonly SackBlock[]): Segment[] {
    const marked: Segment[] = [];
    for (const block of blocks) {
      for (let index = this.#firstFrom(block.left); index < this.#inFlight.length; index++) {
        const segment = this.#inFlight[index] as Segment;
        if (sequenceDifference(endOf(segment), block.right) > 0) break;
        if (segment.fate === 'sacked') continue;
        this.setFate(segment, 'sacked');
        marked.push(segment);
      }
    }
    return marked;
  }

  /** Forgets all marks: the receiver holds nothing out of order (any more). */
  clearSacked(): void {
    for (const segment of this.#inFlight) if (segment.fate === 'sacked') this.setFate(segment, 'flying');
  }

  firstUnsacked(): Segment | undefined {
    return this.#inFlight.find((segment) => segment.fate !== 'sacked');
  }

  firstLost(): Segment | undefined {
    return this.#lostSegments > 0 ? this.#inFlight.find((segment) => segment.fate === 'lost') : undefined;
  }

  /** Changes what is believed of a segment in flight. */
  setFate(segment: Segment, fate: Segment['fate']): void {
    if (segment.fate === 'flying') this.#flyingBytes -= segment.payload.length;
    if (segment.fate === 'lost') this.#lostSegments -= 1;
    segment.fate = fate;
    if (fate === 'flying') this.#flyingBytes += segment.payload.length;
    if (fate === 'lost') this.#lostSegments += 1;
  }

  clear(): void {
    this.#inFlight.length = 0;
    this.#queued.length = 0;
    this.#inFlightBytes = 0;
    this.#flyingBytes = 0;
    this.#lostSegments = 0;
    this.#queuedBytes = 0;
  }

  #openSegment(nowMs: Millis): QueuedSegment {
    const last = this.#queued.at(-1);
    if (last !== undefined && last.length < last.space.length) return last;
    const opened = { space: new Uint8Array(this.#limits.segmentBytes), length: 0, openedAt: nowMs };
    this.#queued.push(opened);
    return opened;
  }

  #cutQueued(): Uint8Array | undefined {
    const first = this.#queued[0];
    if (first === undefined) return undefined;
    let payload = first.space.subarray(0, first.length);
    if (isSackPayload(payload)) {
      payload = payload.subarray(0, SACK_SIGNATURE_BYTES);
      const space = first.space.subarray(SACK_SIGNATURE_BYTES);
      this.#queued[0] = { space, length: first.length - SACK_SIGNATURE_BYTES, openedAt: first.openedAt };
    } else {
      this.#queued.shift();
    }
    this.#queuedBytes -= payload.length;
    return payload;
  }

  /** Index of the first segment in flight that starts at `left` or later. */
  #firstFrom(left: number): number {
    let low = 0;
    let high = this.#inFlight.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sequenceDifference((this.#inFlight[middle] as Segment).sequence, left) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export function endOf(segment: Segment): number {
  return sequenceAdd(segment.sequence, segment.payload.length);
}
