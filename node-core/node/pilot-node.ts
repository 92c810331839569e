import { earliest, type Instant, type Millis, type RandomBytes } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import type { FlowReport, PathKind, TunnelReport } from '../base/report.ts';
import { ATTR, SPAN, type Span, type SpanContext, silentTracer, type Tracer } from '../base/tracer.ts';
import { type Endpoint, formatEndpoint, parseEndpoint } from '../base/transport.ts';
import type { Identity } from '../crypto/identity.ts';
import type { Connection } from '../stream/connection.ts';
import { PortTable } from '../stream/port-table.ts';
import type { StreamConfig } from '../stream/stream-config.ts';
import type { StreamEvent } from '../stream/stream-event.ts';
import type { TunnelLimits } from '../tunnel/tunnel-config.ts';
import type { SessionKeys, TunnelEvent } from '../tunnel/tunnel-event.ts';
import { type Transmit, TunnelTable } from '../tunnel/tunnel-table.ts';
import { type Packet, PROTOCOL } from '../wire/packet.ts';
import { fromBase64, type JsonObject } from '../wire/registry-message.ts';
import { type FlowEnds, FlowSpans } from './flow-spans.ts';
import { RegistryClient, type RegistryProfile, type TracedCall } from './registry-client.ts';
import { type Report, Reporter } from './reporter.ts';
import { TrustGate } from './trust-gate.ts';

export interface PilotNodeOptions {
  readonly identity: Identity;
  readonly random: RandomBytes;
  readonly profile: RegistryProfile;
  readonly beacon?: Endpoint;
  readonly tracer?: Tracer;
  /** Counts the steps of the wall clock since start. */
  readonly clockEpoch?: () => number;
  /** Spans and reports recorded so far, and those that were lost before they left; for the node's report. */
  readonly exportCounts?: () => { readonly recorded: number; readonly dropped: number };
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
  | { readonly type: 'beacon'; readonly state: 'ok' | 'away'; readonly since: Instant; readonly rttMs?: number }
  | { readonly type: 'reply'; readonly callId: number; readonly result: JsonObject | PilotError }
  | { readonly type: 'stream'; readonly event: StreamEvent }
  | { readonly type: 'tunnel'; readonly event: TunnelEvent }
  | {
      readonly type: 'datagram';
      readonly peerNodeId: number;
      readonly groupId: number;
      readonly sourcePort: number;
      readonly port: number;
      readonly payload: Uint8Array;
    };

interface Flow {
  readonly spans: FlowSpans | undefined;
  readonly openedAt: bigint;
}

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
  readonly #tracer: Tracer;
  readonly #gate = new TrustGate();
  readonly #reporter: Reporter;
  readonly #flows = new Map<Connection, Flow>();
  readonly #untraced: ReadonlySet<number>;
  readonly #trustedPorts: ReadonlySet<number>;
  readonly #peerKeys = new Map<number, SessionKeys>();
  readonly #lastEndpoints = new Map<number, JsonObject>();
  readonly #replies = new Map<number, (result: JsonObject | PilotError, now: Instant) => void>();
  readonly #dials = new Map<number, SpanContext>();
  readonly #events: NodeEvent[] = [];
  readonly #startedAt: bigint;
  #requests = 0;
  #failures = 0;
  #gateDrops = 0;

