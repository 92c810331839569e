import { earliest, type Instant, type Millis } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import type { PathKind, TunnelReport } from '../base/report.ts';
import { type SpanContext, silentTracer } from '../base/tracer.ts';
import { type Endpoint, formatEndpoint } from '../base/transport.ts';
import type { Connection } from '../stream/connection.ts';
import { PortTable } from '../stream/port-table.ts';
import { LIFTED_STREAM_RATES } from '../stream/stream-config.ts';
import { LIFTED_RATES } from '../tunnel/tunnel-config.ts';
import type { SessionKeys } from '../tunnel/tunnel-event.ts';
import { type Transmit, TunnelTable } from '../tunnel/tunnel-table.ts';
import { type Packet, PROTOCOL } from '../wire/packet.ts';
import type { RegistryCall, RequestOf } from '../wire/registry-request.ts';
import { BeaconRoster } from './beacon-roster.ts';
import { FlowBook } from './flow-book.ts';
import type { FlowEnds } from './flow-spans.ts';
import { Groups } from './groups.ts';
import { LayerEvents } from './layer-events.ts';
import type { NodeEvent } from './node-event.ts';
import { NodeFigures } from './node-figures.ts';
import type { DialOptions, PilotNodeOptions } from './node-options.ts';
import { PeerLookups } from './peer-lookups.ts';
import type { Answer, RegistryCaller, TracedCall } from './registry-call.ts';
import { RegistryClient } from './registry-client.ts';
import type { Memberships, NodeProfile } from './registry-profile.ts';
import { type Report, Reporter } from './reporter.ts';
import type { Service } from './service.ts';
import { ServiceHost } from './service-host.ts';
import { Trust, type TrustEvent } from './trust.ts';
import type { TrustedPeer } from './trusted-peers.ts';

/**
 * A whole Pilot node without I/O: datagrams, registry messages, commands and time go in; datagrams, registry messages,
 * events and reports come out. After each call drain `pollTransmit`, `pollRegistrySend`, `pollEvent` and `pollReports`
 * until they are empty, and come back at `nextTimeout`.
 */
export class PilotNode {
  readonly tunnels: TunnelTable;
  readonly streams: PortTable;
  readonly registry: RegistryClient;
  readonly #options: PilotNodeOptions;
  readonly #lookups: PeerLookups;
  readonly #flows: FlowBook;
  readonly #reporter: Reporter;
  readonly #trust: Trust;
  readonly #groups: Groups;
  readonly #services: ServiceHost;
  readonly #peerKeys = new Map<number, SessionKeys>();
  readonly #events: NodeEvent[] = [];
  readonly #figures: NodeFigures;
  readonly #layers: LayerEvents;
  #listenAddress: string;

