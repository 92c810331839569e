import type { Agent } from '../../node-core/contract/graph.ts';
import type { LogEvent } from '../../node-core/contract/log.ts';

/** A line's words; one that was written before the name of its agent was known names it now. */
export function logText({ text, nodeId }: LogEvent, agents: ReadonlyMap<number, Agent>): string {
  const agent = nodeId === undefined ? undefined : agents.get(nodeId);
  return agent === undefined || agent.hostname === '' ? text : text.replaceAll(agent.address, agent.hostname);
}
