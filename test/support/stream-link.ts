import type { Instant, Millis } from '../../node-core/base/clock.ts';
import type { Connection } from '../../node-core/stream/connection.ts';
import { PortTable } from '../../node-core/stream/port-table.ts';
import type { StreamConfig } from '../../node-core/stream/stream-config.ts';
import type { StreamEvent } from '../../node-core/stream/stream-event.ts';
import type { Packet } from '../../node-core/wire/packet.ts';
import { seededBytes, seededRandom } from './seeded-random.ts';

export interface LinkOptions {
  readonly seed: number;
  readonly delayMs?: Millis;
  /** Shares between 0 and 1. */
  readonly loss?: number;
  readonly reorder?: number;
  readonly duplicate?: number;
  readonly config?: Partial<StreamConfig>;
  readonly initialSequences?: { readonly alice?: number; readonly bob?: number };
  /** Chooses packets that never arrive, besides the random loss. */
  readonly drop?: (packet: Packet, to: StreamEnd) => boolean;
}

/** What an application does with its streams: called for each event. */
export type Behaviour = (event: StreamEvent, end: StreamEnd) => void;

interface Flight {
  readonly at: Millis;
  readonly order: number;
  readonly packet: Packet;
  readonly to: StreamEnd;
}

/** One node's streams and what its application has seen of them. */
export class StreamEnd {
  readonly name: string;
  readonly table: PortTable;
  readonly events: StreamEvent[] = [];
  readonly sent: Packet[] = [];
  readonly received = new Map<Connection, Uint8Array[]>();
  behaviour: Behaviour = () => {};
  /** False leaves received data where it is. */
  reads = true;

  constructor(name: string, table: PortTable) {
    this.name = name;
    this.table = table;
  }

  eventsOf(type: StreamEvent['type']): StreamEvent[] {
    return this.events.filter((event) => event.type === type);
  }

  /** The first stream that a peer opened here. */
  get accepted(): Connection {
    const event = this.eventsOf('accepted')[0];
    if (event === undefined) throw new Error(`${this.name} accepted nothing`);
    return event.connection;
  }

  closeReasons(): string[] {
    return this.events.flatMap((event) => (event.type === 'closed' ? [event.reason] : []));
  }

  bytes(connection: Connection): Uint8Array {
    return Buffer.concat(this.received.get(connection) ?? []);
  }

  readAll(connection: Connection, now: Instant): void {
    const parts = this.received.get(connection) ?? [];
    this.received.set(connection, parts);
    for (;;) {
      const part = connection.read(now);
      if (part === undefined) return;
      parts.push(part);
    }
  }
}

