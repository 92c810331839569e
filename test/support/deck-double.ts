import { implement } from '@orpc/server';
import { contract } from '../../node-core/contract/contract.ts';
import type { Agent, Beacon, GraphUpdate, OpenFlow, Tunnel } from '../../node-core/contract/graph.ts';
import type { Group } from '../../node-core/contract/group.ts';
import type { LogEvent } from '../../node-core/contract/log.ts';
import type { PathKindName } from '../../node-core/contract/shapes.ts';
import type { DeckStatus } from '../../node-core/contract/status.ts';
import type { Trace, TraceSpan, TraceSummary, VolumeBucket } from '../../node-core/contract/trace.ts';
import { anUpdate } from './graph-update.ts';

/**
 * Stands in for the deck host in tests of the window: answers the contract with a small invented fleet that behaves the
 * same in every run. It holds no logic of the product; what it tells is set by its test.
 */
export interface DeckDouble {
  readonly router: ReturnType<typeof routerOf>;
  readonly calls: string[];
  /** Tells every open graph feed a change. */
  change(update: Partial<GraphUpdate>): void;
  setStatus(change: Partial<DeckStatus>): void;
  log(event: Omit<LogEvent, 'id'>): void;
}

const SELF = 0x0001_22e4;
const NAMES: Readonly<Record<number, readonly string[]>> = {
  11: ['fare-watch', 'hotels-2', 'rail-eu', 'seats-1', 'trip-plan', 'weather'],
  12: ['audit-1', 'filings-1', 'filings-2', 'fx-rates', 'ledger-a', 'risk-3'],
  13: ['certs-1', 'ct-watch', 'cve-feed', 'dns-audit', 'tls-scan', 'whois-3'],
  14: ['desk-1', 'desk-2', 'extract-2', 'papers-1', 'review-1', 'summarise-3'],
};
const GROUPS: Readonly<Record<number, string>> = { 11: 'travel', 12: 'finance', 13: 'security', 14: 'research' };
const RELAYED = new Set(['fare-watch', 'filings-2', 'summarise-3']);
const BEACON = '127.0.0.1:9001';

/** A fleet of 24 agents, `extra` more in the last group, and an operator's node, all facts as of `now`. */
export function createDeckDouble(
  now: number,
  options: { readonly empty?: boolean; readonly hostname?: string } = {},
): DeckDouble {
  const fleet = options.empty === true ? emptyFleet(now) : fleetOf(now, options.hostname);
  const status = { value: statusOf(now, fleet.agents.length) };
  const calls: string[] = [];
  const graphFeeds = new Set<(update: GraphUpdate) => void>();
  const statusFeeds = new Set<() => void>();
  const logFeeds = new Set<(events: LogEvent[]) => void>();
  const events = options.empty === true ? [] : eventsOf(now);
  let revision = 0;
  const router = routerOf({ fleet, status, calls, graphFeeds, statusFeeds, logFeeds, events, traces: tracesOf(now) });
  return {
    router,
    calls,
    change: (update) => {
      const next = anUpdate({ at: Date.now(), revision: ++revision, ...update });
      for (const push of graphFeeds) push(next);
    },
    setStatus: (change) => {
      status.value = { ...status.value, ...change };
      for (const push of statusFeeds) push();
    },
    log: (event) => {
      const numbered = { ...event, id: (events.at(-1)?.id ?? 0) + 1 };
      events.push(numbered);
      for (const push of logFeeds) push([numbered]);
    },
  };
}

interface Fleet {
  readonly agents: Agent[];
  readonly tunnels: Tunnel[];
  readonly flows: OpenFlow[];
  readonly beacons: Beacon[];
  readonly groups: Group[];
}

interface DoubleState {
  readonly fleet: Fleet;
  readonly status: { value: DeckStatus };
  readonly calls: string[];
  readonly graphFeeds: Set<(update: GraphUpdate) => void>;
  readonly statusFeeds: Set<() => void>;
  readonly logFeeds: Set<(events: LogEvent[]) => void>;
  readonly events: LogEvent[];
  readonly traces: Trace[];
}