  constructor(options: PilotNodeOptions, now: Instant) {
    this.#options = options;
    this.#tracer = options.tracer ?? silentTracer;
    this.#startedAt = now.unixNano;
    this.#untraced = new Set(options.untracedPorts);
    this.#trustedPorts = new Set(options.trustedPorts);
    const { identity, random, beacon, tracer, limits, streams, discoverIntervalMs, heartbeatMs } = options;
    this.tunnels = new TunnelTable({
      identity,
      random,
      ...(beacon === undefined ? {} : { beacon }),
      ...(tracer === undefined ? {} : { tracer }),
      ...(limits === undefined ? {} : { limits }),
      ...(discoverIntervalMs === undefined ? {} : { discoverIntervalMs }),
    });
    this.streams = new PortTable(0, { randomBytes: random, ...(streams === undefined ? {} : { config: streams }) });
    this.registry = new RegistryClient({
      identity,
      profile: options.profile,
      ...(tracer === undefined ? {} : { tracer }),
      ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
    });
    this.#reporter = new Reporter({
      node: () => this.#nodeReport(),
      peers: () => this.tunnels.peers(),
      tunnel: (peer) => this.tunnelReport(peer),
      openFlows: () =>
        [...this.#flows].flatMap(([connection, flow]) => this.#flowReport(connection, flow, 'open') ?? []),
    });
  }

  get nodeId(): number {
    return this.registry.nodeId;
  }

  /** Newcomers that the trust gate turned away or made wait. */
  get gateDrops(): number {
    return this.#gateDrops;
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
    this.#settle(now);
  }

  nextTimeout(): Millis | undefined {
    return earliest(
      this.registry.nextTimeout(),
      this.tunnels.nextTimeout(),
      this.streams.nextTimeout(),
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
    this.#gate.dialled(nodeId, now);
    const ends = this.#flowEnds(nodeId);
    const traced = !this.#untraced.has(port);
    const spans = traced ? FlowSpans.dialled(connection, ends, this.#tracer, now, parent) : undefined;
    if (spans?.dial !== undefined) this.#dials.set(nodeId, spans.dial);
    this.#flows.set(connection, { spans, openedAt: now.unixNano });
    this.tunnels.connect(nodeId, now, spans?.dial);
    this.#settle(now);
    return connection;
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
  ask(
    type: string,
    fields: JsonObject,
    answer: (result: JsonObject | PilotError, now: Instant) => void,
    now: Instant,
    traced: TracedCall = {},
  ): void {
    this.#replies.set(this.registry.call(type, fields, now, traced), answer);
    this.#settle(now);
  }

  /** Lets a peer reach this node; the registry is told at each registration again. */
  trust(peerNodeId: number, answer: (result: JsonObject | PilotError, now: Instant) => void, now: Instant): void {
    const known = this.#peerKeys.get(peerNodeId);
    const settled = (result: JsonObject | PilotError, at: Instant) => {
      if (!(result instanceof PilotError)) {
        this.registry.profile.trusted.add(peerNodeId);
        this.#gate.forget(peerNodeId);
        if (known !== undefined) this.tunnels.pin(peerNodeId, known.peerIdentityKey);
      }
      answer(result, at);
    };
    this.ask('report_trust', { node_id: this.nodeId, peer_id: peerNodeId }, settled, now);
  }

  /** The stream's span, for what the application does on it; undefined when it is not traced. */
  spanOf(connection: Connection): SpanContext | undefined {
    return this.#flows.get(connection)?.spans?.stream;
  }

  /** Links the stream's span to the context that an application message carried. */
  linkStream(connection: Connection, context: SpanContext): void {
    this.#flows.get(connection)?.spans?.link(context);
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
      case 'state':
        this.#events.push({ ...event, type: 'registry' });
        return;
      case 'reply': {
        const answer = this.#replies.get(event.callId);
        this.#replies.delete(event.callId);
        if (answer !== undefined) answer(event.result, now);
        else this.#events.push(event);
        return;
      }
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
        this.#lookUpKey(event.nodeId, now);
        return;
      case 'endpoint-needed':
        this.#resolve(event.nodeId, now);
        return;
      case 'established':
      case 'rekeyed':
        this.#peerKeys.set(event.peerNodeId, event.keys);
        if (event.type === 'rekeyed') this.streams.peerRekeyed(event.peerNodeId, now);
        else if (this.registry.profile.trusted.has(event.peerNodeId)) {
          this.tunnels.pin(event.peerNodeId, event.keys.peerIdentityKey);
        }
        break;
      case 'path-changed':
        this.#pathChanged(event, now);
        break;
      case 'closed':
        this.streams.peerGone(event.peerNodeId);
        this.#peerKeys.delete(event.peerNodeId);
        break;
      case 'endpoint-observed':
        this.#events.push({ type: 'beacon', state: 'ok', since: now, rttMs: event.rttMs });
        this.#observed(event.endpoint, now);
        return;
      case 'beacon-answered':
        this.#events.push({ type: 'beacon', state: 'ok', since: now });
        return;
      case 'beacon-away':
        this.#events.push({ type: 'beacon', state: 'away', since: event.since });
        return;
      default:
        break;
    }
    if ('peerNodeId' in event && event.peerNodeId !== undefined && event.type !== 'dropped') {
      this.#reporter.tunnelChanged(event.peerNodeId, now);
    }
    this.#events.push({ type: 'tunnel', event });
  }

  #handlePayload(event: Extract<TunnelEvent, { type: 'payload' }>, now: Instant): void {
    const { packet, peerNodeId } = event;
    if (packet.protocol === PROTOCOL.stream) {
      if (this.streams.opensStream(packet) && !this.#admits(peerNodeId, packet.destinationPort, now)) return;
      this.streams.handlePacket(packet, now);
      return;
    }
    if (packet.payload.length === 0 || !this.#admits(peerNodeId, packet.destinationPort, now)) return;
    this.#events.push({
      type: 'datagram',
      peerNodeId,
      groupId: packet.destination.network,
      sourcePort: packet.sourcePort,
      port: packet.destinationPort,
      payload: packet.payload,
    });
  }

  /** Whether a newcomer gets in. One whose standing is unknown is asked about and dropped: it will try again. */
  #admits(peer: number, port: number, now: Instant): boolean {
    const open = this.registry.profile.public && !this.#trustedPorts.has(port);
    if (open) return true;
    const verdict = this.#gate.judge(peer, port, now);
    if (verdict === 'allowed') return true;
    this.#gateDrops += 1;
    if (verdict === 'unknown' && this.#gate.mayAsk(peer, now)) {
      const fields = { node_id: this.nodeId, peer_id: peer };
      this.#askLater(
        'check_trust',
        fields,
        (result, at) => {
          if (!(result instanceof PilotError)) this.#gate.answer(peer, result.trusted === true, at);
        },
        now,
        this.#onBehalfOf(peer),
      );
    }
    return false;
  }

  #lookUpKey(nodeId: number, now: Instant): void {
    this.#askLater(
      'lookup',
      { node_id: nodeId },
      (result, at) => {
        const text = result instanceof PilotError ? undefined : result.public_key;
        this.tunnels.providePeerKey(nodeId, typeof text === 'string' ? fromBase64(text) : undefined, at);
      },
      now,
      this.#onBehalfOf(nodeId),
    );
  }

  #resolve(nodeId: number, now: Instant): void {
    const parent = this.#dials.get(nodeId);
    const tracer = parent === undefined ? silentTracer : this.#tracer; // looking for a better path is no one's request
    const span = tracer.startSpan(SPAN.resolve, {
      at: now.unixNano,
      parent,
      attributes: { [ATTR.peerNodeId]: nodeId },
    });
    const fields = { node_id: nodeId, requester_id: this.nodeId };
    this.#askLater(
      'resolve',
      fields,
      (result, at) => {
        this.#endSpan(span, result, at);
        if (!(result instanceof PilotError)) this.#lastEndpoints.set(nodeId, result);
        this.tunnels.provideEndpoints(nodeId, this.#endpointsOf(nodeId), at);
      },
      now,
      parent === undefined ? 'untraced' : { parent: span.context },
    );
  }

  /** A dial that waits for the peer, if there is one. */
  #onBehalfOf(nodeId: number): TracedCall {
    const parent = this.#dials.get(nodeId);
    return parent === undefined ? 'untraced' : { parent };
  }

  #endSpan(span: Span, result: JsonObject | PilotError, now: Instant): void {
    if (!(result instanceof PilotError)) return span.end(now.unixNano);
    span.setAttributes({ [ATTR.errorType]: result.code });
    span.end(now.unixNano, { code: 'error', message: result.message });
  }

  /** What the registry said last: while it is away, an old address is better than none. */
  #endpointsOf(nodeId: number) {
    const reply = this.#lastEndpoints.get(nodeId);
    if (reply === undefined) return undefined;
    const relayOnly = reply.relay_only === true;
    const real = !relayOnly && typeof reply.real_addr === 'string' ? parseEndpoint(reply.real_addr) : undefined;
    const theirs = Array.isArray(reply.lan_addrs) ? reply.lan_addrs : [];
    const lan = theirs.flatMap((text) => (typeof text === 'string' ? (parseEndpoint(text) ?? []) : []));
    const ours = this.registry.profile.lanAddresses.flatMap((text) => parseEndpoint(text) ?? []);
    return {
      ...(real === undefined ? {} : { real }),
      lan: lan.filter((theirLan) => ours.some((ourLan) => sharesSubnet(theirLan, ourLan))),
      relayOnly,
    };
  }

  #observed(endpoint: Endpoint, now: Instant): void {
    if (this.#options.followObservedEndpoint === false || this.nodeId === 0) return;
    const address = formatEndpoint(endpoint);
    if (this.registry.profile.listenAddress === address) return;
    this.registry.profile.listenAddress = address;
    this.registry.register(now);
  }

  #pathChanged(event: Extract<TunnelEvent, { type: 'path-changed' }>, now: Instant): void {
    const beacon = event.beacon === undefined ? undefined : formatEndpoint(event.beacon);
    const dial = this.#dials.get(event.peerNodeId);
    if (event.to === 'relay' && dial !== undefined) {
      const attributes = {
        [ATTR.peerNodeId]: event.peerNodeId,
        ...(beacon === undefined ? {} : { [ATTR.relayBeacon]: beacon }),
      };
      const span = this.#tracer.startSpan(SPAN.relayFallback, { at: event.at.unixNano, parent: dial, attributes });
      span.end(now.unixNano);
    }
    for (const connection of this.streams.openStreams(event.peerNodeId)) {
      this.#flows.get(connection)?.spans?.pathChanged(event.to, beacon, now);
    }
  }

  #handleStream(event: StreamEvent, now: Instant): void {
    const { connection } = event;
    const peer = connection.remote.node;
    switch (event.type) {
      case 'accepted': {
        const ends = this.#flowEnds(peer);
        const traced = !this.#untraced.has(event.port);
        const spans = traced ? FlowSpans.accepted(connection, ends, this.#tracer, now) : undefined;
        this.#flows.set(connection, { spans, openedAt: now.unixNano });
        break;
      }
      case 'established': {
        const flow = this.#flows.get(connection);
        const key = this.#peerKeys.get(peer)?.peerIdentityKey;
        if (key !== undefined) flow?.spans?.setPeerKey(key);
        flow?.spans?.established(this.pathOf(peer), now);
        this.#dials.delete(peer);
        this.#flowChanged(connection, 'open', now);
        break;
      }
      case 'closed': {
        const flow = this.#flows.get(connection);
        flow?.spans?.closed(event.reason, now);
        this.#flowChanged(connection, 'closed', now);
        this.#flows.delete(connection);
        if (connection.role === 'dialler') this.#dials.delete(peer);
        break;
      }
      default:
        break;
    }
    this.#events.push({ type: 'stream', event });
  }

  #flowEnds(peerNodeId: number): FlowEnds {
    return {
      ownKey: this.#options.identity.publicKey,
      peerKey: this.#peerKeys.get(peerNodeId)?.peerIdentityKey,
      clockEpoch: () => this.#options.clockEpoch?.() ?? 0,
    };
  }

  #flowChanged(connection: Connection, state: FlowReport['state'], now: Instant): void {
    const flow = this.#flows.get(connection);
    const report = flow === undefined ? undefined : this.#flowReport(connection, flow, state);
    if (report !== undefined) this.#reporter.flowChanged(report, now);
    this.#reporter.tunnelChanged(connection.remote.node, now);
  }

  #flowReport(connection: Connection, flow: Flow, state: FlowReport['state']): FlowReport | undefined {
    const flowId = flow.spans?.flowId;
    if (flowId === undefined) return undefined;
    const { role, remote, localPort, remotePort, stats } = connection;
    return {
      flowId,
      role,
      state,
      peerNodeId: remote.node,
      groupId: remote.network,
      port: role === 'dialler' ? remotePort : localPort,
      openedAt: flow.openedAt,
      bytesSent: stats.bytesSent,
      bytesReceived: stats.bytesReceived,
    };
  }

  #nodeReport() {
    const exported = this.#options.exportCounts?.() ?? { recorded: 0, dropped: 0 };
    const { hostname, tags, groups, version } = this.registry.profile;
    return {
      hostname,
      tags,
      groupIds: [...groups.keys()],
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

  /** As `ask`, from within a layer's event: what follows is settled by the loop that is running. */
  #askLater(
    type: string,
    fields: JsonObject,
    answer: (result: JsonObject | PilotError, now: Instant) => void,
    now: Instant,
    traced: TracedCall = {},
  ): void {
    this.#replies.set(this.registry.call(type, fields, now, traced), answer);
  }
}

/** Whether two IPv4 addresses lie in one /24: then a LAN path is worth a try. */
function sharesSubnet(a: Endpoint, b: Endpoint): boolean {
  const prefix = (host: string) => host.split('.').slice(0, 3).join('.');
  return a.host.split('.').length === 4 && prefix(a.host) === prefix(b.host);
}
