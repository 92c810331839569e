import type { Agent, Beacon, OpenFlow, Tunnel } from '../../node-core/contract/graph.ts';
import type { Group } from '../../node-core/contract/group.ts';
import type { LogEvent } from '../../node-core/contract/log.ts';
import type { PathKindName } from '../../node-core/contract/shapes.ts';
import type { DeckStatus } from '../../node-core/contract/status.ts';

export const SELF = 0x0001_22e4;
const NAMES: Readonly<Record<number, readonly string[]>> = {
  11: ['fare-watch', 'hotels-2', 'rail-eu', 'seats-1', 'trip-plan', 'weather'],
  12: ['audit-1', 'filings-1', 'filings-2', 'fx-rates', 'ledger-a', 'risk-3'],
  13: ['certs-1', 'ct-watch', 'cve-feed', 'dns-audit', 'tls-scan', 'whois-3'],
  14: ['desk-1', 'desk-2', 'extract-2', 'papers-1', 'review-1', 'summarise-3'],
};
const GROUPS: Readonly<Record<number, string>> = { 11: 'travel', 12: 'finance', 13: 'security', 14: 'research' };
const RELAYED = new Set(['fare-watch', 'filings-2', 'summarise-3']);
export const BEACON = '127.0.0.1:9001';

/** What the graph of an invented deck holds. */
export interface Fleet {
  readonly agents: Agent[];
  readonly tunnels: Tunnel[];
  readonly flows: OpenFlow[];
  readonly beacons: Beacon[];
  readonly groups: Group[];
}

/** Upper case, filled up with zeros. */
export const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0');

const addressOf = (nodeId: number): string => `0:0000.${hex(nodeId >>> 16, 4)}.${hex(nodeId & 0xffff, 4)}`;
const told = (value: number, now: number, source = 'measured here') => ({ value, source, at: now });

/** This node alone. */
export function emptyFleet(now: number): Fleet {
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
    publicKey: '9c4e11d27a5be0d34c7fb07a'.padEnd(64, '0'),
    health: { state: 'ok', reason: 'this node', since: now - 900_000 },
    live: true,
    reports: true,
    authenticated: true,
  };
}

/** 24 agents in four groups and an operator's node. */
export function fleetOf(now: number): Fleet {
  const agents: Agent[] = [selfOf(now, [12])];
  for (const [group, names] of Object.entries(NAMES)) {
    names.forEach((name, index) => {
      agents.push(agentOf(Number(group), name, index, now));
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
    publicKey: hex(nodeId * 7_919, 16)
      .toLowerCase()
      .repeat(4),
    health,
    live: !away,
    reports: !quiet,
    authenticated: !quiet,
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

/** What such a deck says of itself. */
export function statusOf(now: number, agents: number): DeckStatus {
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

/** 41 lines of its log, 20 s apart. */
export function eventsOf(now: number): LogEvent[] {
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