function routerOf(state: DoubleState) {
  const os = implement(contract);
  const { fleet, calls } = state;
  return os.router({
    status: {
      watch: os.status.watch.handler(async function* ({ signal }) {
        while (signal?.aborted !== true) {
          yield { ...state.status.value, at: Date.now() };
          await pushedOr(state.statusFeeds, 1_000);
        }
      }),
    },
    graph: {
      watch: os.graph.watch.handler(async function* ({ signal }) {
        const queue = queueOf(state.graphFeeds);
        try {
          yield anUpdate({ kind: 'snapshot', at: Date.now(), revision: 0, self: SELF, ...fleet });
          while (signal?.aborted !== true) yield await queue.next();
        } finally {
          queue.end();
        }
      }),
      confirm: os.graph.confirm.handler(({ input }) => {
        calls.push(`confirm ${input.revision}`);
      }),
    },
    peer: {
      ping: os.peer.ping.handler(({ input, errors }) => {
        calls.push(`ping ${input.nodeId}`);
        const agent = fleet.agents.find((each) => each.nodeId === input.nodeId);
        if (agent?.live !== true) throw errors['peer.silent']();
        return { rttMs: 12.4, path: 'direct' as const };
      }),
      trust: os.peer.trust.handler(({ input }) => {
        calls.push(`trust ${input.nodeIds.join()}`);
      }),
    },
    group: {
      join: os.group.join.handler(({ input }) => {
        calls.push(`join ${input.groupId}`);
        pushGroup(state, input.groupId, true);
      }),
      leave: os.group.leave.handler(({ input }) => {
        calls.push(`leave ${input.groupId}`);
        pushGroup(state, input.groupId, false);
      }),
      pingAll: os.group.pingAll.handler(async function* ({ input, signal }) {
        const members = fleet.agents.filter((agent) => agent.groupIds.includes(input.groupId));
        for (let done = 0; done <= members.length && signal?.aborted !== true; done++) {
          yield { total: members.length, done, results: members.map((agent, index) => pingRow(agent, index < done)) };
          await new Promise((resolve) => setTimeout(resolve, 120));
        }
      }),
    },
    trace: {
      search: os.trace.search.handler(({ input }) => {
        const found = state.traces.filter((trace) => fits(trace, input)).slice(0, input.limit);
        return { traces: found.map(summaryOf), matched: found.length, total: state.traces.length };
      }),
      tail: os.trace.tail.handler(async function* () {
        yield [];
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      }),
      get: os.trace.get.handler(({ input, errors }) => {
        const trace = state.traces.find((each) => each.rawTraceIds.includes(input.traceId));
        if (trace === undefined) throw errors['trace.not-found']();
        return trace;
      }),
      paths: os.trace.paths.handler(({ input }) =>
        state.traces
          .filter(({ traceId }) => input.traceIds.includes(traceId))
          .map(({ traceId, durationMs, criticalPath }) => ({ traceId, durationMs, criticalPath })),
      ),
      export: os.trace.export.handler(({ input }) => {
        const spans = state.traces
          .filter((trace) => input.traceIds.includes(trace.traceId))
          .flatMap((trace) => trace.spans);
        calls.push(`export ${input.traceIds.length} ${input.joined ? 'joined' : 'raw'}`);
        const otlp = spans.map(({ traceId, spanId, name }) => ({ traceId, spanId, name }));
        return { json: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: otlp }] }] }), spans: spans.length };
      }),
      volume: os.trace.volume.handler(({ input }) => (fleet.agents.length < 2 ? [] : volumeOf(input))),
    },
    log: {
      watch: os.log.watch.handler(async function* ({ signal }) {
        const queue = queueOf(state.logFeeds);
        try {
          yield state.events;
          while (signal?.aborted !== true) yield await queue.next();
        } finally {
          queue.end();
        }
      }),
    },
  });
}

