import { toHex } from '../base/bytes.ts';
import type { Instant } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import { type DatagramSocket, type Endpoint, formatEndpoint } from '../base/transport.ts';
import { encodeEvent } from '../collector/event-codec.ts';
import type { RecordedSpan } from '../collector/recording-tracer.ts';
import type { Resource } from '../collector/span.ts';
import type { CollectorEvents, DeckCollector } from '../collector-thread/deck-collector.ts';
import type { LogEvent } from '../contract/log.ts';
import type { LedgerStage } from '../contract/status.ts';
import type { Identity } from '../crypto/identity.ts';
import type { SystemClock } from '../io/system-clock.ts';
import { GraphState } from '../mesh/graph-state.ts';
import type { NodeEvent } from '../node/pilot-node.ts';
import type { Report } from '../node/reporter.ts';
import { createProfile, type OpenStream, RunningNode } from '../runtime/running-node.ts';
import { createTracer, encodeReport, nodeResource } from '../runtime/telemetry.ts';
import { VERSION } from '../runtime/version.ts';
import { DataExchangeService } from '../services/data-exchange.ts';
import { echoService } from '../services/echo.ts';
import { formatAddress } from '../wire/address.ts';
import { PORT } from '../wire/packet.ts';
import { ClockProbe } from './clock-probe.ts';
import { DeckStatusBoard } from './deck-status.ts';
import { type DirectoryPicture, DirectoryWatch } from './directory-watch.ts';
import { describeEvent } from './event-text.ts';
import { GraphFeed } from './graph-feed.ts';
import { LogBook, type LogEntry } from './log-book.ts';
import { PeerPinger } from './peer-pinger.ts';

export interface DeckOptions {
  readonly identity: Identity;
  readonly clock: SystemClock;
  readonly socket: DatagramSocket;
  readonly registry: Endpoint;
  readonly beacon: Endpoint;
  readonly hostname: string;
  readonly networkName: string;
  readonly adminToken: string | undefined;
  readonly rateLimits: boolean;
  readonly startCollector: (events: CollectorEvents) => Promise<DeckCollector>;
}

/** The beacon is asked this often, so that the window tells the truth about it within 5 s. */
const DISCOVER_MS = 1_500;
/** Spans and lines of the log are submitted together. */
const BATCH_MS = 100;
/** Lines of earlier runs that the log begins with. */
const MOST_RECALLED = 2_000;
/** Lines that wait for the node to be registered. */
const MOST_WAITING = 1_000;
const NANOS_PER_MS = 1_000_000n;

/** The operator's node, and everything the window shows of it and of the mesh. */
export class Deck {
  readonly node: RunningNode;
  readonly collector: DeckCollector;
  readonly graph: GraphFeed;
  readonly status: DeckStatusBoard;
  readonly log: LogBook;
  readonly #options: DeckOptions;
  readonly #state: GraphState;
  readonly #directory: DirectoryWatch;
  readonly #pinger: PeerPinger;
  readonly #resource: Resource;
  #spans: RecordedSpan[];
  /** Lines of the log that are not stored yet. */
  #lines: LogEvent[] = [];
  #recorded = 0;
  #submitTimer: ReturnType<typeof setTimeout> | undefined;
  #beaconRtt: { readonly ms: number; readonly at: number } | undefined;

