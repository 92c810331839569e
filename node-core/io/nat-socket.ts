import type { Clock, Millis } from '../base/clock.ts';
import { type DatagramSocket, type Endpoint, formatEndpoint } from '../base/transport.ts';
import { UdpSocket } from './udp-socket.ts';

export type NatBehaviour = 'none' | 'full-cone' | 'restricted' | 'port-restricted' | 'symmetric';

export interface NatCounters {
  readonly outgoing: number;
  readonly incoming: number;
  /** Came to a mapping, and the filter did not let it in. */
  readonly refused: number;
  readonly outgoingBytes: number;
  readonly incomingBytes: number;
  readonly mappings: number;
}

/** One port on the outside, and who was spoken to from it. */
interface Mapping {
  readonly socket: UdpSocket;
  readonly contacted: Map<string, Endpoint>;
  usedAt: Millis;
}

const MAX_MAPPINGS = 256;
const MAX_WAITING = 64;
const IDLE_MS = 120_000;

/**
 * A NAT in front of one node: each mapping is a real UDP socket, so peers and beacon see what they would see of a router.
 * Symmetric: a new port for each remote endpoint. The cones: one port for all, with the filter of their kind.
 */
export class NatSocket implements DatagramSocket {
  readonly local: Endpoint;
  onDatagram: ((bytes: Uint8Array, from: Endpoint) => void) | undefined;
  readonly #clock: Clock;
  /** By remote endpoint when symmetric; the cones use the one under ''. */
  readonly #mappings = new Map<string, Mapping>();
  readonly #waiting = new Map<string, { bytes: Uint8Array; to: Endpoint }[]>();
  #kind: NatBehaviour;
  #outgoing = 0;
  #incoming = 0;
  #refused = 0;
  #outgoingBytes = 0;
  #incomingBytes = 0;
  #closed = false;

  private constructor(kind: NatBehaviour, first: UdpSocket, clock: Clock) {
    this.#kind = kind;
    this.#clock = clock;
    this.local = first.local;
    this.#adopt('', first);
  }

  static async open(kind: NatBehaviour, host: string, clock: Clock): Promise<NatSocket> {
    return new NatSocket(kind, await UdpSocket.bind({ host, port: 0 }), clock);
  }

  get kind(): NatBehaviour {
    return this.#kind;
  }

  get counters(): NatCounters {
    return {
      outgoing: this.#outgoing,
      incoming: this.#incoming,
      refused: this.#refused,
      outgoingBytes: this.#outgoingBytes,
      incomingBytes: this.#incomingBytes,
      mappings: this.#mappings.size,
    };
  }

  /**
   * Puts another router in place. `keep` is the endpoint whose mapping becomes the one of a cone: with the beacon's, what
   * the beacon knows of the node stays right.
   */
  setKind(kind: NatBehaviour, keep: Endpoint | undefined): void {
    this.#kind = kind;
    const kept = this.#mappings.get(keep === undefined ? '' : formatEndpoint(keep)) ?? this.#mappings.get('');
    for (const [key, mapping] of this.#mappings) {
      if (mapping === kept) continue;
      void mapping.socket.close();
      this.#mappings.delete(key);
    }
    if (kept === undefined) return;
    this.#mappings.clear();
    this.#mappings.set('', kept);
  }

  send(bytes: Uint8Array, to: Endpoint): void {
    if (this.#closed) return;
    const key = this.#kind === 'symmetric' ? formatEndpoint(to) : '';
    const mapping = this.#mappings.get(key);
    if (mapping !== undefined) return this.#sendFrom(mapping, bytes, to);
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) {
      this.#waiting.set(key, [{ bytes, to }]);
      void this.#open(key);
    } else if (waiting.length < MAX_WAITING) {
      waiting.push({ bytes, to });
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#mappings.values()].map(({ socket }) => socket.close()));
    this.#mappings.clear();
  }

  async #open(key: string): Promise<void> {
    const socket = await UdpSocket.bind({ host: this.local.host, port: 0 }).catch(() => undefined);
    const waiting = this.#waiting.get(key) ?? [];
    this.#waiting.delete(key);
    if (socket === undefined) return;
    if (this.#closed) return void socket.close();
    const mapping = this.#adopt(key, socket);
    for (const { bytes, to } of waiting) this.#sendFrom(mapping, bytes, to);
  }

  #adopt(key: string, socket: UdpSocket): Mapping {
    this.#expire();
    const mapping: Mapping = { socket, contacted: new Map(), usedAt: this.#clock.now().monotonicMs };
    this.#mappings.set(key, mapping);
    socket.onDatagram = (bytes, from) => this.#receive(mapping, bytes, from);
    return mapping;
  }

  #sendFrom(mapping: Mapping, bytes: Uint8Array, to: Endpoint): void {
    mapping.usedAt = this.#clock.now().monotonicMs;
    if (mapping.contacted.size < MAX_MAPPINGS) mapping.contacted.set(formatEndpoint(to), to);
    this.#outgoing += 1;
    this.#outgoingBytes += bytes.length;
    mapping.socket.send(bytes, to);
  }

  #receive(mapping: Mapping, bytes: Uint8Array, from: Endpoint): void {
    if (!this.#lets(mapping, from)) {
      this.#refused += 1;
      return;
    }
    mapping.usedAt = this.#clock.now().monotonicMs;
    this.#incoming += 1;
    this.#incomingBytes += bytes.length;
    this.onDatagram?.(bytes, from);
  }

  #lets(mapping: Mapping, from: Endpoint): boolean {
    switch (this.#kind) {
      case 'none':
      case 'full-cone':
        return true;
      case 'restricted':
        return [...mapping.contacted.values()].some(({ host }) => host === from.host);
      case 'port-restricted':
      case 'symmetric':
        return mapping.contacted.has(formatEndpoint(from));
    }
  }

  /** Closes what was quiet for two minutes, and the quietest when there are too many. */
  #expire(): void {
    const idleSince = this.#clock.now().monotonicMs - IDLE_MS;
    const byAge = [...this.#mappings].filter(([key]) => key !== '').sort(([, a], [, b]) => a.usedAt - b.usedAt);
    const tooMany = Math.max(0, this.#mappings.size - MAX_MAPPINGS);
    for (const [index, [key, mapping]] of byAge.entries()) {
      if (mapping.usedAt > idleSince && index >= tooMany) return;
      void mapping.socket.close();
      this.#mappings.delete(key);
    }
  }
}
