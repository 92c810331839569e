import { BoundedQueue } from '../base/bounded-queue.ts';
import type { Instant, Millis } from '../base/clock.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import { FLAG, hasFlag, type Packet } from '../wire/packet.ts';

const SAME_STREAM_MS = 1_000;
const REMEMBERED = 1_024;
const QUEUED = 256;

/**
 * Answers packets of streams that do not exist with RST: one per stream and second, within a rate for all, and never
 * an RST with an RST.
 */
export class ResetResponder {
  readonly #perSecond: number;
  readonly #answeredAt = new Map<string, Millis>();
  readonly #queue = new BoundedQueue<Packet>({ items: QUEUED });
  #bucket: TokenBucket | undefined;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Returns false when the answer is withheld. */
  refuse(packet: Packet, now: Instant): boolean {
    const nowMs = now.monotonicMs;
    if (hasFlag(packet, FLAG.rst) || this.#wasAnswered(packet, nowMs)) return false;
    this.#bucket ??= new TokenBucket({ burst: this.#perSecond, perSecond: this.#perSecond }, nowMs);
    return this.#bucket.take(nowMs) && this.#queue.push(resetFor(packet));
  }

  poll(): Packet | undefined {
    return this.#queue.shift();
  }

  #wasAnswered(packet: Packet, nowMs: Millis): boolean {
    const { source, destination } = packet;
    const key = [source.network, source.node, destination.network, packet.sourcePort, packet.destinationPort].join();
    const answeredAt = this.#answeredAt.get(key);
    if (answeredAt !== undefined && nowMs - answeredAt < SAME_STREAM_MS) return true;
    this.#answeredAt.delete(key);
    this.#answeredAt.set(key, nowMs);
    for (const oldest of this.#answeredAt.keys()) {
      if (this.#answeredAt.size <= REMEMBERED) break;
      this.#answeredAt.delete(oldest);
    }
    return false;
  }
}

function resetFor(packet: Packet): Packet {
  return {
    flags: FLAG.rst,
    protocol: packet.protocol,
    source: packet.destination,
    destination: packet.source,
    sourcePort: packet.destinationPort,
    destinationPort: packet.sourcePort,
    sequence: 0,
    acknowledgement: 0,
    window: 0,
    payload: new Uint8Array(0),
  };
}
