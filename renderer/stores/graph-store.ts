import { create } from 'zustand';
import type { Agent, Beacon, GraphUpdate, OpenFlow, Tunnel } from '../../node-core/contract/graph.ts';
import type { Group } from '../../node-core/contract/group.ts';
import { formatSafeText } from '../format/safe-text.ts';

/** The graph as the host last told it; every judgement in it is the host's. */
export interface GraphPicture {
  readonly loaded: boolean;
  /** Unix milliseconds of the last update. */
  readonly at: number;
  readonly self: number | undefined;
  readonly agents: ReadonlyMap<number, Agent>;
  readonly tunnels: ReadonlyMap<string, Tunnel>;
  readonly flows: ReadonlyMap<string, OpenFlow>;
  readonly beacons: ReadonlyMap<string, Beacon>;
  readonly groups: ReadonlyMap<number, Group>;
}

/** Before the first snapshot. */
export const EMPTY_PICTURE: GraphPicture = {
  loaded: false,
  at: 0,
  self: undefined,
  agents: new Map(),
  tunnels: new Map(),
  flows: new Map(),
  beacons: new Map(),
  groups: new Map(),
};

interface GraphState extends GraphPicture {
  apply(update: GraphUpdate): void;
}

/** The graph of the mesh, kept by the graph feed alone. */
export const useGraphStore = create<GraphState>()((set) => ({
  ...EMPTY_PICTURE,
  apply: (update) => set((state) => applyGraphUpdate(state, update)),
}));

/** The picture after an update. A snapshot replaces all; maps without a change stay the same objects. */
export function applyGraphUpdate(picture: GraphPicture, update: GraphUpdate): GraphPicture {
  const from = update.kind === 'snapshot' ? EMPTY_PICTURE : picture;
  return {
    loaded: true,
    at: update.at,
    self: update.self ?? from.self,
    agents: changed(from.agents, update.agents, (agent) => agent.nodeId, update.goneAgents),
    tunnels: changed(from.tunnels, update.tunnels, (tunnel) => tunnel.id, update.goneTunnels),
    flows: changed(from.flows, update.flows, (flow) => flow.flowId, update.goneFlows),
    beacons: changed(from.beacons, update.beacons, (beacon) => beacon.id, update.goneBeacons),
    groups: changed(from.groups, update.groups, (group) => group.groupId, update.goneGroups),
  };
}

/** Two updates in a row as one, no larger than the graph they describe. */
export function mergeGraphUpdates(held: GraphUpdate, next: GraphUpdate): GraphUpdate {
  if (next.kind === 'snapshot') return next;
  const agents = mergeKeyed(held.agents, held.goneAgents, next.agents, next.goneAgents, (agent) => agent.nodeId);
  const tunnels = mergeKeyed(held.tunnels, held.goneTunnels, next.tunnels, next.goneTunnels, (tunnel) => tunnel.id);
  const flows = mergeKeyed(held.flows, held.goneFlows, next.flows, next.goneFlows, (flow) => flow.flowId);
  const beacons = mergeKeyed(held.beacons, held.goneBeacons, next.beacons, next.goneBeacons, (beacon) => beacon.id);
  const groups = mergeKeyed(held.groups, held.goneGroups, next.groups, next.goneGroups, (group) => group.groupId);
  return {
    ...next,
    kind: held.kind,
    self: next.self ?? held.self,
    agents: agents.items,
    goneAgents: agents.gone,
    tunnels: tunnels.items,
    goneTunnels: tunnels.gone,
    flows: flows.items,
    goneFlows: flows.gone,
    beacons: beacons.items,
    goneBeacons: beacons.gone,
    groups: groups.items,
    goneGroups: groups.gone,
  };
}

/** What nodes are called, by their names where they are known. */
export function nodeNames(nodeIds: readonly number[], agents: ReadonlyMap<number, Agent>): string {
  return nodeIds.map((nodeId) => formatSafeText(agents.get(nodeId)?.hostname || `node ${nodeId}`)).join(' and ');
}

function changed<K, V>(
  map: ReadonlyMap<K, V>,
  items: readonly V[],
  keyOf: (item: V) => K,
  gone: readonly K[],
): ReadonlyMap<K, V> {
  if (items.length === 0 && gone.length === 0) return map;
  const next = new Map(map);
  for (const key of gone) next.delete(key);
  for (const item of items) next.set(keyOf(item), item);
  return next;
}

function mergeKeyed<K, V>(
  heldItems: readonly V[],
  heldGone: readonly K[],
  nextItems: readonly V[],
  nextGone: readonly K[],
  keyOf: (item: V) => K,
): { items: V[]; gone: K[] } {
  const items = new Map(heldItems.map((item) => [keyOf(item), item]));
  const gone = new Set(heldGone);
  for (const key of nextGone) {
    items.delete(key);
    gone.add(key);
  }
  for (const item of nextItems) {
    gone.delete(keyOf(item));
    items.set(keyOf(item), item);
  }
  return { items: [...items.values()], gone: [...gone] };
}
