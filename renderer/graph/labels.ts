import type { Agent, Beacon, Tunnel } from '../../node-core/contract/graph.ts';
import type { Group } from '../../node-core/contract/group.ts';
import { agentName } from '../format/agent-name.ts';
import { formatBytes } from '../format/bytes.ts';
import { formatDuration } from '../format/duration.ts';
import { countHealth } from '../format/health-summary.ts';
import { formatCount, formatPlural } from '../format/number.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { spoken } from '../format/spoken.ts';

/** `filings-2 to fare-watch`. */
export function tunnelName(tunnel: Tunnel, agents: ReadonlyMap<number, Agent>): string {
  return `${agentName(tunnel.a, agents)} to ${agentName(tunnel.b, agents)}`;
}

/** The name of the beacon a tunnel runs through, if it is relayed and the beacon is told. */
export function beaconOf(tunnel: Tunnel, beacons: ReadonlyMap<string, Beacon>): string | undefined {
  if (tunnel.beacon === undefined) return undefined;
  return beaconNode(tunnel.beacon, beacons)?.name ?? tunnel.beacon;
}

/** A beacon by its id, or by the name under which a node reported it. */
export function beaconNode(beacon: string, beacons: ReadonlyMap<string, Beacon>): Beacon | undefined {
  return beacons.get(beacon) ?? [...beacons.values()].find((each) => each.name === beacon);
}

/** What a reader hears of an agent: name, group, health with its reason, round trip, tunnels, place in its group. */
export function agentLabel(
  agent: Agent,
  context: { readonly group: string | undefined; readonly tunnels: number; readonly item: number; readonly of: number },
): string {
  const group = context.group === undefined ? 'no group' : `group ${formatSafeText(context.group)}`;
  const rtt = agent.rtt === undefined ? '' : ` ${spoken(formatDuration(agent.rtt.value, 2))}.`;
  const place = agent.self ? '' : ` Item ${context.item} of ${context.of}.`;
  const health = `${agent.health.state}: ${formatSafeText(agent.health.reason).replace(/\.$/, '')}`;
  const who = `${formatSafeText(agent.hostname)}, ${agent.self ? 'this node' : 'agent'}, ${group}`;
  return `${who}, ${health}.${rtt} ${formatPlural(context.tunnels, 'tunnel')}.${place}`;
}

/** What a reader hears of a tunnel: ends, path, health, round trip and traffic. */
export function tunnelLabel(
  tunnel: Tunnel,
  agents: ReadonlyMap<number, Agent>,
  beacons: ReadonlyMap<string, Beacon>,
): string {
  const through = beaconOf(tunnel, beacons);
  const path =
    tunnel.path === 'relay' && through !== undefined ? `relay through ${formatSafeText(through)}` : tunnel.path;
  const rtt = tunnel.rtt === undefined ? 'round trip unknown' : spoken(formatDuration(tunnel.rtt.value, 2));
  const traffic = `${spoken(formatBytes(tunnel.bytesPerSecond))} a second`;
  return `Tunnel ${formatSafeText(tunnelName(tunnel, agents))}, ${path}, ${tunnel.health.state}, ${rtt}, ${traffic}.`;
}

/** What a reader hears of a group's container. */
export function groupLabel(group: Group, members: readonly Agent[], collapsed: boolean): string {
  const counts = countHealth(members);
  const parts = (['ok', 'degraded', 'failing', 'unknown'] as const)
    .filter((state) => counts[state] > 0)
    .map((state) => `${formatCount(counts[state])} ${state}`);
  const name = `Group ${formatSafeText(group.name)}, ${formatPlural(members.length, 'agent')}`;
  return `${[name, ...parts].join(', ')}. ${collapsed ? 'Collapsed' : 'Open'}.`;
}
