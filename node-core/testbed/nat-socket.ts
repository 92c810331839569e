import { BoundedMap } from '../base/bounded-map.ts';
import type { Clock, Millis } from '../base/clock.ts';
import type { DatagramCounts } from '../base/datagram-counts.ts';
import { type DatagramSocket, type Endpoint, formatEndpoint } from '../base/transport.ts';
import { UdpSocket } from '../io/udp-socket.ts';
import { type NatCrossing, NatTraffic } from './nat-traffic.ts';

/** NAT behaviours (RFC 4787 in the older words that operators use). `none` means no NAT at all. */
export const NAT_BEHAVIOURS = ['none', 'full-cone', 'restricted', 'port-restricted', 'symmetric'] as const;
export type NatBehaviour = (typeof NAT_BEHAVIOURS)[number];

export interface NatCounters extends Readonly<NatCrossing> {
  readonly mappings: number;
  /** By remote endpoint, `H:P`. */
  readonly remotes: Readonly<Record<string, Readonly<NatCrossing>>>;
}

interface Waiting {
  readonly bytes: Uint8Array;
  readonly to: Endpoint;
}

/** One port on the outside, and who was spoken to from it. */
interface Mapping {
  readonly socket: UdpSocket;
  /** Remote endpoints and their hosts; of too many the one that was spoken to longest ago is forgotten. */
  readonly contacted: Map<string, string>;
  usedAt: Millis;
}

/** Under this key lies the one mapping of a cone; a symmetric NAT has one under each remote endpoint. */
const CONE = '';
const MAX_MAPPINGS = 256;
const MAX_CONTACTED = 1_024;
const MAX_WAITING = 64;
const IDLE_MS = 120_000;

/**
 * A NAT in front of one node: each mapping is a real UDP socket, so peers and beacon see what they would see of a router.
 * Symmetric: a new port for each remote endpoint. The cones: one port for all, with the filter of their kind; `none` and
 * `full-cone` let everybody in. All hosts of a test network may be one, where `restricted` lets all of it in.
 */
export class NatSocket implements DatagramSocket {
  /** The first outside port: what a cone shows until it is changed. */
  readonly local: Endpoint;
  readonly counts: DatagramCounts;
  onDatagram: ((bytes: Uint8Array, from: Endpoint) => void) | undefined;
  readonly #clock: Clock;
  readonly #mappings = new Map<string, Mapping>();
  readonly #waiting = new Map<string, Waiting[]>();
  readonly #traffic = new NatTraffic();
  #kind: NatBehaviour;
  #closed = false;

  private constructor(kind: NatBehaviour, first: UdpSocket, clock: Clock) {
    this.#kind = kind;
    this.#clock = clock;
    this.local = first.local;
    this.counts = first.counts;
    this.#adopt(CONE, first);
  }

  /** @throws Error of the operating system when there is no port to be had on `host`. */
  static async open(kind: NatBehaviour, host: string, clock: Clock): Promise<NatSocket> {
    return new NatSocket(kind, await UdpSocket.bind({ host, port: 0 }), clock);
  }

  get kind(): NatBehaviour {
    return this.#kind;
  }

  get counters(): NatCounters {
    const { total, remotes } = this.#traffic;
    return { ...total, mappings: this.#mappings.size, remotes: Object.fromEntries(remotes) };
  }

  /**
   * Puts another router in place. `keep` is the endpoint whose mapping becomes the one of a cone: with the beacon's, what
   * the beacon knows of the node stays right. Everything else the old router knew is forgotten.
   */
  setKind(kind: NatBehaviour, keep: Endpoint | undefined): void {
    if (kind === this.#kind) return;
    const wanted = keep === undefined ? CONE : formatEndpoint(keep);
    const kept = (this.#kind === 'symmetric' ? this.#mappings.get(wanted) : undefined) ?? this.#mappings.get(CONE);
    this.#kind = kind;
    for (const mapping of this.#mappings.values()) if (mapping !== kept) void mapping.socket.close();
    this.#mappings.clear();
    if (kept === undefined) return;
    if (kind === 'symmetric') kept.contacted.clear();
    this.#mappings.set(CONE, kept);
  }

  send(bytes: Uint8Array, to: Endpoint): void {
    if (this.#closed) return;
    const key = this.#keyOf(to);
    const mapping = this.#mappings.get(key);
    if (mapping !== undefined) return this.#sendFrom(mapping, bytes, to);
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) {
      if (waiting.length < MAX_WAITING) waiting.push({ bytes, to });
    } else if (this.#waiting.size < MAX_MAPPINGS) {
      this.#waiting.set(key, [{ bytes, to }]);
      void this.#open(key);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#mappings.values()].map(({ socket }) => socket.close()));
    this.#mappings.clear();
  }

  #keyOf(remote: Endpoint): string {
    return this.#kind === 'symmetric' ? formatEndpoint(remote) : CONE;
  }

  /** Opens a port for datagrams that wait for one; by then the router may be another, so they are sent anew. */
  async #open(key: string): Promise<void> {
    const socket = await UdpSocket.bind({ host: this.local.host, port: 0 }, this.counts).catch(() => undefined);
    const waiting = this.#waiting.get(key) ?? [];
    this.#waiting.delete(key);
    if (socket === undefined) return;
    const [first] = waiting;
    const obsolete = this.#closed || first === undefined || this.#keyOf(first.to) !== key;
    if (obsolete) void socket.close();
    else this.#adopt(key, socket);
    for (const { bytes, to } of waiting) this.send(bytes, to);
  }

  #adopt(key: string, socket: UdpSocket): void {
    this.#expire();
    const mapping: Mapping = {
      socket,
      contacted: new BoundedMap(MAX_CONTACTED),
      usedAt: this.#clock.now().monotonicMs,
    };
    this.#mappings.set(key, mapping);
    socket.onDatagram = (bytes, from) => this.#receive(mapping, bytes, from);
  }

  #sendFrom(mapping: Mapping, bytes: Uint8Array, to: Endpoint): void {
    const remote = formatEndpoint(to);
    mapping.usedAt = this.#clock.now().monotonicMs;
    mapping.contacted.set(remote, to.host);
    this.#traffic.countOutgoing(remote, bytes.length);
    mapping.socket.send(bytes, to);
  }

  #receive(mapping: Mapping, bytes: Uint8Array, from: Endpoint): void {
    const remote = formatEndpoint(from);
    if (!this.#lets(mapping, from, remote)) return this.#traffic.countRefused(remote);
    mapping.usedAt = this.#clock.now().monotonicMs;
    this.#traffic.countIncoming(remote, bytes.length);
    this.onDatagram?.(bytes, from);
  }

  #lets(mapping: Mapping, from: Endpoint, remote: string): boolean {
    switch (this.#kind) {
      case 'none':
      case 'full-cone':
        return true;
      case 'restricted':
        return [...mapping.contacted.values()].includes(from.host);
      case 'port-restricted':
      case 'symmetric':
        return mapping.contacted.has(remote);
      default:
        return this.#kind satisfies never;
    }
  }

  /** Closes what was quiet for two minutes, and the quietest when there are too many. */
  #expire(): void {
    const idleSince = this.#clock.now().monotonicMs - IDLE_MS;
    const byAge = [...this.#mappings].filter(([key]) => key !== CONE).sort(([, a], [, b]) => a.usedAt - b.usedAt);
    const tooMany = byAge.length - (MAX_MAPPINGS - 1);
    for (const [index, [key, mapping]] of byAge.entries()) {
      if (mapping.usedAt > idleSince && index >= tooMany) return;
      void mapping.socket.close();
      this.#mappings.delete(key);
    }
  }
}
