import type { Agent, Tunnel } from '../../node-core/contract/graph.ts';
import { type Filter, filterAgents, filterTunnels } from '../stores/filter.ts';
import type { GraphPicture } from '../stores/graph-store.ts';
import { homeGroup, NO_GROUP } from '../stores/home-group.ts';
import type { Focus } from '../stores/view-store.ts';
import { nodesWithin } from './focus.ts';
import type { LayoutGroup } from './layout.ts';

/** Members beyond which a group closes by itself at mid zoom. */
const COLLAPSE_OVER = 60;

export interface Scene {
  readonly agents: readonly Agent[];
  readonly tunnels: readonly Tunnel[];
  readonly groups: readonly LayoutGroup[];
  readonly beaconIds: readonly string[];
  /** Nodes that stand at half strength: the neighbours of the focused one. */
  readonly dimmed: ReadonlySet<number>;
  readonly total: { readonly agents: number; readonly tunnels: number };
}

export interface SceneChoices {
  readonly filter: Filter;
  readonly focus: Focus | undefined;
  readonly collapsed: Readonly<Record<string, boolean>>;
  /** At 1024 px groups start closed. */
  readonly startCollapsed: boolean;
}

/** What of the graph is drawn under the filter and the focus, sorted into containers. */
export function sceneOf(
  picture: Pick<GraphPicture, 'agents' | 'tunnels' | 'beacons' | 'groups'>,
  choices: SceneChoices,
): Scene {
  const filtered = filterAgents(picture.agents.values(), choices.filter, {
    groups: picture.groups,
    tunnels: picture.tunnels.values(),
  });
  const { focus } = choices;
  const distance = focus === undefined ? undefined : nodesWithin(focus.nodeId, focus.hops, picture.tunnels.values());
  const agents = filtered.filter((agent) => distance === undefined || distance.has(agent.nodeId));
  const shown = new Set(agents.map((agent) => agent.nodeId));
  const tunnels = filterTunnels(picture.tunnels.values(), choices.filter, shown).filter(
    (tunnel) => focus === undefined || focus.hops > 1 || tunnel.a === focus.nodeId || tunnel.b === focus.nodeId,
  );
  const used = new Set(tunnels.map((tunnel) => tunnel.beacon));
  const beacons = [...picture.beacons.values()].filter(
    (beacon) => focus === undefined || used.has(beacon.id) || used.has(beacon.name),
  );
  return {
    agents,
    tunnels,
    groups: containersOf(agents, choices),
    beaconIds: beacons.map((beacon) => beacon.id).sort(),
    dimmed: new Set([...(distance ?? [])].filter(([, hops]) => hops > 0).map(([nodeId]) => nodeId)),
    total: { agents: picture.agents.size, tunnels: picture.tunnels.size },
  };
}

function containersOf(agents: readonly Agent[], choices: SceneChoices): LayoutGroup[] {
  const members = new Map<number, Agent[]>();
  for (const agent of agents) {
    if (agent.self) continue;
    const home = homeGroup(agent);
    members.set(home, [...(members.get(home) ?? []), agent]);
  }
  return [...members]
    .sort(([a], [b]) => (a === NO_GROUP ? 1 : b === NO_GROUP ? -1 : a - b))
    .map(([groupId, inside]) => ({
      groupId,
      memberIds: inside.sort((a, b) => a.hostname.localeCompare(b.hostname)).map((agent) => agent.nodeId),
      collapsed:
        choices.focus === undefined &&
        (choices.collapsed[groupId] ?? (choices.startCollapsed || inside.length > COLLAPSE_OVER)),
    }));
}