/** Two nodes and one link between them in virtual time: everything follows from the seed. */
export class StreamLink {
  readonly alice: StreamEnd;
  readonly bob: StreamEnd;
  readonly #options: LinkOptions;
  readonly #random: () => number;
  readonly #flights: Flight[] = [];
  #nowMs = 1_000;
  #order = 0;
  #stepsNow = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.alice = this.#createEnd('alice', 5, options.initialSequences?.alice);
    this.bob = this.#createEnd('bob', 9, options.initialSequences?.bob);
  }

  get now(): Instant {
    return { monotonicMs: this.#nowMs, unixNano: BigInt(Math.round(this.#nowMs * 1e6)) };
  }

  /** Lets bob listen and alice dial. */
  connect(port = 1001): Connection {
    this.bob.table.listen(port);
    const connection = this.alice.table.dial({ network: 0, node: 9, port }, this.now);
    this.drain();
    return connection;
  }

  /** Hands packets and events out until nothing more is due at this moment. */
  drain(): void {
    let busy = true;
    while (busy) busy = [this.alice, this.bob].map((end) => this.#drainEnd(end)).includes(true);
  }

  /** @throws Error when the condition does not hold in time. */
  runUntil(condition: () => boolean, withinMs: Millis): Millis {
    const start = this.#nowMs;
    this.drain();
    while (!condition()) {
      if (this.#nowMs - start > withinMs) throw new Error(`not within ${withinMs} virtual ms`);
      this.#step(start + withinMs + 1);
    }
    return this.#nowMs - start;
  }

  run(forMs: Millis): void {
    const end = this.#nowMs + forMs;
    this.drain();
    while (this.#nowMs < end) this.#step(end);
  }

  /** Puts a packet on the wire that neither node sent. */
  inject(packet: Packet, to: StreamEnd): void {
    to.table.handlePacket(packet, this.now);
    this.drain();
  }

  #createEnd(name: string, nodeId: number, initialSequence: number | undefined): StreamEnd {
    const randomBytes = seededBytes(this.#random);
    const config = this.#options.config ?? {};
    const options = initialSequence === undefined ? {} : { initialSequence: () => initialSequence };
    return new StreamEnd(name, new PortTable(nodeId, { randomBytes, config, ...options }));
  }

  #step(limit: Millis): void {
    const timeouts = [this.alice, this.bob].map((end) => end.table.nextTimeout() ?? Number.POSITIVE_INFINITY);
    const arrival = this.#flights.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...this.#flights.map((f) => f.at));
    const next = Math.min(limit, arrival, ...timeouts);
    this.#stepsNow = next > this.#nowMs ? 0 : this.#stepsNow + 1;
    if (this.#stepsNow > 10_000) throw new Error('time stands still: a timer is due for ever');
    this.#nowMs = Math.max(this.#nowMs, next);
    for (const flight of this.#takeArrived()) {
      flight.to.table.handlePacket(flight.packet, this.now);
      this.drain();
    }
    for (const end of [this.alice, this.bob]) end.table.handleTimeout(this.now);
    this.drain();
  }

  #takeArrived(): Flight[] {
    const due = this.#flights.filter((flight) => flight.at <= this.#nowMs);
    due.sort((a, b) => a.at - b.at || a.order - b.order);
    const rest = this.#flights.filter((flight) => flight.at > this.#nowMs);
    this.#flights.splice(0, this.#flights.length, ...rest);
    return due;
  }

  #drainEnd(end: StreamEnd): boolean {
    let busy = false;
    for (let event = end.table.pollEvent(); event !== undefined; event = end.table.pollEvent()) {
      busy = true;
      end.events.push(event);
      if (event.type === 'readable' && end.reads) end.readAll(event.connection, this.now);
      end.behaviour(event, end);
    }
    for (let packet = end.table.pollPacket(this.now); packet !== undefined; packet = end.table.pollPacket(this.now)) {
      busy = true;
      end.sent.push(packet);
      this.#launch(packet, end === this.alice ? this.bob : this.alice);
    }
    return busy;
  }

  #launch(packet: Packet, to: StreamEnd): void {
    const { delayMs = 20, loss = 0, reorder = 0, duplicate = 0, drop } = this.#options;
    const copies = this.#random() < duplicate ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.#random() < loss || drop?.(packet, to)) continue;
      const extra = this.#random() < reorder ? this.#random() * delayMs : 0;
      this.#order += 1;
      this.#flights.push({ at: this.#nowMs + delayMs + extra, order: this.#order, packet, to });
    }
  }
}

/** Bytes that differ in every neighbourhood, so that a lost, doubled or swapped part shows. */
export function pattern(length: number, seed = 1): Uint8Array {
  const random = seededRandom(seed);
  return Uint8Array.from({ length }, () => Math.floor(random() * 256));
}

/** A behaviour that writes all of `bytes` as fast as the send buffer takes it, then closes. */
export function sendAll(link: StreamLink, connection: Connection, bytes: Uint8Array): Behaviour {
  let offset = 0;
  const push = () => {
    while (offset < bytes.length) {
      const taken = connection.write(bytes.subarray(offset), link.now);
      if (taken === 0) return;
      offset += taken;
    }
    connection.close();
  };
  push();
  return (event) => {
    if (event.type === 'writable' && event.connection === connection) push();
  };
}
