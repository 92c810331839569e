import type { Instant, Millis } from '../../node-core/base/clock.ts';
import type { PilotError } from '../../node-core/base/errors.ts';
import type { Endpoint } from '../../node-core/base/transport.ts';
import { Identity } from '../../node-core/crypto/identity.ts';
import { drainNode } from '../../node-core/node/drain-node.ts';
import type { NodeEvent } from '../../node-core/node/node-event.ts';
import type { PilotNodeOptions } from '../../node-core/node/node-options.ts';
import { PilotNode } from '../../node-core/node/pilot-node.ts';
import type { Memberships, NodeProfile } from '../../node-core/node/registry-profile.ts';
import type { Report } from '../../node-core/node/reporter.ts';
import type { TrustedPeer } from '../../node-core/node/trusted-peers.ts';
import { Beacon } from '../../node-core/rendezvous/beacon.ts';
import { Directory } from '../../node-core/rendezvous/directory.ts';
import { echoService } from '../../node-core/services/echo.ts';
import type { Connection } from '../../node-core/stream/connection.ts';
import type { Transmit } from '../../node-core/tunnel/tunnel-table.ts';
import { encodeRegistryReply, type JsonObject, parseRegistryMessage } from '../../node-core/wire/registry-message.ts';
import type { RegistryCall, ReplyOf, RequestOf } from '../../node-core/wire/registry-request.ts';
import type { SimNat } from './sim-nat.ts';
import { beaconMachine, type LinkOptions, type SimHost, type SimMachine, SimNetwork } from './sim-network.ts';

const BEACON: Endpoint = { host: '9.9.9.9', port: 9001 };
const ADMIN = 'sim';
const PORT = 4000;
const REGISTRY_DELAY_MS = 5;
const BEACON_REGISTERS_MS = 30_000;

/** A whole node on a simulated host, with an echo service, and what it told. */
export class SimNode implements SimMachine {
  readonly core: PilotNode;
  readonly events: NodeEvent[] = [];
  readonly reports: Report[] = [];
  /** What arrived on streams that this node dialled. */
  readonly received = new Map<Connection, Uint8Array[]>();
  readonly #world: SimWorld;
  readonly #unsent = new Map<Connection, Uint8Array>();

  constructor(world: SimWorld, options: PilotNodeOptions) {
    this.#world = world;
    this.core = new PilotNode(options, world.network.now);
    this.core.serve(echoService);
  }

  get nodeId(): number {
    return this.core.nodeId;
  }

  handleDatagram(bytes: Uint8Array, from: Endpoint, now: Instant): void {
    this.core.handleDatagram(bytes, from, now);
  }

  handleTimeout(now: Instant): void {
    this.core.handleTimeout(now);
  }

  nextTimeout(): Millis | undefined {
    return this.core.nextTimeout();
  }

  drain(send: (datagram: Transmit) => void): void {
    drainNode(this.core, {
      now: () => this.#world.network.now,
      event: (event, now) => this.#handleEvent(event, now),
      datagram: send,
      registryMessage: (message) => this.#world.askRegistry(this, message),
      reports: (reports) => this.reports.push(...reports),
    });
  }

  dial(peer: SimNode, port = echoService.port): Connection {
    const connection = this.core.dial({ nodeId: peer.nodeId, groupId: 0, port }, this.#world.network.now);
    this.received.set(connection, []);
    this.#world.network.drain();
    return connection;
  }

  /** Writes all of it as fast as the stream takes it. */
  send(connection: Connection, bytes: Uint8Array): void {
    this.#unsent.set(connection, bytes);
    this.#flush(connection, this.#world.network.now);
    this.#world.network.drain();
  }

  echoed(connection: Connection): Uint8Array {
    const parts = this.received.get(connection) ?? [];
    return Buffer.concat(parts);
  }

  closeReason(connection: Connection): string | undefined {
    for (const event of this.events) {
      if (event.type === 'stream' && event.event.type === 'closed' && event.event.connection === connection) {
        return event.event.reason;
      }
    }
    return undefined;
  }

  #handleEvent(event: NodeEvent, now: Instant): void {
    this.events.push(event);
    if (event.type === 'open-registry') this.#world.openRegistry(this);
    if (event.type === 'stream') this.#handleStream(event.event, now);
  }

  #handleStream(event: Extract<NodeEvent, { type: 'stream' }>['event'], now: Instant): void {
    const { connection } = event;
    if (event.type === 'readable' || event.type === 'ended') this.#read(connection, now);
    if (event.type === 'writable') this.#flush(connection, now);
  }

  /** Only what came on a stream that this node dialled: the others are its services'. */
  #read(connection: Connection, now: Instant): void {
    const parts = this.received.get(connection);
    if (parts === undefined) return;
    for (let bytes = connection.read(now); bytes !== undefined; bytes = connection.read(now)) parts.push(bytes);
  }

  #flush(connection: Connection, now: Instant): void {
    const bytes = this.#unsent.get(connection);
    if (bytes === undefined) return;
    const taken = connection.write(bytes, now);
    if (taken === bytes.length) this.#unsent.delete(connection);
    else this.#unsent.set(connection, bytes.subarray(taken));
  }
}

/** Whole nodes, their registry and their beacon in virtual time, from one seed. The registry's TCP loses nothing. */
export class SimWorld {
  readonly network: SimNetwork;
  beacon = new Beacon();
  directory = this.createDirectory();
  registryUp = true;
  readonly beaconHost: SimHost;
  readonly #nodes: SimNode[] = [];

