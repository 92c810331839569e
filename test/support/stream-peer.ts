import type { Instant, Millis } from '../../node-core/base/clock.ts';
import { PortTable } from '../../node-core/stream/port-table.ts';
import type { StreamConfig } from '../../node-core/stream/stream-config.ts';
import type { StreamEvent } from '../../node-core/stream/stream-event.ts';
import { FLAG, type Packet, PROTOCOL } from '../../node-core/wire/packet.ts';
import { seededBytes, seededRandom } from './seeded-random.ts';

export interface HandPacket {
  readonly flags: number;
  readonly sequence: number;
  readonly acknowledgement?: number;
  readonly window?: number;
  readonly payload?: Uint8Array;
  readonly network?: number;
  readonly destinationNetwork?: number;
  readonly node?: number;
  readonly port?: number;
  readonly to?: number;
}

/** The streams of node 7 under test, and node 9 played by hand: every packet of it is written out by the test. */
export class StreamBench {
  readonly table: PortTable;
  readonly events: StreamEvent[] = [];
  nowMs: Millis = 1_000;
  /** Port of the hand-played peer, and that of ours it speaks to. */
  peerPort = 49_152;
  ownPort = 4_000;

  constructor(config: Partial<StreamConfig> = {}, initialSequence?: number) {
    const randomBytes = seededBytes(seededRandom(5));
    const sequences = initialSequence === undefined ? {} : { initialSequence: () => initialSequence };
    this.table = new PortTable(7, { randomBytes, config, ...sequences });
  }

  get now(): Instant {
    return { monotonicMs: this.nowMs, unixNano: BigInt(Math.round(this.nowMs * 1e6)) };
  }

  /** Feeds one packet of the peer and returns what our node sends in answer. */
  receive(packet: HandPacket): Packet[] {
    this.table.handlePacket(
      {
        flags: packet.flags,
        protocol: PROTOCOL.stream,
        source: { network: packet.network ?? 0, node: packet.node ?? 9 },
        destination: { network: packet.destinationNetwork ?? packet.network ?? 0, node: 7 },
        sourcePort: packet.port ?? this.peerPort,
        destinationPort: packet.to ?? this.ownPort,
        sequence: packet.sequence,
        acknowledgement: packet.acknowledgement ?? 0,
        window: packet.window ?? 512,
        payload: packet.payload ?? new Uint8Array(0),
      },
      this.now,
    );
    return this.drain();
  }

  /** Lets time pass, with every timer at its moment, and returns what was sent meanwhile. */
  pass(ms: Millis): Packet[] {
    const end = this.nowMs + ms;
    const sent = this.drain();
    for (;;) {
      const next = this.table.nextTimeout();
      if (next === undefined || next > end) break;
      this.nowMs = Math.max(this.nowMs, next);
      this.table.handleTimeout(this.now);
      sent.push(...this.drain());
    }
    this.nowMs = end;
    return sent;
  }

  drain(): Packet[] {
    const sent: Packet[] = [];
    for (;;) {
      for (let event = this.table.pollEvent(); event !== undefined; event = this.table.pollEvent()) {
        this.events.push(event);
      }
      const packet = this.table.pollPacket(this.now);
      if (packet === undefined) break;
      sent.push(packet);
    }
    return sent;
  }

  /** Opens a stream from the peer with Seq 100, ours being `initialSequence`; returns the sequence of our first byte. */
  accept(): number {
    this.table.listen(this.ownPort);
    const [synAck] = this.receive({ flags: FLAG.syn, sequence: 100 });
    const next = ((synAck?.sequence ?? 0) + 1) >>> 0;
    this.receive({ flags: FLAG.ack, sequence: 101, acknowledgement: next });
    return next;
  }

  /** Dials the peer, which answers with Seq 5000; returns the sequence of our first byte. */
  dial(): number {
    const connection = this.table.dial({ network: 0, node: 9, port: 7 }, this.now);
    this.peerPort = 7;
    this.ownPort = connection.localPort;
    this.drain();
    const next = (connection.initialSequence + 1) >>> 0;
    this.receive({ flags: FLAG.syn | FLAG.ack, sequence: 5_000, acknowledgement: next });
    return next;
  }

  eventTypes(): string[] {
    return this.events.map((event) => event.type);
  }
}

/** `flags seq ack window length`, flags as letters: the shape in which exchanges are compared. */
export function summary(packets: readonly Packet[]): string[] {
  return packets.map((packet) => {
    const flags = Object.entries(FLAG)
      .filter(([, bit]) => (packet.flags & bit) !== 0)
      .map(([name]) => name.toUpperCase())
      .join('|');
    return `${flags} ${packet.sequence} ${packet.acknowledgement} ${packet.window} ${packet.payload.length}`;
  });
}
