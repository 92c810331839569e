import { earliest, type Instant, type Millis, type RandomBytes } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import type { FlowReport, PathKind, TunnelReport } from '../base/report.ts';
import { type SpanContext, silentTracer, type Tracer } from '../base/tracer.ts';
import { type Endpoint, formatEndpoint } from '../base/transport.ts';
import type { Identity } from '../crypto/identity.ts';
import type { Connection } from '../stream/connection.ts';
import { PortTable } from '../stream/port-table.ts';
import { LIFTED_STREAM_RATES, type StreamConfig } from '../stream/stream-config.ts';
import type { StreamEvent } from '../stream/stream-event.ts';
import { LIFTED_RATES, type TunnelLimits } from '../tunnel/tunnel-config.ts';
import type { SessionKeys, TunnelEvent } from '../tunnel/tunnel-event.ts';
import { type Transmit, TunnelTable } from '../tunnel/tunnel-table.ts';
import { type Packet, PROTOCOL } from '../wire/packet.ts';
import type { RegistryCall, RequestOf } from '../wire/registry-request.ts';
import { BeaconRoster } from './beacon-roster.ts';
import { FlowBook } from './flow-book.ts';
import type { FlowEnds } from './flow-spans.ts';
import { Groups } from './groups.ts';
import { PeerLookups } from './peer-lookups.ts';
import type { Answer, RegistryCaller, TracedCall } from './registry-call.ts';
import { RegistryClient } from './registry-client.ts';
import type { IdNews, Memberships, NodeProfile, ProfileNews } from './registry-profile.ts';
import { type Report, Reporter } from './reporter.ts';
import type { Service } from './service.ts';
import { ServiceHost } from './service-host.ts';
import { Trust, type TrustEvent } from './trust.ts';
import type { TrustedPeer } from './trusted-peers.ts';

export interface PilotNodeOptions {
  readonly identity: Identity;
  readonly random: RandomBytes;
  readonly profile: NodeProfile;
  /** Groups to be a member of from the start. */
  readonly memberships?: Memberships;
  readonly beacon?: Endpoint;
  readonly tracer?: Tracer;
  /** Counts the steps of the wall clock since start. */
  readonly clockEpoch?: () => number;
  /** Spans and reports recorded so far, and those that were lost before they left; for the node's report. */
  readonly exportCounts?: () => { readonly recorded: number; readonly dropped: number };
  /** Whom this node trusted in earlier lives; `trust` events say how it goes on. */
  readonly trusted?: readonly TrustedPeer[];
  /** Ports that only trusted peers may open, also on a public node. */
  readonly trustedPorts?: readonly number[];
  /** Ports whose streams carry telemetry: never traced, or an exporter would trace its own export for ever. */
  readonly untracedPorts?: readonly number[];
  /** False when the address was chosen by hand; else the one that the beacon sees is registered. */
  readonly followObservedEndpoint?: boolean;
  readonly heartbeatMs?: Millis;
  readonly discoverIntervalMs?: Millis;
  readonly limits?: Partial<TunnelLimits>;
  readonly streams?: Partial<StreamConfig>;
  /** False lifts what is bounded per second, beside what `limits` and `streams` say; for tests under load. */
  readonly rateLimits?: boolean;
}

export interface DialOptions {
  readonly nodeId: number;
  /** The group whose address is dialled; 0 is the backbone. */
  readonly groupId: number;
  readonly port: number;
  readonly parent?: SpanContext | undefined;
}