function queueOf<T>(feeds: Set<(item: T) => void>) {
  const waiting: T[] = [];
  let wake: (() => void) | undefined;
  const push = (item: T) => {
    waiting.push(item);
    wake?.();
  };
  feeds.add(push);
  return {
    next: async (): Promise<T> => {
      for (let item = waiting.shift(); ; item = waiting.shift()) {
        if (item !== undefined) return item;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    end: () => feeds.delete(push),
  };
}

async function pushedOr(feeds: Set<() => void>, ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      feeds.delete(done);
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(done, ms);
    feeds.add(done);
  });
}

function pushGroup(state: DoubleState, groupId: number, joined: boolean): void {
  const at = state.fleet.groups.findIndex((group) => group.groupId === groupId);
  const group = state.fleet.groups[at];
  if (group === undefined) return;
  const changed = { ...group, joined };
  state.fleet.groups[at] = changed;
  for (const push of state.graphFeeds) push(anUpdate({ at: Date.now(), groups: [changed] }));
}

const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0');
const addressOf = (nodeId: number): string => `0:0000.${hex(nodeId >>> 16, 4)}.${hex(nodeId & 0xffff, 4)}`;
const told = (value: number, now: number, source = 'measured here') => ({ value, source, at: now });

function emptyFleet(now: number): Fleet {
  return { agents: [selfOf(now, [])], tunnels: [], flows: [], beacons: [], groups: [] };
}

function selfOf(now: number, groupIds: number[]): Agent {
  return {
    nodeId: SELF,
    address: addressOf(SELF),
    hostname: 'flightdeck',
    self: true,
    groupIds,
    tags: [],
    version: '0.1.0',
    public: false,
    keyFingerprint: '9c4e11d27a5be0d34c7fb07a',
    health: { state: 'ok', reason: 'this node', since: now - 900_000 },
    live: true,
    reports: true,
  };
}

function fleetOf(now: number, strange: string | undefined): Fleet {
  const agents: Agent[] = [selfOf(now, [12])];
  for (const [group, names] of Object.entries(NAMES)) {
    names.forEach((name, index) => {
      agents.push(agentOf(Number(group), strange !== undefined && name === 'weather' ? strange : name, index, now));
    });
  }
  const tunnels = agents.slice(1).map((agent, index) => tunnelOf(agents[0] ?? agent, agent, index, now));
  for (const [a, b, index] of pairsOf(agents)) tunnels.push(tunnelOf(a, b, index, now));
  const relayed = tunnels.filter((tunnel) => tunnel.path === 'relay').length;
  return {
    agents,
    tunnels,
    flows: flowsOf(tunnels, now),
    beacons: [
      {
        id: BEACON,
        name: BEACON,
        health: { state: 'ok', reason: 'answers', since: now - 900_000 },
        relayedTunnels: relayed,
        bytesPerSecond: 84_000,
        rtt: told(0.41, now),
      },
    ],
    groups: Object.entries(GROUPS).map(([id, name]) => groupOf(Number(id), name, agents, tunnels)),
  };
}

function agentOf(groupId: number, hostname: string, index: number, now: number): Agent {
  const nodeId = groupId * 4_096 + index + 0x7c2d;
  const away = hostname === 'seats-1';
  const quiet = hostname === 'papers-1';
  const slow = hostname === 'filings-2';
  const health = away
    ? { state: 'failing' as const, reason: 'Silent on every path. Registry still lists it.', since: now - 48_000 }
    : slow
      ? { state: 'degraded' as const, reason: 'Relayed through 127.0.0.1:9001, was direct.', since: now - 1_020_000 }
      : quiet
        ? { state: 'unknown' as const, reason: 'Tunnel is up, no spans or traffic reported.', since: now - 360_000 }
        : { state: 'ok' as const, reason: 'Answers pings, no failures.', since: now - 900_000 };
  return {
    nodeId,
    address: addressOf(nodeId),
    hostname,
    self: false,
    groupIds: [groupId],
    tags: [hostname.replace(/-.*$/, '')],
    version: '0.1.0',
    public: true,
    keyFingerprint: hex(nodeId * 7_919, 12)
      .toLowerCase()
      .repeat(2),
    health,
    live: !away,
    reports: !quiet,
    ...(away || quiet ? {} : { rtt: told(12 + ((nodeId * 37) % 70) + 0.4, now), loss: told(slow ? 0.021 : 0, now) }),
    lastHeard: now - (away ? 48_000 : 800),
    ...(hostname === 'ct-watch' ? { clock: { offsetMs: 3_000.2, boundMs: 0.4, at: now - 14_000 } } : {}),
    requests: told(120 + index, now, hostname),
    failures: told(away ? 9 : 0, now, hostname),
  };
}