  private constructor(options: DeckOptions, collector: DeckCollector, state: GraphState, log: LogBook) {
    const { identity, clock, socket, registry, beacon, hostname, networkName } = options;
    const resource = nodeResource(hostname, identity.publicKey);
    const tracer = createTracer(resource, (span) => this.#record(span));
    this.#options = options;
    this.#state = state;
    this.#spans = [];
    this.#resource = resource;
    this.collector = collector;
    this.log = log;
    log.onAdded = (line) => {
      this.#lines.push(line);
      if (this.#lines.length > MOST_WAITING) this.#lines.shift();
      this.#submitSoon();
    };
    this.graph = new GraphFeed(state, clock);
    this.status = new DeckStatusBoard(clock, {
      networkName,
      otlpHttp: collector.otlpHttp,
      registry: formatEndpoint(registry),
      beacon: formatEndpoint(beacon),
    });
    this.node = new RunningNode({
      identity,
      profile: createProfile({ listen: socket.local, version: VERSION, hostname, public: true }),
      socket,
      registry,
      beacon,
      clock,
      clockEpoch: () => clock.epoch,
      tracer,
      trustedPorts: [PORT.telemetry],
      untracedPorts: [PORT.telemetry],
      discoverIntervalMs: DISCOVER_MS,
      rateLimits: options.rateLimits,
      onEvent: (event, now) => this.#handleEvent(event, now),
      onReports: (reports) => this.#submitReports(reports),
    });
    this.node.serve(echoService);
    this.node.serve(
      new DataExchangeService((message) => {
        const from = this.nameOf(message.peerNodeId);
        this.#logNode(
          'info',
          'message',
          `${message.payload.length} bytes of ${message.kind} from ${from}`,
          message.peerNodeId,
        );
      }),
    );
    this.node.listen(PORT.telemetry, (stream) => this.#serveTelemetry(stream));
    const clockProbe = new ClockProbe(this.node, tracer, clock);
    this.graph.onDrawn = (picture) => {
      this.status.setPicture(picture);
      clockProbe.consider(picture.agents.values());
    };
    this.#pinger = new PeerPinger(this.node, {
      answered: (nodeId, rttMs, at) => {
        this.#state.pingAnswered(nodeId, rttMs, at);
        this.graph.touch();
      },
      unanswered: (nodeId, sentAt) => {
        this.#state.pingUnanswered(nodeId, sentAt);
        this.graph.touch();
      },
    });
    this.#directory = new DirectoryWatch(this.node, options.adminToken, (picture) => this.#handleDirectory(picture));
  }

  /** Resolves when its collector is up; its node may not be registered yet. */
  static async start(options: DeckOptions): Promise<Deck> {
    const state = new GraphState();
    const log = new LogBook(options.clock);
    const late: { deck?: Deck } = {};
    const collector = await options.startCollector({
      onReports: (rows) => {
        for (const row of rows) state.applyReport(row);
        late.deck?.graph.touch();
      },
      onFigures: (figures) => late.deck?.status.setFigures(figures),
      onClocks: (clocks) => state.setClocks(clocks),
      onProblem: (text) => log.add({ level: 'error', kind: 'collector', text, source: 'collector', actor: 'node' }),
    });
    await recallLog(log, collector, toHex(options.identity.publicKey));
    const deck = new Deck(options, collector, state, log);
    late.deck = deck;
    return deck;
  }

  async stop(): Promise<void> {
    this.#pinger.stop();
    this.#directory.stop();
    this.graph.stop();
    clearTimeout(this.#submitTimer);
    await this.node.stop();
    this.#submitRecords();
    await this.collector.stop();
  }

  nameOf(nodeId: number): string {
    const hostname = this.#state.hostnameOf(nodeId);
    return hostname === undefined || hostname === '' ? formatAddress({ network: 0, node: nodeId }) : hostname;
  }

  groupName(groupId: number): string {
    return this.#state.picture.groups.get(groupId)?.name ?? `group ${groupId}`;
  }

  /** The members of a group but this node; undefined for a group that is not known. */
  membersOf(groupId: number): { readonly nodeId: number; readonly hostname: string }[] | undefined {
    return this.#state.picture.groups
      .get(groupId)
      ?.memberIds.filter((nodeId) => nodeId !== this.node.nodeId)
      .map((nodeId) => ({ nodeId, hostname: this.nameOf(nodeId) }));
  }

  async ping(nodeId: number, timeoutMs: number) {
    return this.#act(
      'peer.ping',
      `Ping ${this.nameOf(nodeId)}`,
      { nodeId },
      () => this.node.ping(nodeId, timeoutMs),
      ({ rttMs, path }) => `: ${rttMs.toFixed(2)} ms, ${path}`,
    );
  }

