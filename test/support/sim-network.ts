import type { Instant, Millis, RandomBytes } from '../../node-core/base/clock.ts';
import { type Endpoint, formatEndpoint } from '../../node-core/base/transport.ts';
import type { Beacon } from '../../node-core/rendezvous/beacon.ts';
import type { Transmit } from '../../node-core/tunnel/tunnel-table.ts';
import { seededBytes, seededRandom } from './seeded-random.ts';
import { type NatKind, SimNat } from './sim-nat.ts';

/** How datagrams fare on their way. Shares are between 0 and 1. */
export interface LinkOptions {
  readonly delayMs: Millis;
  readonly loss: number;
  /** This share takes up to three times as long, and so arrives behind later ones. */
  readonly reorder: number;
  readonly duplicate: number;
}

/** A machine with one UDP socket: a tunnel table, a beacon, a whole node. It is drained after each call. */
export interface SimMachine {
  handleDatagram(bytes: Uint8Array, from: Endpoint, now: Instant): void;
  handleTimeout(now: Instant): void;
  nextTimeout(): Millis | undefined;
  /** Answers its events and hands out its datagrams until it is quiet. */
  drain(send: (datagram: Transmit) => void): void;
}

export interface SimHost {
  /** As seen from behind its NAT, if it has one. */
  readonly endpoint: Endpoint;
  readonly machine: SimMachine;
  readonly nat: SimNat | undefined;
  /** A detached host neither hears nor says anything: its process is dead. */
  attached: boolean;
}

interface Flight {
  readonly at: Millis;
  readonly order: number;
  readonly run: () => void;
}

/** One datagram that reached the network, after the sender's NAT. */
export interface Crossing {
  readonly at: Millis;
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly bytes: Uint8Array;
}

const START_MS = 1_000_000;
const START_UNIX_MS = 1_790_000_000_000;
const MOST_AT_ONCE = 10_000;
const PERFECT: LinkOptions = { delayMs: 5, loss: 0, reorder: 0, duplicate: 0 };

/**
 * A network in virtual time: hosts, NATs, links with delay, loss, reordering and duplication, all from one seed. A
 * condition that fails to come true names the seed, so that the run can be repeated.
 */
export class SimNetwork {
  readonly seed: number;
  readonly random: () => number;
  /** For keys and sequence numbers of the machines. */
  readonly randomBytes: RandomBytes;
  /** Sees every datagram; returning false loses it. */
  filter: ((crossing: Crossing) => boolean) | undefined;
  readonly #link: LinkOptions;
  readonly #hosts: SimHost[] = [];
  readonly #links = new Map<string, Partial<LinkOptions>>();
  readonly #cut = new Set<string>();
  #flights: Flight[] = [];
  #nowMs = START_MS;
  #order = 0;
  #crossed = 0;

  constructor(options: { readonly seed: number } & Partial<LinkOptions>) {
    const { seed, ...link } = options;
    this.seed = seed;
    this.random = seededRandom(seed);
    this.randomBytes = seededBytes(seededRandom(seed ^ 0x5eed));
    this.#link = { ...PERFECT, ...link };
  }

  get now(): Instant {
    const elapsedMs = this.#nowMs - START_MS;
    return {
      monotonicMs: this.#nowMs,
      unixNano: BigInt(START_UNIX_MS) * 1_000_000n + BigInt(Math.round(elapsedMs * 1e6)),
    };
  }

  /** Datagrams that reached the network so far. */
  get crossed(): number {
    return this.#crossed;
  }

  /** Puts a machine at an address; with a NAT, the address is private and only the NAT's is seen. */
  attach(machine: SimMachine, endpoint: Endpoint, nat?: SimNat): SimHost {
    const host: SimHost = { endpoint, machine, nat, attached: true };
    this.#hosts.push(host);
    return host;
  }

  hostOf(machine: SimMachine): SimHost {
    const host = this.#hosts.find((each) => each.machine === machine);
    if (host === undefined) throw new Error('this machine is on no host');
    return host;
  }

  createNat(kind: NatKind, publicHost: string): SimNat {
    return new SimNat(kind, publicHost);
  }

  /** Changes the link from one host address to another, in this direction. */
  setLink(fromHost: string, toHost: string, link: Partial<LinkOptions>): void {
    this.#links.set(`${fromHost}>${toHost}`, link);
  }

  /** Lets nothing pass between two host addresses, either way. */
  partition(a: string, b: string): void {
    this.#cut.add(`${a}>${b}`).add(`${b}>${a}`);
  }