const LINKS = [
  ['desk-1', 'filings-2'],
  ['desk-1', 'ct-watch'],
  ['desk-2', 'filings-1'],
  ['desk-2', 'certs-1'],
  ['filings-2', 'fare-watch'],
  ['filings-1', 'ledger-a'],
  ['filings-2', 'fx-rates'],
  ['audit-1', 'risk-3'],
  ['ct-watch', 'certs-1'],
  ['whois-3', 'dns-audit'],
  ['trip-plan', 'hotels-2'],
  ['trip-plan', 'rail-eu'],
  ['trip-plan', 'fare-watch'],
  ['summarise-3', 'desk-1'],
  ['summarise-3', 'filings-2'],
  ['extract-2', 'review-1'],
] as const;

function pairsOf(agents: readonly Agent[]): [Agent, Agent, number][] {
  return LINKS.flatMap(([from, to], index): [Agent, Agent, number][] => {
    const a = agents.find((agent) => agent.hostname === from);
    const b = agents.find((agent) => agent.hostname === to);
    return a === undefined || b === undefined ? [] : [[a, b, index]];
  });
}

const STRAIGHT = ['lan', 'direct', 'direct', 'punched'] as const;

function tunnelOf(a: Agent, b: Agent, index: number, now: number): Tunnel {
  const [low, high] = a.nodeId < b.nodeId ? [a, b] : [b, a];
  const relayed = (RELAYED.has(a.hostname) || a.self) && RELAYED.has(b.hostname);
  const away = b.health.state === 'failing';
  const path: PathKindName = relayed ? 'relay' : away ? 'unknown' : (STRAIGHT[index % STRAIGHT.length] ?? 'direct');
  const slow = relayed && (low.hostname === 'filings-2' || high.hostname === 'filings-2') && !a.self;
  const side = {
    at: now - 900,
    path,
    pathSince: now - 1_053_000,
    ...(relayed ? { beacon: BEACON } : {}),
    rttMs: relayed ? 94 : 14,
    lossRatio: relayed ? 0.021 : 0,
    bytesSent: 1_204_331,
    bytesReceived: 804_120,
    packetsSent: 4_120,
    packetsReceived: 3_988,
    epoch: 1,
    keySince: now - 2_460_000,
    lastHeard: now - 700,
    openStreams: index % 3,
  };
  return {
    id: `${low.nodeId}-${high.nodeId}`,
    a: low.nodeId,
    b: high.nodeId,
    state: 'established',
    path,
    ...(relayed ? { previousPath: 'direct' as const, beacon: BEACON } : {}),
    pathSince: now - 1_053_000,
    health: away
      ? { state: 'failing', reason: 'Silent for 48 s.', since: now - 48_000 }
      : slow
        ? { state: 'degraded', reason: 'Fell from direct to relay 17 min ago.', since: now - 1_020_000 }
        : { state: 'ok', reason: 'Answers.', since: now - 900_000 },
    ...(away ? {} : { rtt: told(relayed ? 94 : 12 + index * 3.3, now, a.self ? 'measured here' : a.hostname) }),
    ...(away ? {} : { loss: told(relayed ? 0.021 : 0, now, a.self ? 'measured here' : a.hostname) }),
    bytesPerSecond: 300 * 2 ** (index % 12),
    sides: a.self || b.reports ? [{ ...side, reporter: a.nodeId, source: a.self ? 'measured here' : a.hostname }] : [],
    openStreams: index % 3,
  };
}

