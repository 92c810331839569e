import { toHex } from '../base/bytes.ts';
import { type Instant, unixMillis } from '../base/clock.ts';
import { type DatagramSocket, type Endpoint, formatEndpoint } from '../base/transport.ts';
import type { CollectorEvents, DeckCollector } from '../collector-thread/deck-collector.ts';
import type { LogEntry } from '../contract/log.ts';
import type { Identity } from '../crypto/identity.ts';
import type { SystemClock } from '../io/system-clock.ts';
import type { DirectoryIndex } from '../mesh/directory-index.ts';
import { GraphNames } from '../mesh/graph-names.ts';
import { GraphState } from '../mesh/graph-state.ts';
import type { NodeEvent } from '../node/node-event.ts';
import type { Report } from '../node/reporter.ts';
import type { TrustedPeer } from '../node/trusted-peers.ts';
import { createProfile } from '../runtime/profile.ts';
import { type OpenStream, RunningNode } from '../runtime/running-node.ts';
import { createTracer, nodeResource } from '../runtime/telemetry.ts';
import { VERSION } from '../runtime/version.ts';
import { DataExchangeService } from '../services/data-exchange.ts';
import { echoService } from '../services/echo.ts';
import { formatAddress } from '../wire/address.ts';
import { PORT } from '../wire/packet.ts';
import { ActRecorder } from './acts/act-recorder.ts';
import { GroupActs } from './acts/group-acts.ts';
import { PeerActs } from './acts/peer-acts.ts';
import { TraceActs } from './acts/trace-acts.ts';
import { ClockProbe } from './clock-probe.ts';
import { DeckStatusBoard } from './deck-status.ts';
import { type DirectoryPicture, DirectoryWatch } from './directory-watch.ts';
import { describeEvent, describeKeyChanges } from './event-text.ts';
import { GraphFeed } from './graph-feed.ts';
import { LogBook } from './log-book.ts';
import { nodeStages } from './node-ledger.ts';
import { OwnRecords } from './own-records.ts';
import { PeerPinger } from './peer-pinger.ts';
import { TunnelNews } from './tunnel-news.ts';

export interface DeckOptions {
  readonly identity: Identity;
  readonly clock: SystemClock;
  readonly socket: DatagramSocket;
  /** A fixed address to register instead of the one that the beacon sees. */
  readonly endpoint: Endpoint | undefined;
  readonly registry: Endpoint;
  readonly registryFingerprint: string | undefined;
  readonly beacon: Endpoint;
  readonly hostname: string;
  /** Whom this node trusted in earlier runs. */
  readonly trusted: readonly TrustedPeer[];
  /** Keeps whom it trusts for later ones. */
  readonly keepTrusted: (peers: readonly TrustedPeer[]) => Promise<void>;
  readonly networkName: string;
  readonly public: boolean;
  readonly adminToken: string | undefined;
  readonly rateLimits: boolean;
  readonly startCollector: (events: CollectorEvents) => Promise<DeckCollector>;
}

/** The beacon is asked this often, so that the window tells the truth about it within 5 s. */
const DISCOVER_MS = 1_500;
/** Lines about a store that takes nothing are shown, but not stored: they would be more for it to refuse. */
const STORE_TROUBLE = 'collector.store';
/** Lines of earlier runs that the log begins with. */
const MOST_RECALLED = 2_000;

/** The operator's node, and everything the window shows of it and of the mesh. */
export class Deck {
  readonly node: RunningNode;
  readonly collector: DeckCollector;
  readonly graph: GraphFeed;
  readonly status: DeckStatusBoard;
  readonly log: LogBook;
  readonly acts: { readonly peer: PeerActs; readonly group: GroupActs; readonly trace: TraceActs };
  readonly #options: DeckOptions;
  readonly #state: GraphState;
  readonly #names: GraphNames;
  readonly #directory: DirectoryWatch;
  readonly #pinger: PeerPinger;
  readonly #news = new TunnelNews((entry) => this.log.add(entry));
  readonly #records: OwnRecords;
  #beaconRtt: { readonly ms: number; readonly at: number } | undefined;