  constructor(options: PilotNodeOptions, now: Instant) {
    this.#options = options;
    this.#figures = new NodeFigures(options, now.unixNano);
    this.#listenAddress = options.profile.listenAddress;
    const { identity, random, beacon, tracer, discoverIntervalMs, heartbeatMs } = options;
    const lifted = options.rateLimits === false;
    this.tunnels = new TunnelTable({
      identity,
      random,
      ...(beacon === undefined ? {} : { beacon }),
      ...(tracer === undefined ? {} : { tracer }),
      limits: { ...(lifted ? LIFTED_RATES : {}), ...options.limits },
      ...(discoverIntervalMs === undefined ? {} : { discoverIntervalMs }),
    });
    const config = { ...(lifted ? LIFTED_STREAM_RATES : {}), ...options.streams };
    this.streams = new PortTable(0, { randomBytes: random, config });
    this.registry = new RegistryClient({
      identity,
      profile: () => ({
        ...this.profile,
        memberships: this.#groups.memberships,
        trusted: this.#trust.reports,
      }),
      ...(tracer === undefined ? {} : { tracer }),
      ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
    });
    this.#flows = new FlowBook({
      tracer: tracer ?? silentTracer,
      untracedPorts: new Set(options.untracedPorts),
      endsWith: (peerNodeId) => this.#flowEnds(peerNodeId),
    });
    this.#services = new ServiceHost({
      listen: (port) => this.streams.listen(port),
      spanOf: (connection) => this.spanOf(connection),
      linkStream: (connection, context) => this.linkStream(connection, context),
    });
    this.#lookups = new PeerLookups({
      profile: options.profile,
      tunnels: this.tunnels,
      tracer: tracer ?? silentTracer,
      trustedPorts: new Set(options.trustedPorts),
      nodeId: () => this.nodeId,
      ask: (type, request, answer, at, traced) => this.registry.call(type, request, answer, at, traced),
      identityTold: (nodeId, publicKey, rotations) => this.#trust.identityTold(nodeId, publicKey, rotations),
      dialOf: (peerNodeId) => this.#flows.dialOf(peerNodeId),
    });
    const call: RegistryCaller = (type, request, answer, at) => this.registry.call(type, request, answer, at);
    this.#groups = new Groups(call, () => this.nodeId, options.memberships ?? new Map());
    const trust = {
      tunnels: this.tunnels,
      lookups: this.#lookups,
      call,
      nodeId: () => this.nodeId,
      sessionKey: (nodeId: number) => this.peerKey(nodeId),
      emit: (event: TrustEvent) => this.#events.push(event),
    };
    this.#trust = new Trust(trust, options.trusted ?? []);
    this.#reporter = new Reporter({
      node: () => this.#figures.report(this.profile, this.memberships),
      peers: () => this.tunnels.peers(),
      tunnel: (peer) => this.tunnelReport(peer),
      openFlows: () => this.#flows.openReports(),
    });
    this.#layers = new LayerEvents({
      registry: this.registry,
      tunnels: this.tunnels,
      streams: this.streams,
      services: this.#services,
      lookups: this.#lookups,
      trust: this.#trust,
      flows: this.#flows,
      reporter: this.#reporter,
      beacons: beacon && new BeaconRoster(beacon),
      peerKeys: this.#peerKeys,
      events: this.#events,
      observed: (endpoint, at) => this.#observed(endpoint, at),
    });
  }

  /** What this node is called, and where peers reach it now. */
  get profile(): NodeProfile {
    return { ...this.#options.profile, listenAddress: this.#listenAddress };
  }

  /** The groups this node wants to be a member of. */
  get memberships(): Memberships {
    return this.#groups.memberships;
  }

  get nodeId(): number {
    return this.registry.nodeId;
  }

  /** Newcomers that the trust gate turned away or made wait. */
  get gateDrops(): number {
    return this.#lookups.gateDrops;
  }

  handleDatagram(bytes: Uint8Array, from: Endpoint, now: Instant): void {
    this.tunnels.handleDatagram(bytes, from, now);
    this.#layers.settle(now);
  }

  handleRegistryOpened(now: Instant): void {
    this.registry.handleOpened(now);
    this.#layers.settle(now);
  }

  handleRegistryClosed(reason: string, now: Instant): void {
    this.registry.handleClosed(reason, now);
    this.#layers.settle(now);
  }

  handleRegistryMessage(message: Uint8Array, now: Instant): void {
    this.registry.handleMessage(message, now);
    this.#layers.settle(now);
  }

  handleTimeout(now: Instant): void {
    this.registry.handleTimeout(now);
    this.tunnels.handleTimeout(now);
    this.streams.handleTimeout(now);
    this.#services.handleTimeout(now);
    this.#layers.settle(now);
  }

  nextTimeout(): Millis | undefined {
    return earliest(
      this.registry.nextTimeout(),
      this.tunnels.nextTimeout(),
      this.streams.nextTimeout(),
      this.#services.nextTimeout(),
      this.nodeId === 0 ? undefined : this.#reporter.nextTimeout(),
    );
  }

  /** The next datagram to send. Read the clock just before each call: it stamps the packets that leave. */
  pollTransmit(now: Instant): Transmit | undefined {
    for (let packet = this.streams.pollPacket(now); packet !== undefined; packet = this.streams.pollPacket(now)) {
      this.#send(packet, now);
    }
    this.#layers.settle(now);
    return this.tunnels.pollTransmit();
  }

  pollRegistrySend(): Uint8Array | undefined {
    return this.registry.pollSend();
  }

  pollEvent(): NodeEvent | undefined {
    return this.#events.shift();
  }

  pollReports(now: Instant): Report[] {
    return this.nodeId === 0 ? [] : this.#reporter.poll(now);
  }

  /**
   * Opens a stream.
   *
   * @throws PilotError `dial.self`, `port.exhausted`, `queue.full`; `registry.unavailable` before this node has an id.
   */
  dial(options: DialOptions, now: Instant): Connection {
    if (this.nodeId === 0) throw new PilotError('registry.unavailable', 'this node is not registered yet');
    const { nodeId, groupId, port, parent } = options;
    const connection = this.streams.dial({ node: nodeId, network: groupId, port }, now);
    this.#lookups.dialled(nodeId, now);
    this.tunnels.connect(nodeId, now, this.#flows.dialled(connection, parent, now));
    this.#layers.settle(now);
    return connection;
  }

  /** Answers on a well-known port. @throws PilotError `port.in-use` */
  serve(service: Service): void {
    this.#services.serve(service);
  }

  /** What went wrong in the services, by reason. */
  get serviceFaults(): ReadonlyMap<string, number> {
    return this.#services.faults;
  }

  /** Ends the streams that services have, without waiting for their peers. */
  resetServices(now: Instant): void {
    this.#services.reset();
    this.#layers.settle(now);
  }

  /** Sends one datagram; it may be lost. Throws as `TunnelTable.send`. */
  sendDatagram(to: DialOptions, sourcePort: number, payload: Uint8Array, now: Instant): boolean {
    const packet: Packet = {
      flags: 0,
      protocol: PROTOCOL.datagram,
      source: { network: to.groupId, node: this.nodeId },
      destination: { network: to.groupId, node: to.nodeId },
      sourcePort,
      destinationPort: to.port,
      sequence: 0,
      acknowledgement: 0,
      window: 0,
      payload,
    };
    const sent = this.tunnels.send(to.nodeId, packet, now);
    this.#layers.settle(now);
    return sent;
  }

  /** A call to the registry whose answer goes to `answer`. */
  ask<T extends RegistryCall>(
    type: T,
    request: RequestOf<T>,
    answer: Answer<T>,
    now: Instant,
    traced: TracedCall = {},
  ): void {
    this.registry.call(type, request, answer, now, traced);
    this.#layers.settle(now);
  }

  /** Joins a group; it is joined again when the registry forgot. */
  join(groupId: number, token: string, answer: (failure: PilotError | undefined) => void, now: Instant): void {
    this.#groups.join(groupId, token, answer, now);
    this.#layers.settle(now);
  }

  leave(groupId: number, answer: (failure: PilotError | undefined) => void, now: Instant): void {
    this.#groups.leave(groupId, answer, now);
    this.#layers.settle(now);
  }

  /** Gives up the name before this node ends; `done` when the registry knows, or there is nothing to give up. */
  giveUpName(done: () => void, now: Instant): void {
    this.registry.giveUpName(done, now);
    this.#layers.settle(now);
  }

  /**
   * Lets a peer reach this node, and takes no other for it than who has its identity key. The registry is told now and at
   * each registration.
   *
   * @param publicKey - The key to trust, also in place of another; else the one trusted before, that of the session, or the
   *   one the registry names.
   */
  trust(peerNodeId: number, answer: Answer<'report_trust'>, now: Instant, publicKey?: Uint8Array): void {
    this.#trust.grant(peerNodeId, publicKey, answer, now);
    this.#layers.settle(now);
  }

  /** Takes the trust in a peer back, here and at the registry. */
  untrust(peerNodeId: number, answer: Answer<'revoke_trust'>, now: Instant): void {
    this.#trust.revoke(peerNodeId, answer, now);
    this.#layers.settle(now);
  }

  /** Whom this node trusts, and under which keys. */
  trustedPeers(): readonly TrustedPeer[] {
    return this.#trust.peers();
  }

  /** The key that the registry names for a trusted peer in place of the trusted one; undefined where it names that. */
  refusedKeyOf(peerNodeId: number): Uint8Array | undefined {
    return this.#trust.refusedKeyOf(peerNodeId);
  }

  /** The stream's span, for what the application does on it; undefined when it is not traced. */
  spanOf(connection: Connection): SpanContext | undefined {
    return this.#flows.spanOf(connection);
  }

  /** Links the stream's span to the context that an application message carried. */
  linkStream(connection: Connection, context: SpanContext): void {
    this.#flows.link(connection, context);
  }

  /** The identity key that the session with a peer stands on. */
  peerKey(peerNodeId: number): Uint8Array | undefined {
    return this.#peerKeys.get(peerNodeId)?.peerIdentityKey;
  }

  pathOf(peerNodeId: number): PathKind {
    return this.tunnels.measure(peerNodeId)?.path ?? 'unknown';
  }

  /** Counts a request that a service handled, for the node's report. */
  countRequest(failed: boolean): void {
    this.#figures.countRequest(failed);
  }

  tunnelReport(peerNodeId: number): TunnelReport | undefined {
    const measured = this.tunnels.measure(peerNodeId);
    return measured === undefined
      ? undefined
      : { ...measured, openStreams: this.streams.openStreams(peerNodeId).length };
  }

  #observed(endpoint: Endpoint, now: Instant): void {
    if (this.#options.followObservedEndpoint === false || this.nodeId === 0) return;
    const address = formatEndpoint(endpoint);
    if (this.#listenAddress === address) return;
    this.#listenAddress = address;
    this.registry.register(now);
  }

  #flowEnds(peerNodeId: number): FlowEnds {
    return {
      ownKey: this.#options.identity.publicKey,
      peerKey: this.#peerKeys.get(peerNodeId)?.peerIdentityKey,
      clockEpoch: () => this.#options.clockEpoch?.() ?? 0,
    };
  }

  #send(packet: Packet, now: Instant): void {
    try {
      this.tunnels.send(packet.destination.node, packet, now);
    } catch (error) {
      if (!(error instanceof PilotError)) throw error;
      // No room for another tunnel: the segment is lost like one on the way, and the stream will notice.
    }
  }
}