function flowsOf(tunnels: readonly Tunnel[], now: number): OpenFlow[] {
  return tunnels.flatMap((tunnel, index) =>
    Array.from({ length: tunnel.openStreams }, (_, stream): OpenFlow => {
      return {
        flowId: `${hex(index * 16 + stream, 32)}`.toLowerCase(),
        dialler: tunnel.a,
        acceptor: tunnel.b,
        port: stream === 0 ? 1_001 : 4_318,
        groupId: 0,
        openedAt: now - 12_000 * (stream + 1),
        ends: stream === 0 ? 'both' : 'dialler',
      };
    }),
  );
}

function groupOf(groupId: number, name: string, agents: readonly Agent[], tunnels: readonly Tunnel[]): Group {
  const members = agents.filter((agent) => agent.groupIds.includes(groupId));
  const ids = new Set(members.map((agent) => agent.nodeId));
  const own = tunnels.filter((tunnel) => ids.has(tunnel.a) || ids.has(tunnel.b));
  return {
    groupId,
    name,
    joined: groupId === 12,
    joinRule: groupId === 14 ? 'token' : 'open',
    memberIds: [...ids],
    okCount: members.filter((agent) => agent.health.state === 'ok').length,
    straightTunnels: own.filter((tunnel) => ['lan', 'direct', 'punched'].includes(tunnel.path)).length,
    totalTunnels: own.length,
  };
}

function statusOf(now: number, agents: number): DeckStatus {
  const known = Math.max(0, agents - 1);
  return {
    at: now,
    startedAt: now - 900_000,
    version: '0.1.0',
    networkName: 'Local network',
    self: { nodeId: SELF, address: addressOf(SELF), hostname: 'flightdeck' },
    registry: { address: '127.0.0.1:9000', state: 'ok', since: now - 900_000, rttMs: 1.8 },
    beacons: [{ id: BEACON, state: 'ok', since: now - 900_000, relayedTunnels: 6 }],
    sources: { live: known, known, away: [] },
    spansPerSecond: 312,
    ledger: [
      { stage: 'node', received: 41_212, kept: 41_212, dropped: 0, reasons: {} },
      { stage: 'ingest', received: 413_088, kept: 413_088, dropped: 0, reasons: {} },
      { stage: 'store', received: 413_088, kept: 413_088, dropped: 0, reasons: {} },
    ],
    store: { spans: 413_088, bytes: 1_800_000_000, capBytes: 20_000_000_000 },
    otlpHttp: '127.0.0.1:4318',
  };
}

function eventsOf(now: number): LogEvent[] {
  const lines: [LogEvent['level'], string, string, LogEvent['actor']][] = [
    ['info', 'node.started', 'This node is registered as flightdeck', 'node'],
    ['info', 'group.joined', 'Joined finance', 'operator'],
    ['info', 'path.changed', 'rail-eu went from relay to punched, 29 ms', 'node'],
    ['warning', 'path.changed', 'filings-2 to fare-watch fell from direct to relay', 'node'],
    ['info', 'key.renewed', 'Key renewed with 12 peers', 'node'],
    ['warning', 'source.silent', 'papers-1 stopped sending spans', 'node'],
    ['error', 'peer.silent', 'seats-1 is silent on every path', 'node'],
  ];
  return Array.from({ length: 41 }, (_, index) => {
    const [level, kind, text, actor] = lines[index % lines.length] ?? ['info', 'node.started', 'Started', 'node'];
    return { id: index + 1, at: now - (41 - index) * 20_000, level, kind, text, source: 'flightdeck', actor };
  });
}