  heal(a: string, b: string): void {
    this.#cut.delete(`${a}>${b}`);
    this.#cut.delete(`${b}>${a}`);
  }

  /** A datagram of nobody's machine: a stranger on the network, who may lie about where it comes from. */
  inject(from: Endpoint, to: Endpoint, bytes: Uint8Array): void {
    this.#launch(from, to, bytes);
  }

  schedule(afterMs: Millis, run: () => void): void {
    this.#push(this.#nowMs + afterMs, run);
  }

  runFor(ms: Millis): void {
    const until = this.#nowMs + ms;
    this.drain();
    while (this.#nowMs < until) this.#step(until);
  }

  /** @throws Error with the seed when the condition does not come true in time. */
  runUntil(condition: () => boolean, withinMs: Millis): Millis {
    const start = this.#nowMs;
    this.drain();
    while (!condition()) {
      if (this.#nowMs - start >= withinMs) throw new Error(`not within ${withinMs} virtual ms (seed ${this.seed})`);
      this.#step(start + withinMs);
    }
    return this.#nowMs - start;
  }

  /** Hands out what the machines have to say at this moment. Needed after a command from outside. */
  drain(): void {
    for (const host of this.#hosts) this.#drainHost(host);
  }

  #drainHost(host: SimHost): void {
    let sent = 0;
    host.machine.drain(({ to, bytes }) => {
      sent += 1;
      if (sent > MOST_AT_ONCE) throw new Error(`a machine never stops talking (seed ${this.seed})`);
      if (!host.attached) return;
      const from = host.nat === undefined ? host.endpoint : host.nat.translateOut(host.endpoint, to);
      this.#launch(from, to, bytes);
    });
  }

  #launch(from: Endpoint, to: Endpoint, bytes: Uint8Array): void {
    this.#crossed += 1;
    const passes = this.filter?.({ at: this.#nowMs, from, to, bytes }) ?? true;
    if (!passes || this.#cut.has(`${from.host}>${to.host}`)) return;
    const link = { ...this.#link, ...this.#links.get(`${from.host}>${to.host}`) };
    const copies = this.random() < link.duplicate ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.random() < link.loss) continue;
      const extra = this.random() < link.reorder ? 2 * this.random() * link.delayMs : 0;
      // The receiver owns what it is given, so each copy is its own.
      this.#push(this.#nowMs + link.delayMs + extra, () => this.#arrive(from, to, bytes.slice()));
    }
  }

  #arrive(from: Endpoint, to: Endpoint, bytes: Uint8Array): void {
    for (const host of this.#hosts) {
      if (!host.attached) continue;
      const isHere =
        host.nat === undefined
          ? formatEndpoint(host.endpoint) === formatEndpoint(to)
          : host.nat.translateIn(host.endpoint, from, to);
      if (isHere) host.machine.handleDatagram(bytes, from, this.now);
    }
  }

  #step(limit: Millis): void {
    const timeouts = this.#hosts.filter((host) => host.attached).map((host) => host.machine.nextTimeout() ?? Infinity);
    this.#nowMs = Math.max(this.#nowMs, Math.min(limit, this.#flights[0]?.at ?? Infinity, ...timeouts));
    while (this.#flights[0] !== undefined && this.#flights[0].at <= this.#nowMs) {
      this.#flights.shift()?.run();
      this.drain();
    }
    for (const host of this.#hosts) {
      const dueAt = host.machine.nextTimeout();
      if (host.attached && dueAt !== undefined && dueAt <= this.#nowMs) host.machine.handleTimeout(this.now);
    }
    this.drain();
  }

  #push(at: Millis, run: () => void): void {
    this.#order += 1;
    const flight = { at, order: this.#order, run };
    const isAfter = (other: Flight) => other.at < at || (other.at === at && other.order < flight.order);
    let index = this.#flights.length;
    while (index > 0 && !isAfter(this.#flights[index - 1] as Flight)) index -= 1;
    this.#flights.splice(index, 0, flight);
  }
}

/** A beacon as a machine, which has no timers; `current` tells which, as a test may put another in its place. */
export function beaconMachine(current: () => Beacon): SimMachine {
  return {
    handleDatagram: (bytes, from, now) => current().handleDatagram(bytes, from, now),
    handleTimeout: () => {},
    nextTimeout: () => undefined,
    drain: (send) => {
      const beacon = current();
      for (let out = beacon.pollTransmit(); out !== undefined; out = beacon.pollTransmit()) send(out);
    },
  };
}
