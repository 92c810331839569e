import type { GraphUpdate } from '../../node-core/contract/graph.ts';

/** An update of the graph in which nothing changed, but for what a test is about. */
export function anUpdate(change: Partial<GraphUpdate> = {}): GraphUpdate {
  return {
    kind: 'changes',
    feedId: 'feed',
    revision: 1,
    at: 1,
    agents: [],
    tunnels: [],
    flows: [],
    beacons: [],
    groups: [],
    goneAgents: [],
    goneTunnels: [],
    goneFlows: [],
    goneBeacons: [],
    goneGroups: [],
    ...change,
  };
}