function volumeOf(input: { fromMs: number; toMs: number; buckets: number }): VolumeBucket[] {
  const width = (input.toMs - input.fromMs) / input.buckets;
  return Array.from({ length: input.buckets }, (_, index) => ({
    at: input.fromMs + index * width,
    spans: 40 + ((index * 7_919) % 37) + Math.round(12 * Math.sin(index / 9)),
    errors: index > 76 && index < 82 ? 9 : 0,
  }));
}

function pingRow(agent: Agent, done: boolean) {
  const { nodeId, hostname } = agent;
  if (!done) return { nodeId, hostname, state: 'waiting' as const };
  if (!agent.live) return { nodeId, hostname, state: 'silent' as const };
  return { nodeId, hostname, state: 'answered' as const, rttMs: agent.rtt?.value ?? 0.2, path: 'direct' as const };
}

function fits(
  trace: Trace,
  query: { text?: string | undefined; minDurationMs?: number | undefined; status?: string | undefined },
): boolean {
  if (query.text !== undefined && !trace.title.toLowerCase().includes(query.text.toLowerCase())) return false;
  if (query.minDurationMs !== undefined && trace.durationMs < query.minDurationMs) return false;
  return query.status !== 'error' || trace.spans.some((span) => span.status === 'error');
}

function summaryOf(trace: Trace): TraceSummary {
  return {
    traceId: trace.traceId,
    rawTraceIds: trace.rawTraceIds,
    title: trace.title,
    startUnixMs: trace.startUnixMs,
    durationMs: trace.durationMs,
    spans: trace.totalSpans,
    errors: trace.spans.filter((span) => span.status === 'error').length,
    services: trace.agents.map((agent) => agent.service),
    nodeIds: trace.agents.flatMap((agent) => (agent.nodeId === undefined ? [] : [agent.nodeId])),
    groupIds: [12, 14],
  };
}

const TITLES = [
  'Issuers with a 10-K due whose certificate ends in 30 days',
  'SEC 10-K filings for issuer 0000884213',
  'Certificate records for harborline.example',
  '8-K filings since 1 Nov, semiconductors',
  'Fare change LIS to BER against FX at booking',
];

function tracesOf(now: number): Trace[] {
  return Array.from({ length: 143 }, (_, index) => {
    return traceOf(
      hex(0x4f9c_2a00 + index, 32).toLowerCase(),
      TITLES[index % TITLES.length] ?? '',
      now - 1_000 - index * 9_000,
    );
  });
}

type SpanSeed = readonly [
  parent: number,
  service: string,
  name: string,
  category: TraceSpan['category'],
  start: number,
  length: number,
  critical: boolean,
];

const SPANS: readonly SpanSeed[] = [
  [-1, 'desk-1', 'invoke_agent expiring issuers', 'container', 0, 912, false],
  [0, 'desk-1', 'chat plan', 'model', 6, 166, true],
  [0, 'desk-1', 'pilot.dial', 'setup', 174, 114, true],
  [2, 'desk-1', 'pilot.resolve', 'setup', 174, 6, false],
  [2, 'desk-1', 'pilot.key_exchange', 'setup', 180, 108, false],
  [0, 'desk-1', 'pilot.stream', 'relay', 288, 470, true],
  [5, 'filings-2', 'pilot.stream', 'relay', 306, 434, false],
  [6, 'filings-2', 'execute_tool sec.filings.search', 'container', 352, 300, false],
  [7, 'filings-2', 'wait for a free worker', 'queue', 352, 38, true],
  [7, 'filings-2', 'chat pick forms', 'model', 390, 122, true],
  [7, 'filings-2', 'GET full-text index', 'work', 512, 138, true],
  [0, 'desk-1', 'pilot.stream', 'network', 174, 190, false],
  [11, 'ct-watch', 'pilot.stream', 'network', 178, 180, false],
  [12, 'ct-watch', 'execute_tool ct.records.search', 'container', 196, 148, false],
  [13, 'ct-watch', 'query shard', 'work', 204, 60, false],
  [13, 'ct-watch', 'query shard', 'work', 206, 78, false],
  [13, 'ct-watch', 'query shard', 'work', 208, 30, false],
  [13, 'ct-watch', 'query shard 3', 'work', 204, 100, false],
  [13, 'ct-watch', 'query shard 3, again', 'work', 306, 34, false],
  [0, 'desk-1', 'pilot.stream', 'network', 758, 14, true],
  [0, 'desk-1', 'chat write answer', 'model', 774, 132, true],
];

