import type { Agent } from '../../node-core/contract/graph.ts';

/** What an agent is called, as it chose: text of others. One that has left the graph is called by its node id. */
export const agentName = (nodeId: number, agents: ReadonlyMap<number, Agent>): string =>
  agents.get(nodeId)?.hostname ?? String(nodeId);
