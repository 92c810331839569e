import type { Agent, Beacon, OpenFlow, Tunnel, TunnelSide } from '../contract/graph.ts';
import type { Group } from '../contract/group.ts';
import { formatAddress } from '../wire/address.ts';
import {
  type GraphFacts,
  type GroupFact,
  hostnameOf,
  lastHeardOf,
  leadingSide,
  MEASURED_HERE,
  sourceName,
} from './graph-facts.ts';
import { continueHealth, judgeHealth, SILENT_AFTER_MS } from './health.ts';
import { type FlowFacts, isStraight, type TunnelFacts, type TunnelSideFacts, tunnelId } from './topology.ts';

type Told = NonNullable<Agent['rtt']>;

/** A node counts as one that reports while its last report is younger than this. */
export const REPORTS_FOR_MS = 60_000;

export function drawAgent(
  facts: GraphFacts,
  nodeId: number,
  leftAt: number | undefined,
  previous: Agent | undefined,
  now: number,
): Agent {
  const self = facts.self?.nodeId === nodeId ? facts.self : undefined;
  const lastHeard = self === undefined ? lastHeardOf(facts, nodeId) : undefined;
  const listed = self ?? facts.directory.get(nodeId);
  const node = facts.topology.nodes.get(nodeId);
  const liveness = facts.liveness.get(nodeId);
  const own = ownTunnelSide(facts, nodeId);
  const silentSince = self === undefined ? liveness?.silentSince(lastHeard) : undefined;
  const judged = judgeHealth(
    {
      lastEvidenceAt: self === undefined ? lastHeard : now,
      silentSince,
      requests: node?.requests.increase(now),
      failures: node?.failures.increase(now),
      lossRatio: own?.report.lossRatio,
      p95Ms: liveness?.latency.p95Ms(now),
      p95HourMs: liveness?.latency.p95HourMs(now),
      fellAt: own?.fellAt,
    },
    now,
  );
  const silent = silentSince !== undefined && now - silentSince >= SILENT_AFTER_MS;
  const told = (value: number): Told => ({ value, source: sourceName(facts, nodeId), at: node?.at ?? now });
  return {
    nodeId,
    address: formatAddress({ network: 0, node: nodeId }),
    hostname: hostnameOf(facts, nodeId) ?? '',
    self: self !== undefined,
    groupIds: [...(listed?.groupIds ?? node?.report.groupIds ?? [])].sort((a, b) => a - b),
    tags: [...(listed?.tags ?? node?.report.tags ?? [])],
    health: continueHealth(previous?.health, judged, now),
    live: self !== undefined || (liveness?.lastPongAt !== undefined && !silent),
    reports: self !== undefined || (node !== undefined && now - node.at < REPORTS_FOR_MS),
    authenticated: facts.keys.isProven(nodeId),
    ...optional('version', node?.report.version ?? self?.version),
    ...optional('public', listed?.public),
    ...optional('publicKey', facts.keys.keyOf(nodeId)),
    ...optional('trust', drawTrust(facts, nodeId)),
    ...optional('rtt', ownRtt(own, liveness?.lastRttMs, liveness?.lastPongAt)),
    ...optional('loss', toldFrom(own?.report.lossRatio, MEASURED_HERE, own?.at)),
    ...optional('lastHeard', lastHeard),
    ...optional('clock', clockOf(facts, nodeId)),
    ...optional('requests', node === undefined ? undefined : told(node.report.requests)),
    ...optional('failures', node === undefined ? undefined : told(node.report.failures)),
    ...optional('leftAt', leftAt),
  };
}

export function drawTunnel(facts: GraphFacts, tunnel: TunnelFacts, previous: Tunnel | undefined, now: number): Tunnel {
  const sides = [...tunnel.sides.values()].sort((one, other) => one.reporter - other.reporter);
  const leading = leadingSide(facts, tunnel);
  const measured =
    leading?.report.rttMs === undefined ? sides.find((side) => side.report.rttMs !== undefined) : leading;
  const lossy = sides.reduce<TunnelSideFacts | undefined>(
    (worst, side) => ((side.report.lossRatio ?? -1) > (worst?.report.lossRatio ?? -1) ? side : worst),
    undefined,
  );
  const loss = leading?.report.lossRatio === undefined ? lossy : leading;
  const judged = judgeHealth(tunnelEvidence(facts, tunnel, leading, loss, now), now);
  const established = sides.some((side) => side.report.state === 'established');
  return {
    id: tunnel.id,
    a: tunnel.a,
    b: tunnel.b,
    state: established ? 'established' : 'key-exchange',
    path: leading?.report.path ?? 'unknown',
    pathSince: leading?.pathSince ?? now,
    health: continueHealth(previous?.health, judged, now),
    bytesPerSecond: Math.round(Math.max(0, ...sides.map((side) => side.traffic.perSecond(now)))),
    sides: sides.map((side) => drawSide(facts, side)),
    openStreams: Math.max(0, ...sides.map((side) => side.report.openStreams)),
    ...optional('previousPath', leading?.previousPath),
    ...optional('beacon', leading?.report.path === 'relay' ? leading.report.relayBeacon : undefined),
    ...optional('rtt', toldBySide(facts, measured, measured?.report.rttMs)),
    ...optional('loss', toldBySide(facts, loss, loss?.report.lossRatio)),
  };
}

export function drawFlow(flow: FlowFacts): OpenFlow {
  const [first] = flow.heardFrom.keys();
  return {
    flowId: flow.flowId,
    dialler: flow.dialler,
    acceptor: flow.acceptor,
    port: flow.port,
    groupId: flow.groupId,
    openedAt: flow.openedAt,
    ends: flow.heardFrom.size > 1 || first === undefined ? 'both' : first,
  };
}