  constructor(options: { readonly seed: number } & Partial<LinkOptions>) {
    this.network = new SimNetwork(options);
    this.beaconHost = this.network.attach(
      beaconMachine(() => this.beacon),
      BEACON,
    );
  }

  /** One more beacon, which the registry lists; the nodes share no other with it. */
  addBeacon(id: number, endpoint: Endpoint): SimHost {
    const beacon = new Beacon();
    let registerAt = this.network.now.monotonicMs;
    const addr = `${endpoint.host}:${endpoint.port}`;
    const machine: SimMachine = {
      ...beaconMachine(() => beacon),
      handleTimeout: (now) => {
        registerAt = now.monotonicMs + BEACON_REGISTERS_MS;
        this.directory.handle({ type: 'beacon_register', admin_token: ADMIN, beacon_id: id, addr }, endpoint, now);
      },
      nextTimeout: () => registerAt,
    };
    machine.handleTimeout(this.network.now);
    return this.network.attach(machine, endpoint);
  }

  /** A registered node on a host of its own. */
  addNode(
    options: {
      readonly nat?: SimNat;
      readonly identity?: Identity;
      readonly profile?: Partial<NodeProfile>;
      readonly memberships?: Memberships;
      readonly trusted?: readonly TrustedPeer[];
    } = {},
  ): SimNode {
    const {
      nat,
      identity = Identity.create(this.network.randomBytes),
      trusted = [],
      memberships = new Map(),
    } = options;
    const host = `${nat === undefined ? '5.0.0' : '10.0.0'}.${this.#nodes.length + 1}`;
    const profile: NodeProfile = {
      listenAddress: `${host}:${PORT}`,
      lanAddresses: [],
      version: 'sim',
      hostname: '',
      public: true,
      tags: [],
      ...options.profile,
    };
    const { randomBytes: random } = this.network;
    const node = new SimNode(this, { identity, profile, memberships, trusted, beacon: BEACON, random });
    this.#nodes.push(node);
    this.network.attach(node, { host, port: PORT }, nat);
    this.network.runUntil(() => node.nodeId !== 0, 5_000);
    this.network.runFor(200);
    return node;
  }

  /** The same node in a new process: its address stays and whom it trusts, its keys and streams do not. */
  restart(node: SimNode, identity: Identity): SimNode {
    const host = this.network.hostOf(node);
    host.attached = false;
    const { profile, memberships } = node.core;
    const { randomBytes: random } = this.network;
    const trusted = node.core.trustedPeers();
    const again = new SimNode(this, { identity, profile, memberships, trusted, beacon: BEACON, random });
    this.#nodes.push(again);
    this.network.attach(again, host.endpoint, host.nat);
    this.network.runUntil(() => again.nodeId !== 0, 5_000);
    return again;
  }

  /** The registry is back, with what this directory knows: an empty one has lost everything. */
  startRegistry(directory = this.directory): void {
    this.directory = directory;
    this.registryUp = true;
  }

  /** A registry without memory. */
  createDirectory(): Directory {
    return new Directory({ beaconAddress: `${BEACON.host}:${BEACON.port}`, adminToken: ADMIN });
  }

  /** The registry's process dies: channels break, and it answers nobody until it is back. */
  stopRegistry(): void {
    this.registryUp = false;
    for (const node of this.#nodes) node.core.handleRegistryClosed('it died', this.network.now);
    this.network.drain();
  }

  openRegistry(node: SimNode): void {
    this.network.schedule(REGISTRY_DELAY_MS, () => {
      if (this.registryUp) node.core.handleRegistryOpened(this.network.now);
      else node.core.handleRegistryClosed('nobody listens', this.network.now);
    });
  }

  askRegistry(node: SimNode, message: Uint8Array): void {
    const { endpoint, nat } = this.network.hostOf(node);
    const source = { host: nat?.publicHost ?? endpoint.host, port: 30_000 };
    this.network.schedule(REGISTRY_DELAY_MS, () => {
      if (!this.registryUp) return;
      const { reply } = this.directory.handle(parseRegistryMessage(message), source, this.network.now);
      this.network.schedule(REGISTRY_DELAY_MS, () => this.#answer(node, reply));
    });
  }

  pathBetween(a: SimNode, b: SimNode): string {
    return a.core.pathOf(b.nodeId);
  }

  /** An encrypted ping; resolves to its round trip in virtual milliseconds. */
  ping(from: SimNode, to: SimNode, withinMs: Millis): Millis {
    const pingId = from.core.tunnels.ping(to.nodeId, this.network.now, { timeoutMs: withinMs });
    const answer = () =>
      from.events.find(
        (event) => event.type === 'tunnel' && event.event.type === 'pong' && event.event.pingId === pingId,
      );
    return this.network.runUntil(() => answer() !== undefined, withinMs);
  }

  ask<T extends RegistryCall>(node: SimNode, type: T, request: RequestOf<T>): ReplyOf<T> | PilotError {
    let answer: ReplyOf<T> | PilotError | undefined;
    node.core.ask(
      type,
      request,
      (result) => {
        answer = result;
      },
      this.network.now,
    );
    this.network.runUntil(() => answer !== undefined, 6_000);
    return answer as ReplyOf<T> | PilotError;
  }

  #answer(node: SimNode, reply: JsonObject): void {
    if (this.registryUp) node.core.handleRegistryMessage(encodeRegistryReply(reply), this.network.now);
  }
}
