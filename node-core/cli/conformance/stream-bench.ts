import type { Instant, Millis } from '../../base/clock.ts';
import type { Connection } from '../../stream/connection.ts';
import type { CloseReason } from '../../stream/connection-event.ts';
import { PortTable } from '../../stream/port-table.ts';
import type { StreamConfig } from '../../stream/stream-config.ts';
import type { Packet } from '../../wire/packet.ts';
import { NODE_9 } from './stream-packet.ts';

/**
 * The constants of the program that most stream vectors were recorded from, where our stream layer takes them as
 * configuration: so what is compared is the machinery, and constants are compared once, in `constants`.
 */
export const RECORDED_CONFIG: Partial<StreamConfig> = {
  segmentBytes: 1024,
  initialCongestionWindow: 10_240,
  maxCongestionWindow: 1_048_576,
  delayedAckMs: 40,
  quickAcks: 0,
};

/** The port that the recorded dials came from; ours are drawn at random and renamed. */
const RECORDED_PORT = 49_152;
const DIALLED_PORT = 7;

/** The application that the recordings had takes what came before the end, and nothing before. */
export function readAll(connection: Connection, now: Instant): void {
  while (connection.read(now) !== undefined);
}

/** The streams of node 7 in virtual time, and one stream it dialled to node 9. */
export class StreamBench {
  readonly connection: Connection;
  outcome: 'dialing' | 'connected' | CloseReason = 'dialing';
  readonly #table: PortTable;
  readonly #send: (packet: Packet) => void;
  #nowMs: Millis = 0;

  /** @param send - Gets each packet that node 7 sends, in order. */
  constructor(config: Partial<StreamConfig>, send: (packet: Packet) => void) {
    this.#table = new PortTable(7, {
      randomBytes: (length) => new Uint8Array(length),
      config: { ...RECORDED_CONFIG, ...config },
      initialSequence: () => 0,
    });
    this.#send = send;
    this.connection = this.#table.dial({ ...NODE_9, port: DIALLED_PORT }, this.now);
    this.drain();
  }

  get now(): Instant {
    return { monotonicMs: this.#nowMs, unixNano: BigInt(this.#nowMs * 1e6) };
  }

  receive(packet: Packet): void {
    this.#table.handlePacket({ ...packet, destinationPort: this.connection.localPort }, this.now);
    this.drain();
  }

  write(bytes: Uint8Array): void {
    if (this.connection.write(bytes, this.now) < bytes.length) throw new Error('the send buffer is too small');
    this.drain();
  }

  close(): void {
    this.connection.close();
    this.drain();
  }

  /** Lets time pass, with each timer at its moment. */
  advanceTo(nowMs: Millis): void {
    for (;;) {
      const due = this.#table.nextTimeout();
      if (due === undefined || due > nowMs) break;
      this.#nowMs = Math.max(due, this.#nowMs);
      this.#table.handleTimeout(this.now);
      this.drain();
    }
    this.#nowMs = Math.max(nowMs, this.#nowMs);
  }

  /** The application hears of what happened before anything is sent for it. */
  drain(): void {
    for (let event = this.#table.pollEvent(); event !== undefined; event = this.#table.pollEvent()) {
      if (event.type === 'established') this.outcome = 'connected';
      if (event.type === 'closed' && this.outcome === 'dialing') this.outcome = event.reason;
      if (event.type === 'ended') readAll(this.connection, this.now);
    }
    for (let packet = this.#table.pollPacket(this.now); packet; packet = this.#table.pollPacket(this.now)) {
      this.#send({ ...packet, sourcePort: RECORDED_PORT });
    }
  }
}