export function drawGroup(group: GroupFact, agents: ReadonlyMap<number, Agent>, inner: readonly Tunnel[]): Group {
  const members = [...new Set(group.memberIds)].sort((a, b) => a - b);
  return {
    groupId: group.groupId,
    name: group.name,
    joined: group.joined,
    joinRule: group.joinRule,
    memberIds: members,
    okCount: members.filter((nodeId) => agents.get(nodeId)?.health.state === 'ok').length,
    straightTunnels: inner.filter((tunnel) => isStraight(tunnel.path)).length,
    totalTunnels: inner.length,
  };
}

/** A beacon, that we use or that others say they are relayed through, with the tunnels through it. */
export function drawBeacon(
  facts: GraphFacts,
  id: string,
  through: readonly Tunnel[],
  previous: Beacon | undefined,
  now: number,
): Beacon {
  const fact = facts.beacons.get(id);
  return {
    id,
    name: fact?.name ?? id,
    health: continueHealth(previous?.health, judgeBeacon(fact?.state), now),
    relayedTunnels: through.length,
    bytesPerSecond: through.reduce((sum, tunnel) => sum + tunnel.bytesPerSecond, 0),
    ...optional('rtt', toldFrom(fact?.rtt?.ms, MEASURED_HERE, fact?.rtt?.at)),
  };
}

function judgeBeacon(state: 'ok' | 'away' | 'connecting' | undefined): Pick<Beacon['health'], 'state' | 'reason'> {
  switch (state) {
    case 'ok':
      return { state: 'ok', reason: 'answers' };
    case 'away':
      return { state: 'failing', reason: 'does not answer' };
    case 'connecting':
      return { state: 'unknown', reason: 'not answered yet' };
    case undefined:
      return { state: 'unknown', reason: 'named by other nodes, not used by this one' };
    default:
      return state satisfies never;
  }
}

function tunnelEvidence(
  facts: GraphFacts,
  tunnel: TunnelFacts,
  leading: TunnelSideFacts | undefined,
  loss: TunnelSideFacts | undefined,
  now: number,
) {
  const self = facts.self?.nodeId;
  const peer = tunnel.a === self ? tunnel.b : tunnel.b === self ? tunnel.a : undefined;
  const liveness = peer === undefined ? undefined : facts.liveness.get(peer);
  // a tunnel between two others is silent when one of them lost all its pings and heard nothing else
  const unheard = [...tunnel.sides.values()].find((side) => side.report.lossRatio === 1);
  return {
    lastEvidenceAt: leading?.at,
    silentSince: peer === undefined ? unheard?.lastHeard : liveness?.silentSince(lastHeardOf(facts, peer)),
    lossRatio: loss?.report.lossRatio,
    p95Ms: liveness?.latency.p95Ms(now),
    p95HourMs: liveness?.latency.p95HourMs(now),
    fellAt: leading?.fellAt,
  };
}

function clockOf({ keys, clocks }: GraphFacts, nodeId: number): Agent['clock'] {
  const publicKey = keys.keyOf(nodeId);
  const estimate = publicKey === undefined ? undefined : clocks.get(publicKey);
  if (estimate === undefined) return undefined;
  const { offsetMs, boundMs, at, through } = estimate;
  return { offsetMs, boundMs, at, ...optional('through', through && [...through]) };
}

function drawSide(facts: GraphFacts, side: TunnelSideFacts): TunnelSide {
  const { report } = side;
  return {
    reporter: side.reporter,
    source: sourceName(facts, side.reporter),
    at: side.at,
    path: report.path,
    pathSince: side.pathSince,
    bytesSent: report.bytesSent,
    bytesReceived: report.bytesReceived,
    packetsSent: report.packetsSent,
    packetsReceived: report.packetsReceived,
    epoch: report.epoch,
    keySince: side.keySince,
    lastHeard: side.lastHeard,
    openStreams: report.openStreams,
    ...optional('beacon', report.relayBeacon),
    ...optional('rttMs', report.rttMs),
    ...optional('lossRatio', report.lossRatio),
  };
}

function ownTunnelSide(facts: GraphFacts, nodeId: number): TunnelSideFacts | undefined {
  const self = facts.self?.nodeId;
  if (self === undefined || self === nodeId) return undefined;
  return facts.topology.tunnels.get(tunnelId(self, nodeId))?.sides.get(self);
}

/** The smoothed round trip of our tunnel, or of the last ping while the tunnel has not reported one. */
function ownRtt(own: TunnelSideFacts | undefined, pingMs: number | undefined, pingAt: number | undefined) {
  return toldFrom(own?.report.rttMs, MEASURED_HERE, own?.at) ?? toldFrom(pingMs, MEASURED_HERE, pingAt);
}

function toldBySide(facts: GraphFacts, side: TunnelSideFacts | undefined, value: number | undefined): Told | undefined {
  return side === undefined ? undefined : toldFrom(value, sourceName(facts, side.reporter), side.at);
}

function toldFrom(value: number | undefined, source: string, at: number | undefined): Told | undefined {
  return value === undefined || at === undefined ? undefined : { value, source, at };
}

function drawTrust({ trust }: GraphFacts, nodeId: number): Agent['trust'] {
  const fact = trust.get(nodeId);
  return fact && { publicKey: fact.publicKey, ...optional('changedTo', fact.changedTo) };
}

/** A property that is there only when it has a value. */
function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: V });
}
