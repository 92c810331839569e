import { equalBytes } from '../base/bytes.ts';
import { earliest, type Instant, type Millis, type RandomBytes } from '../base/clock.ts';
import type { Packet } from '../wire/packet.ts';
import type { Route } from './path.ts';
import { LOSS_WINDOW } from './tunnel-config.ts';

/**
 * `path` pings measure the path in use and count for loss; `probe` pings ask whether an endpoint or a key is the
 * peer's; `asked` pings belong to a caller, who is told the result.
 */
export type PingPurpose =
  | { readonly kind: 'path' }
  | { readonly kind: 'probe' }
  | { readonly kind: 'asked'; readonly pingId: number };

export interface OutstandingPing {
  readonly purpose: PingPurpose;
  readonly route: Route;
  readonly sequence: number;
  readonly payload: Uint8Array;
  readonly sentAt: Instant;
  readonly deadline: Millis;
}

const PAYLOAD_LENGTH = 16;
const MAX_OUTSTANDING = 64;
/** New samples move the smoothed round trip by an eighth, as in RFC 6298. */
const RTT_GAIN = 1 / 8;

/** The encrypted pings of one tunnel: which are under way, and what their answers say of the path. */
export class Pings {
  readonly #random: RandomBytes;
  /** Not 0: a ping from port 0 looks like another node's probe. */
  readonly #sourcePort: number;
  readonly #outstanding = new Map<number, OutstandingPing>(); // by sequence, oldest first
  #results: boolean[] = [];
  #rttMs: number | undefined;

  constructor(random: RandomBytes) {
    this.#random = random;
    this.#sourcePort = 0x8000 | (readUint32(random(4)) & 0x7fff);
  }

  get rttMs(): number | undefined {
    return this.#rttMs;
  }

  /** Share of the last path pings that stayed unanswered. */
  get lossRatio(): number | undefined {
    if (this.#results.length === 0) return undefined;
    return this.#results.filter((answered) => !answered).length / this.#results.length;
  }

  /** A path with other properties starts its statistics anew. */
  resetStatistics(): void {
    this.#results = [];
    this.#rttMs = undefined;
  }

  /** Notes a ping that goes out now; the fields are those of its packet. */
  start(
    ping: Pick<OutstandingPing, 'purpose' | 'route'> & { readonly timeoutMs: number },
    now: Instant,
  ): Pick<Packet, 'sourcePort' | 'sequence' | 'payload'> {
    const payload = this.#random(PAYLOAD_LENGTH);
    const sequence = readUint32(this.#random(4));
    const { purpose, route } = ping;
    const deadline = now.monotonicMs + ping.timeoutMs;
    this.#outstanding.delete(sequence);
    this.#outstanding.set(sequence, { purpose, route, sequence, payload, sentAt: now, deadline });
    return { sourcePort: this.#sourcePort, sequence, payload };
  }

  get full(): boolean {
    return this.#outstanding.size >= MAX_OUTSTANDING;
  }

  /** Finds the ping that a packet answers; undefined for a stray, late or repeated answer. */
  match(pong: Packet, now: Instant): { readonly ping: OutstandingPing; readonly rttMs: number } | undefined {
    const ping = this.#outstanding.get(pong.sequence);
    if (ping === undefined || pong.destinationPort !== this.#sourcePort) return undefined;
    if (pong.acknowledgement !== (ping.sequence + 1) >>> 0 || !equalBytes(pong.payload, ping.payload)) return undefined;
    this.#outstanding.delete(ping.sequence);
    const rttMs = Math.max(0, now.monotonicMs - ping.sentAt.monotonicMs);
    if (ping.purpose.kind === 'path') {
      this.#note(true);
      this.#rttMs = this.#rttMs === undefined ? rttMs : this.#rttMs + RTT_GAIN * (rttMs - this.#rttMs);
    }
    return { ping, rttMs };
  }

  /** Takes out what is overdue. */
  expire(nowMs: Millis): OutstandingPing[] {
    const overdue = [...this.#outstanding.values()].filter((ping) => ping.deadline <= nowMs);
    for (const ping of overdue) {
      this.#outstanding.delete(ping.sequence);
      if (ping.purpose.kind === 'path') this.#note(false);
    }
    return overdue;
  }

  nextDeadline(): Millis | undefined {
    return earliest(...[...this.#outstanding.values()].map((ping) => ping.deadline));
  }

  #note(answered: boolean): void {
    this.#results.push(answered);
    if (this.#results.length > LOSS_WINDOW) this.#results.shift();
  }
}

function readUint32(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0);
}