/** What the node tells its owner; drained with `pollEvent`. */
export type NodeEvent =
  | { readonly type: 'open-registry' }
  | { readonly type: 'close-registry' }
  | { readonly type: 'registered'; readonly nodeId: number; readonly address: string }
  | { readonly type: 'registry'; readonly state: 'ok' | 'away'; readonly since: Instant; readonly reason: string }
  | {
      readonly type: 'beacon';
      readonly endpoint: Endpoint;
      readonly state: 'ok' | 'away';
      readonly since: Instant;
      readonly rttMs?: number;
    }
  | { readonly type: 'stream'; readonly event: StreamEvent }
  | { readonly type: 'tunnel'; readonly event: TunnelEvent }
  | TrustEvent
  | ProfileNews
  | IdNews
  | {
      readonly type: 'datagram';
      readonly peerNodeId: number;
      readonly groupId: number;
      readonly sourcePort: number;
      readonly port: number;
      readonly payload: Uint8Array;
    };

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
  readonly #beacons: BeaconRoster | undefined;
  readonly #lookups: PeerLookups;
  readonly #flows: FlowBook;
  readonly #reporter: Reporter;
  readonly #trust: Trust;
  readonly #groups: Groups;
  readonly #services: ServiceHost;
  readonly #peerKeys = new Map<number, SessionKeys>();
  readonly #events: NodeEvent[] = [];
  readonly #startedAt: bigint;
  #listenAddress: string;
  #requests = 0;
  #failures = 0;

  constructor(options: PilotNodeOptions, now: Instant) {
    this.#options = options;
    this.#startedAt = now.unixNano;
    this.#listenAddress = options.profile.listenAddress;
    const { identity, random, beacon, tracer, discoverIntervalMs, heartbeatMs } = options;
    const lifted = options.rateLimits === false;
    this.#beacons = beacon && new BeaconRoster(beacon);
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
    this.#trust = this.#createTrust();
    const call: RegistryCaller = (type, request, answer, at) => this.registry.call(type, request, answer, at);
    this.#groups = new Groups(call, () => this.nodeId, options.memberships ?? new Map());
    this.#reporter = new Reporter({
      node: () => this.#nodeReport(),
      peers: () => this.tunnels.peers(),
      tunnel: (peer) => this.tunnelReport(peer),
      openFlows: () => this.#flows.openReports(),
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
    this.#settle(now);
  }

  handleRegistryOpened(now: Instant): void {
    this.registry.handleOpened(now);
    this.#settle(now);
  }

  handleRegistryClosed(reason: string, now: Instant): void {
    this.registry.handleClosed(reason, now);
    this.#settle(now);
  }

  handleRegistryMessage(message: Uint8Array, now: Instant): void {
    this.registry.handleMessage(message, now);
    this.#settle(now);
  }

  handleTimeout(now: Instant): void {
    this.registry.handleTimeout(now);
    this.tunnels.handleTimeout(now);
    this.streams.handleTimeout(now);
    this.#services.handleTimeout(now);
    this.#settle(now);
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
    this.#settle(now);
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
    this.#settle(now);
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
    this.#settle(now);
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
    this.#settle(now);
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
    this.#settle(now);
  }

  /** Joins a group; it is joined again when the registry forgot. */
  join(groupId: number, token: string, answer: (failure: PilotError | undefined) => void, now: Instant): void {
    this.#groups.join(groupId, token, answer, now);
    this.#settle(now);
  }

  leave(groupId: number, answer: (failure: PilotError | undefined) => void, now: Instant): void {
    this.#groups.leave(groupId, answer, now);
    this.#settle(now);
  }

  /** Gives up the name before this node ends; `done` when the registry knows, or there is nothing to give up. */
  giveUpName(done: () => void, now: Instant): void {
    this.registry.giveUpName(done, now);
    this.#settle(now);
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
    this.#settle(now);
  }

  /** Takes the trust in a peer back, here and at the registry. */
  untrust(peerNodeId: number, answer: Answer<'revoke_trust'>, now: Instant): void {
    this.#trust.revoke(peerNodeId, answer, now);
    this.#settle(now);
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
    this.#requests += 1;
    if (failed) this.#failures += 1;
  }

  tunnelReport(peerNodeId: number): TunnelReport | undefined {
    const measured = this.tunnels.measure(peerNodeId);
    return measured === undefined
      ? undefined
      : { ...measured, openStreams: this.streams.openStreams(peerNodeId).length };
  }

  /** Moves what one layer says to the next until all are quiet. */
  #settle(now: Instant): void {
    for (;;) {
      const registry = this.registry.pollEvent();
      if (registry !== undefined) {
        this.#handleRegistry(registry, now);
        continue;
      }
      const tunnel = this.tunnels.pollEvent();
      if (tunnel !== undefined) {
        this.#handleTunnel(tunnel, now);
        continue;
      }
      const stream = this.streams.pollEvent();
      if (stream === undefined) return;
      this.#handleStream(stream, now);
    }
  }

  #handleRegistry(event: NonNullable<ReturnType<RegistryClient['pollEvent']>>, now: Instant): void {
    switch (event.type) {
      case 'open-channel':
        this.#events.push({ type: 'open-registry' });
        return;
      case 'close-channel':
        this.#events.push({ type: 'close-registry' });
        return;
      case 'registered':
        this.tunnels.setNodeId(event.nodeId, now);
        this.streams.nodeId = event.nodeId;
        this.#events.push({ type: 'registered', nodeId: event.nodeId, address: event.address });
        return;
      case 'beacons':
        this.#beacons?.learn(event.endpoints);
        if (this.tunnels.beaconState === 'away') this.#leaveBeacon(now);
        return;
      case 'state':
        this.#events.push({ ...event, type: 'registry' });
        return;
      case 'profile':
      case 'id-lost':
      case 'id-changed':
        this.#events.push(event);
        return;
      case 'peer-key':
        this.#trust.identityTold(event.nodeId, event.publicKey, event.rotations);
        return;
      case 'answered':
        event.deliver(now);
        return;
      default:
        event satisfies never;
    }
  }

  #handleTunnel(event: TunnelEvent, now: Instant): void {
    switch (event.type) {
      case 'payload':
        this.#peerKeys.set(event.peerNodeId, event.keys);
        this.#handlePayload(event, { monotonicMs: now.monotonicMs, unixNano: event.receivedAt.unixNano });
        return;
      case 'key-needed':
        this.#lookups.lookUpKey(event.nodeId, now);
        return;
      case 'endpoint-needed':
        this.#lookups.resolve(event.nodeId, now);
        return;
      case 'established':
      case 'rekeyed':
        this.#peerKeys.set(event.peerNodeId, event.keys);
        if (event.type === 'rekeyed') this.streams.peerRekeyed(event.peerNodeId, now);
        else this.#trust.sessionUp(event.peerNodeId, event.keys.peerIdentityKey, now);
        break;
      case 'path-changed':
        this.#flows.pathChanged(event, this.streams.openStreams(event.peerNodeId), now);
        break;
      case 'closed':
        this.streams.peerGone(event.peerNodeId);
        this.#peerKeys.delete(event.peerNodeId);
        // One that never had a key was nobody's tunnel.
        if (event.last.epoch > 0) this.#reporter.tunnelClosed(event.last, now);
        this.#events.push({ type: 'tunnel', event });
        return;
      case 'endpoint-observed':
        this.#noteBeacon({ state: 'ok', since: now, rttMs: event.rttMs });
        this.#observed(event.endpoint, now);
        return;
      case 'dropped':
        return; // hostile frames are daily: `tunnels.drops()` counts them
      case 'beacon-answered':
        this.#noteBeacon({ state: 'ok', since: now });
        return;
      case 'beacon-away':
        this.#noteBeacon({ state: 'away', since: event.since });
        this.#leaveBeacon(now);
        return;
      default:
        break;
    }
    if ('peerNodeId' in event) this.#reporter.tunnelChanged(event.peerNodeId, now);
    this.#events.push({ type: 'tunnel', event });
  }

  #createTrust(): Trust {
    const { tunnels } = this;
    const host = {
      tunnels,
      lookups: () => this.#lookups,
      sessionKey: (nodeId: number) => this.peerKey(nodeId),
      report: (peerId: number, answer: Answer<'report_trust'>, now: Instant) =>
        this.registry.call('report_trust', { nodeId: this.nodeId, peerId }, answer, now),
      takeBack: (peerId: number, answer: Answer<'revoke_trust'>, now: Instant) =>
        this.registry.call('revoke_trust', { nodeId: this.nodeId, peerId }, answer, now),
      emit: (event: TrustEvent) => this.#events.push(event),
    };
    return new Trust(host, this.#options.trusted ?? []);
  }

  #noteBeacon(news: { readonly state: 'ok' | 'away'; readonly since: Instant; readonly rttMs?: number }): void {
    if (this.#beacons !== undefined) this.#events.push({ type: 'beacon', endpoint: this.#beacons.current, ...news });
  }

  /** Turns from a silent beacon to the next one, if there is one. */
  #leaveBeacon(now: Instant): void {
    const next = this.#beacons?.moveOn();
    if (next !== undefined) this.tunnels.setBeacon(next, now);
  }

  #handlePayload(event: Extract<TunnelEvent, { type: 'payload' }>, now: Instant): void {
    const { packet, peerNodeId } = event;
    if (packet.protocol === PROTOCOL.stream) {
      if (this.streams.opensStream(packet) && !this.#lookups.admits(peerNodeId, packet.destinationPort, now)) return;
      this.streams.handlePacket(packet, now);
      return;
    }
    if (packet.payload.length === 0 || !this.#lookups.admits(peerNodeId, packet.destinationPort, now)) return;
    this.#events.push({
      type: 'datagram',
      peerNodeId,
      groupId: packet.destination.network,
      sourcePort: packet.sourcePort,
      port: packet.destinationPort,
      payload: packet.payload,
    });
  }

  #observed(endpoint: Endpoint, now: Instant): void {
    if (this.#options.followObservedEndpoint === false || this.nodeId === 0) return;
    const address = formatEndpoint(endpoint);
    if (this.#listenAddress === address) return;
    this.#listenAddress = address;
    this.registry.register(now);
  }

  #handleStream(event: StreamEvent, now: Instant): void {
    const { connection } = event;
    const peer = connection.remote.node;
    switch (event.type) {
      case 'accepted':
        this.#flows.accepted(connection, now);
        break;
      case 'established':
        this.#flows.established(connection, this.pathOf(peer), now);
        this.#flowChanged(this.#flows.reportOf(connection, 'open'), peer, now);
        break;
      case 'closed':
        this.#flowChanged(this.#flows.closed(connection, event.reason, now), peer, now);
        break;
      default:
        break;
    }
    this.#events.push({ type: 'stream', event });
    this.#services.handle(event, now);
  }

  #flowEnds(peerNodeId: number): FlowEnds {
    return {
      ownKey: this.#options.identity.publicKey,
      peerKey: this.#peerKeys.get(peerNodeId)?.peerIdentityKey,
      clockEpoch: () => this.#options.clockEpoch?.() ?? 0,
    };
  }

  #flowChanged(report: FlowReport | undefined, peerNodeId: number, now: Instant): void {
    if (report !== undefined) this.#reporter.flowChanged(report, now);
    this.#reporter.tunnelChanged(peerNodeId, now);
  }

  #nodeReport() {
    const exported = this.#options.exportCounts?.() ?? { recorded: 0, dropped: 0 };
    const { hostname, tags, version } = this.profile;
    return {
      hostname,
      tags,
      groupIds: [...this.memberships.keys()],
      version,
      startedAt: this.#startedAt,
      clockEpoch: this.#options.clockEpoch?.() ?? 0,
      requests: this.#requests,
      failures: this.#failures,
      recorded: exported.recorded,
      exportDropped: exported.dropped,
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