function traceOf(traceId: string, title: string, startUnixMs: number): Trace {
  const spans = SPANS.map((seed, index) => spanOf(seed, index, traceId, startUnixMs));
  return {
    traceId,
    rawTraceIds: [traceId, traceId.replace(/^0/, 'b')],
    title,
    startUnixMs,
    durationMs: 912,
    spans,
    totalSpans: spans.length,
    agents: ['desk-1', 'filings-2', 'ct-watch'].map((service) => ({
      service,
      spans: spans.filter((span) => span.service === service).length,
    })),
    criticalPath: { model: 420, work: 162, setup: 114, relay: 114, network: 64, queue: 38 },
    notes: [],
  };
}

function spanOf(seed: SpanSeed, index: number, traceId: string, startUnixMs: number): TraceSpan {
  const [parentIndex, service, name, category, startMs, durationMs, onCriticalPath] = seed;
  const ahead = service === 'ct-watch' ? 3_000.2 : 0;
  const failed = name === 'query shard 3';
  const stream = name === 'pilot.stream';
  const acceptor = stream && service !== 'desk-1';
  const flowNumber = acceptor ? parentIndex : index;
  const startNano = BigInt(Math.round((startUnixMs + startMs + ahead) * 1e6));
  return {
    traceId: acceptor ? traceId.replace(/^0/, 'b') : traceId,
    spanId: hex(index + 1, 16).toLowerCase(),
    ...(parentIndex < 0 ? {} : { parentSpanId: hex(parentIndex + 1, 16).toLowerCase() }),
    parentIndex,
    depth: depthOf(parentIndex),
    name,
    kind: stream ? (acceptor ? 'server' : 'client') : 'internal',
    status: failed ? 'error' : 'unset',
    statusMessage: failed ? 'timeout' : '',
    service,
    groupId: service === 'desk-1' ? 14 : service === 'filings-2' ? 12 : 13,
    category,
    ...(stream ? { path: category === 'relay' ? ('relay' as const) : ('direct' as const) } : {}),
    startMs,
    durationMs,
    rawStartMs: startMs + ahead,
    startTimeUnixNano: String(startNano),
    endTimeUnixNano: String(startNano + BigInt(durationMs * 1e6)),
    clock: service === 'ct-watch' ? { state: 'moved', offsetMs: ahead, boundMs: 0.4 } : { state: 'reference' },
    ...(stream ? { flow: flowFacts(flowNumber, acceptor, index === 17) } : {}),
    attributes: stream
      ? {
          'pilot.path': category === 'relay' ? 'relay' : 'direct',
          'pilot.port': 1_001,
          'pilot.bytes.sent': 2_104,
          'pilot.bytes.received': 41_208,
          'network.transport': 'udp',
          ...(category === 'relay' ? { 'pilot.relay.beacon': BEACON } : {}),
        }
      : { 'gen_ai.tool.name': name },
    resource: { 'service.name': service },
    scope: { name: 'pilot', version: '0.1.0' },
    events: stream ? [{ name: 'pilot.syn.sent', at: startUnixMs + startMs, attributes: {} }] : [],
    links: [],
    onCriticalPath,
  };
}

function depthOf(parent: number): number {
  let depth = 0;
  for (let at = parent; at >= 0; at = SPANS[at]?.[0] ?? -1) depth++;
  return depth;
}

function flowFacts(number: number, acceptor: boolean, alone: boolean): NonNullable<TraceSpan['flow']> {
  return {
    flowId: hex(number, 32).toLowerCase(),
    role: acceptor ? 'acceptor' : 'dialler',
    otherEnd: alone ? 'not heard' : 'heard',
    joined: !alone,
  };
}