  private constructor(options: DeckOptions, collector: DeckCollector, state: GraphState, log: LogBook) {
    const { identity, clock, socket, endpoint, registry, beacon, hostname, networkName } = options;
    const resource = nodeResource(hostname, identity.publicKey);
    const tracer = createTracer(resource, (span) => this.#records.addSpan(span));
    this.#options = options;
    this.#state = state;
    this.#names = new GraphNames(state);
    this.#records = new OwnRecords(collector, resource, () => this.node.nodeId !== 0);
    this.collector = collector;
    this.log = log;
    log.onAdded = (line) => {
      if (line.kind !== STORE_TROUBLE) this.#records.addLine(line);
    };
    this.graph = new GraphFeed(state, clock);
    this.status = new DeckStatusBoard(clock, {
      networkName,
      otlpHttp: collector.otlpHttp,
      ...(collector.otlpTaken === undefined ? {} : { otlpTaken: collector.otlpTaken }),
      registry: formatEndpoint(registry),
      beacon: formatEndpoint(beacon),
    });
    this.node = new RunningNode({
      identity,
      profile: createProfile({ listen: endpoint ?? socket.local, version: VERSION, hostname, public: options.public }),
      socket,
      registry,
      registryFingerprint: options.registryFingerprint,
      beacon,
      clock,
      clockEpoch: () => clock.epoch,
      tracer,
      trusted: options.trusted,
      trustedPorts: [PORT.telemetry],
      untracedPorts: [PORT.telemetry],
      followObservedEndpoint: endpoint === undefined,
      discoverIntervalMs: DISCOVER_MS,
      rateLimits: options.rateLimits,
      onEvent: (event, now) => this.#handleEvent(event, now),
      onReports: (reports) => this.#handleReports(reports),
    });
    this.#serve();
    const clockProbe = new ClockProbe(this.node, tracer, clock);
    this.graph.onDrawn = (picture) => {
      this.status.setPicture(picture);
      const changes = this.#state.takeKeyChanges();
      for (const entry of describeKeyChanges(changes, (nodeId) => this.#names.agent(nodeId))) this.log.add(entry);
      clockProbe.consider(picture.agents.values());
    };
    this.#pinger = new PeerPinger(this.node, clock, {
      answered: (nodeId, rttMs, at) => {
        const key = this.node.peerKey(nodeId);
        this.#state.pingAnswered(nodeId, rttMs, at, key && toHex(key));
        this.graph.touch();
      },
      unanswered: (nodeId, sentAt) => {
        this.#state.pingUnanswered(nodeId, sentAt);
        this.graph.touch();
      },
    });
    this.#directory = new DirectoryWatch({
      node: this.node,
      clock,
      adminToken: options.adminToken,
      onPicture: (picture) => this.#handleDirectory(picture),
      onProblem: (text) => this.#logNode('warning', 'registry.directory', text),
    });
    this.acts = this.#createActs();
  }

  /** Resolves when its collector is up; its node may not be registered yet. */
  static async start(options: DeckOptions): Promise<Deck> {
    const state = new GraphState();
    const log = new LogBook(options.clock, (nodeId) => state.keyOf(nodeId));
    const late: { deck?: Deck } = {};
    const collector = await options.startCollector({
      onReports: (rows) => {
        for (const row of rows) state.applyReport(row);
        late.deck?.graph.touch();
      },
      onFigures: (figures) => late.deck?.status.setFigures(figures),
      onClocks: (clocks) => state.setClocks(clocks),
      onProblem: (text) => log.add({ level: 'error', kind: 'collector', text, source: 'collector', actor: 'node' }),
      onTrouble: (text) => log.add({ level: 'error', kind: STORE_TROUBLE, text, source: 'collector', actor: 'node' }),
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
    await this.node.stop();
    this.#records.flush();
    await this.collector.stop();
  }

  /** All that the registry lists, page by page. */
  get listed(): Pick<DirectoryIndex, 'page'> {
    return this.#state.directory;
  }

  #createActs(): Deck['acts'] {
    const { node, collector } = this;
    const names = this.#names;
    const recorder = new ActRecorder((line) => this.log.add(line));
    return {
      peer: new PeerActs(node, names, recorder),
      group: new GroupActs({ node, names, recorder, refresh: () => this.#directory.refresh() }),
      trace: new TraceActs(collector.trace, recorder),
    };
  }

  /** The services of this node. */
  #serve(): void {
    this.node.serve(echoService);
    this.node.serve(
      new DataExchangeService(({ peerNodeId, kind, payload }) => {
        const words = `${payload.length} bytes of ${kind} from ${this.#names.agent(peerNodeId)}`;
        this.#logNode('info', 'message', words, peerNodeId);
      }),
    );
    this.node.listen(PORT.telemetry, (stream) => this.#serveTelemetry(stream));
  }

  #handleEvent(event: NodeEvent, now: Instant): void {
    const at = unixMillis(now.unixNano);
    switch (event.type) {
      case 'registered':
        this.#registered(event);
        break;
      case 'registry':
        this.status.setRegistry(event.state, unixMillis(event.since.unixNano), this.node.registryRttMs);
        if (event.state === 'ok') void this.#directory.refresh();
        break;
      case 'beacon':
        if (event.rttMs !== undefined) this.#beaconRtt = { ms: event.rttMs, at };
        this.#handleBeacon(formatEndpoint(event.endpoint), event.state, unixMillis(event.since.unixNano));
        break;
      case 'trust':
        this.#setTrust();
        void this.#keepTrusted(event.peers);
        break;
      case 'identity-changed':
        if (event.verdict !== 'refused') {
          const whose = event.verdict === 'rotated' ? 'same-node' : 'another-node';
          this.#state.keyReplaced(event.nodeId, toHex(event.after), whose, at);
        }
        this.#setTrust();
        break;
      case 'tunnel':
        if (event.event.type === 'established' || event.event.type === 'recovered') {
          this.#pinger.heard(event.event.peerNodeId);
        }
        break;
      default:
        break;
    }
    const entry = describeEvent(event, (nodeId) => this.#names.agent(nodeId));
    if (entry !== undefined) this.#news.add(entry, now.monotonicMs);
  }

  #registered({ nodeId, address }: { readonly nodeId: number; readonly address: string }): void {
    const { hostname } = this.#options;
    this.status.setSelf({ nodeId, address, hostname });
    this.collector.setSelf({ nodeId, address, publicKey: toHex(this.node.publicKey) });
    this.#setSelf();
    this.#setTrust();
    this.graph.start(nodeId);
  }

  #setTrust(): void {
    const { node } = this;
    this.#state.setTrust(
      node.trustedPeers().map(({ nodeId, publicKey }) => {
        const refused = node.refusedKeyOf(nodeId);
        return { nodeId, publicKey: toHex(publicKey), ...(refused === undefined ? {} : { changedTo: toHex(refused) }) };
      }),
    );
    this.graph.touch();
  }

  async #keepTrusted(peers: readonly TrustedPeer[]): Promise<void> {
    try {
      await this.#options.keepTrusted(peers);
    } catch (error) {
      const words = `Whom this node trusts could not be written down, and is lost when it ends: ${(error as Error).message}`;
      this.#logNode('error', 'peer.trust_unsaved', words);
    }
  }

  #setSelf(): void {
    const { profile, memberships } = this.node;
    this.#state.setSelf({
      nodeId: this.node.nodeId,
      hostname: profile.hostname,
      groupIds: [...memberships.keys()],
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
    this.#state.setDirectory(nodes, unixMillis(this.#options.clock.now().unixNano));
    this.#state.setGroups(groups);
    this.#setSelf();
    this.graph.touch();
    this.#pinger.setPeers(new Set([...nodes.map(({ nodeId }) => nodeId), ...this.node.peers()]));
  }

  #handleReports(reports: readonly Report[]): void {
    this.#news.flush(this.#options.clock.now().monotonicMs);
    this.#records.addReports(reports);
    this.status.setNodeStages(nodeStages(this.node, this.#records.recorded, this.#state.topology, this.#names));
  }

  #serveTelemetry({ duplex, peerNodeId }: OpenStream): void {
    this.#pinger.heard(peerNodeId);
    const key = this.node.peerKey(peerNodeId);
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
