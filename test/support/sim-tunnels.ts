import type { Instant, Millis } from '../../node-core/base/clock.ts';
import type { Endpoint } from '../../node-core/base/transport.ts';
import { Identity } from '../../node-core/crypto/identity.ts';
import { Beacon } from '../../node-core/rendezvous/beacon.ts';
import type { TunnelTableOptions } from '../../node-core/tunnel/tunnel-config.ts';
import type { PeerEndpoints, TunnelEvent } from '../../node-core/tunnel/tunnel-event.ts';
import { type Transmit, TunnelTable } from '../../node-core/tunnel/tunnel-table.ts';
import { type Packet, PROTOCOL } from '../../node-core/wire/packet.ts';
import type { SimNat } from './sim-nat.ts';
import { beaconMachine, type LinkOptions, type SimHost, type SimMachine, SimNetwork } from './sim-network.ts';

export const BEACON: Endpoint = { host: '9.9.9.9', port: 9001 };
const PORT = 4000;
const REGISTRY_DELAY_MS = 10;

/** What the registry of a simulation says of a node. */
interface Entry {
  key: Uint8Array;
  endpoints: PeerEndpoints;
}

/** One tunnel table with a socket, whose questions the world's registry answers, and what it told. */
export class SimPeer implements SimMachine {
  readonly nodeId: number;
  readonly table: TunnelTable;
  readonly identity: Identity;
  readonly events: TunnelEvent[] = [];
  readonly #world: TunnelWorld;

  constructor(world: TunnelWorld, nodeId: number, identity: Identity, options: Partial<TunnelTableOptions>) {
    this.#world = world;
    this.nodeId = nodeId;
    this.identity = identity;
    this.table = new TunnelTable({ identity, random: world.network.randomBytes, beacon: BEACON, ...options });
  }

  handleDatagram(bytes: Uint8Array, from: Endpoint, now: Instant): void {
    this.table.handleDatagram(bytes, from, now);
  }

  handleTimeout(now: Instant): void {
    this.table.handleTimeout(now);
  }

  nextTimeout(): Millis | undefined {
    return this.table.nextTimeout();
  }

  drain(send: (datagram: Transmit) => void): void {
    for (let event = this.table.pollEvent(); event !== undefined; event = this.table.pollEvent()) {
      this.events.push(event);
      if (event.type === 'key-needed') this.#world.lookup(event.nodeId, this);
      else if (event.type === 'endpoint-needed') this.#world.resolve(event.nodeId, this);
      else if (event.type === 'endpoint-observed') this.#world.register(this, event.endpoint);
    }
    for (let out = this.table.pollTransmit(); out !== undefined; out = this.table.pollTransmit()) send(out);
  }

  eventsOf<T extends TunnelEvent['type']>(type: T): Extract<TunnelEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<TunnelEvent, { type: T }> => event.type === type);
  }

  /** Texts of the packets that arrived. */
  get received(): string[] {
    return this.eventsOf('payload').map((event) => new TextDecoder().decode(event.packet.payload));
  }

  say(text: string, to: SimPeer): boolean {
    const taken = this.table.send(to.nodeId, datagram(this.nodeId, to.nodeId, text), this.#world.network.now);
    this.#world.network.drain();
    return taken;
  }

  pathTo(peer: SimPeer): string | undefined {
    return this.table.measure(peer.nodeId)?.path;
  }
}

/** Peers, their beacon and their registry on one simulated network. */
export class TunnelWorld {
  readonly network: SimNetwork;
  readonly beacon = new Beacon();
  readonly beaconHost: SimHost;
  readonly #entries = new Map<number, Entry>();
  #nextHost = 1;

  constructor(options: { readonly seed: number } & Partial<LinkOptions>) {
    this.network = new SimNetwork(options);
    this.beaconHost = this.network.attach(
      beaconMachine(() => this.beacon),
      BEACON,
    );
  }

  /** A registered peer at an address of its own, known to the beacon. */
  addPeer(nodeId: number, options: { nat?: SimNat; identity?: Identity } & Partial<TunnelTableOptions> = {}): SimPeer {
    const { nat, identity = Identity.create(this.network.randomBytes), ...table } = options;
    const peer = new SimPeer(this, nodeId, identity, table);
    const host = nat === undefined ? `5.0.0.${this.#nextHost}` : `10.0.0.${this.#nextHost}`;
    this.#nextHost += 1;
    this.network.attach(peer, { host, port: PORT }, nat);
    peer.table.setNodeId(nodeId, this.network.now);
    this.register(peer, { host: nat?.publicHost ?? host, port: PORT });
    this.network.runFor(100);
    return peer;
  }

  /** The same node in a new process: same identity and address, no keys. */
  restart(peer: SimPeer): SimPeer {
    const again = new SimPeer(this, peer.nodeId, peer.identity, {});
    const host = this.hostOf(peer);
    host.attached = false;
    this.network.attach(again, host.endpoint, host.nat);
    again.table.setNodeId(peer.nodeId, this.network.now);
    return again;
  }

  hostOf(peer: SimPeer): SimHost {
    return this.network.hostOf(peer);
  }

  register(peer: SimPeer, real: Endpoint): void {
    const before = this.#entries.get(peer.nodeId);
    const endpoints = before?.endpoints ?? { lan: [], relayOnly: false };
    this.#entries.set(peer.nodeId, { key: peer.identity.publicKey, endpoints: { ...endpoints, real } });
  }

  setEndpoints(peer: SimPeer, endpoints: PeerEndpoints): void {
    this.#entries.set(peer.nodeId, { key: peer.identity.publicKey, endpoints });
  }

  setKey(nodeId: number, key: Uint8Array): void {
    const entry = this.#entries.get(nodeId);
    if (entry !== undefined) entry.key = key;
  }

  lookup(nodeId: number, asker: SimPeer): void {
    this.network.schedule(REGISTRY_DELAY_MS, () => {
      asker.table.providePeerKey(nodeId, this.#entries.get(nodeId)?.key, this.network.now);
    });
  }

  resolve(nodeId: number, asker: SimPeer): void {
    this.network.schedule(REGISTRY_DELAY_MS, () => {
      asker.table.provideEndpoints(nodeId, this.#entries.get(nodeId)?.endpoints, this.network.now);
    });
  }
}

export function datagram(from: number, to: number, text: string): Packet {
  return {
    flags: 0,
    protocol: PROTOCOL.datagram,
    source: { network: 0, node: from },
    destination: { network: 0, node: to },
    sourcePort: 50_000,
    destinationPort: 7,
    sequence: 0,
    acknowledgement: 0,
    window: 0,
    payload: new TextEncoder().encode(text),
  };
}