  async trust(nodeIds: readonly number[]): Promise<void> {
    const [first] = nodeIds;
    const whom = nodeIds.length === 1 && first !== undefined ? this.nameOf(first) : `${nodeIds.length} agents`;
    const about = nodeIds.length === 1 && first !== undefined ? { nodeId: first } : {};
    await this.#act('peer.trust', `Trust ${whom}`, about, () =>
      Promise.all(nodeIds.map((nodeId) => this.node.trust(nodeId))),
    );
  }

  async join(groupId: number, token: string): Promise<void> {
    await this.#act('group.join', `Join ${this.groupName(groupId)}`, { groupId }, () => this.node.join(groupId, token));
    await this.#directory.refresh();
  }

  async leave(groupId: number): Promise<void> {
    await this.#act('group.leave', `Leave ${this.groupName(groupId)}`, { groupId }, () => this.node.leave(groupId));
    await this.#directory.refresh();
  }

  async exportTraces(traceIds: readonly string[], joined: boolean) {
    const what = traceIds.length === 1 ? `trace ${traceIds[0]?.slice(0, 8)}` : `${traceIds.length} traces`;
    return this.#act('trace.export', `Export ${what} as OTLP JSON with ${joined ? 'joined' : 'raw'} ids`, {}, () =>
      this.collector.exportTraces(traceIds, joined),
    );
  }

  /** Carries out an act of the operator; what came of it is in the log. */
  async #act<T>(
    kind: string,
    text: string,
    about: Pick<LogEntry, 'nodeId' | 'groupId'>,
    act: () => Promise<T>,
    outcome: (result: T) => string = () => '',
  ): Promise<T> {
    const entry = { kind, source: 'this node', actor: 'operator', ...about } as const;
    try {
      const result = await act();
      this.log.add({ ...entry, level: 'info', text: `${text}${outcome(result)}` });
      return result;
    } catch (error) {
      const words = error instanceof PilotError ? `${error.message} (${error.code})` : String(error);
      this.log.add({ ...entry, level: 'error', text: `${text} failed: ${words}` });
      throw error;
    }
  }

  #handleEvent(event: NodeEvent, now: Instant): void {
    const at = Number(now.unixNano / NANOS_PER_MS);
    switch (event.type) {
      case 'registered':
        this.#registered(event);
        break;
      case 'registry':
        this.status.setRegistry(
          event.state,
          Number(event.since.unixNano / NANOS_PER_MS),
          this.node.core.registry.rttMs,
        );
        break;
      case 'beacon':
        if (event.rttMs !== undefined) this.#beaconRtt = { ms: event.rttMs, at };
        this.#handleBeacon(formatEndpoint(event.endpoint), event.state, Number(event.since.unixNano / NANOS_PER_MS));
        break;
      default:
        break;
    }
    const entry = describeEvent(event, (nodeId) => this.nameOf(nodeId));
    if (entry !== undefined) this.log.add(entry);
  }

  #registered({ nodeId, address }: { readonly nodeId: number; readonly address: string }): void {
    const { hostname } = this.#options;
    this.status.setSelf({ nodeId, address, hostname });
    this.collector.setSelf({ nodeId, address, publicKey: toHex(this.node.publicKey) });
    this.#setSelf();
    this.graph.start(nodeId);
  }

  #setSelf(): void {
    const { profile } = this.node.core.registry;
    this.#state.setSelf({
      nodeId: this.node.nodeId,
      hostname: profile.hostname,
      groupIds: [...profile.groups.keys()],
      tags: profile.tags,
      version: profile.version,
      public: profile.public,
      publicKey: toHex(this.node.publicKey),
    });
  }

  #handleBeacon(id: string, state: 'ok' | 'away', since: number): void {
    const before = this.status.beacon;
    this.status.setBeacon(id, state, since);
    const rtt = this.#beaconRtt === undefined ? {} : { rtt: this.#beaconRtt };
    this.#state.setBeacons([
      { id, name: id, state: this.status.beacon.state, since: this.status.beacon.since, ...rtt },
    ]);
    this.graph.touch();
    if (before.id === id && before.state === state) return;
    const words = state === 'ok' ? `Beacon ${id} answers` : `Beacon ${id} does not answer`;
    this.#logNode(state === 'ok' ? 'info' : 'error', `beacon.${state}`, words);
  }

  #handleDirectory({ nodes, groups }: DirectoryPicture): void {
    this.#state.setDirectory(nodes);
    this.#state.setGroups(groups);
    this.#setSelf();
    this.graph.touch();
    this.#pinger.setPeers(new Set([...nodes.map(({ nodeId }) => nodeId), ...this.node.core.tunnels.peers()]));
  }

  #submitReports(reports: readonly Report[]): void {
    this.collector.submit(
      [],
      reports.map((report) => encodeReport(report, this.#resource)),
    );
    const drops = this.node.core.tunnels.drops();
    const dropped = [...drops.values()].reduce((sum, count) => sum + count, 0);
    const kept = this.node.core.tunnels
      .peers()
      .reduce((sum, peer) => sum + (this.node.core.tunnelReport(peer)?.packetsReceived ?? 0), 0);
    const frames = {
      stage: 'frames',
      received: kept + dropped,
      kept,
      dropped,
      reasons: Object.fromEntries(drops),
    } as const;
    const recorded = { received: this.#recorded, kept: this.#recorded, dropped: 0, reasons: {} };
    this.status.setNodeStages([{ stage: 'node', ...recorded }, this.#peerExports(), frames]);
  }

  /** What the exporters of our peers say they recorded and lost. */
  #peerExports(): LedgerStage {
    const reports = [...this.#state.topology.nodes.values()].filter(({ nodeId }) => nodeId !== this.node.nodeId);
    const received = reports.reduce((sum, { report }) => sum + report.recorded, 0);
    const dropped = reports.reduce((sum, { report }) => sum + report.exportDropped, 0);
    const reasons = Object.fromEntries(
      reports.flatMap(({ nodeId, report }) =>
        report.exportDropped > 0 ? [[this.nameOf(nodeId), report.exportDropped]] : [],
      ),
    );
    return { stage: 'peer export', received, kept: received - dropped, dropped, reasons };
  }

  #record(span: RecordedSpan): void {
    this.#recorded += 1;
    this.#spans.push(span);
    this.#submitSoon();
  }

  #submitSoon(): void {
    this.#submitTimer ??= setTimeout(() => this.#submitRecords(), BATCH_MS);
  }

  /** Lines wait for the node id, without which nobody could tell later that they are ours. */
  #submitRecords(): void {
    this.#submitTimer = undefined;
    const spans = this.#spans;
    this.#spans = [];
    const lines = this.node.nodeId === 0 ? [] : this.#lines.splice(0);
    if (spans.length + lines.length === 0) return;
    this.collector.submit(
      spans,
      lines.map((line) => encodeEvent(line, this.#resource)),
    );
  }

  #serveTelemetry({ duplex, peerNodeId }: OpenStream): void {
    const key = this.node.core.peerKey(peerNodeId);
    if (key === undefined) return void duplex.destroy();
    const address = formatAddress({ network: 0, node: peerNodeId });
    this.collector.serveStream(duplex, { nodeId: peerNodeId, address, publicKey: toHex(key) });
  }

  #logNode(level: LogEntry['level'], kind: string, text: string, nodeId?: number): void {
    this.log.add({
      level,
      kind,
      text,
      source: 'this node',
      actor: 'node',
      ...(nodeId === undefined ? {} : { nodeId }),
    });
  }
}

/** A deck goes on with the log that it had. Without it, it goes on as well. */
async function recallLog(log: LogBook, collector: DeckCollector, publicKey: string): Promise<void> {
  try {
    log.recall(await collector.events(publicKey, MOST_RECALLED));
  } catch (error) {
    const text = `Earlier lines of this log could not be read: ${(error as Error).message}`;
    log.add({ level: 'warning', kind: 'collector', text, source: 'collector', actor: 'node' });
  }
}
