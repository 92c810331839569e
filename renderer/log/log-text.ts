import type { Agent } from '../../node-core/contract/graph.ts';
import type { LogEvent } from '../../node-core/contract/log.ts';

/** A line's words; one that was written before the name of its agent was known names it now. */
export function logText(event: LogEvent, agents: ReadonlyMap<number, Agent>): string {
  const { text } = event;
  const agent = agentOf(event, agents);
  return agent === undefined || agent.hostname === '' ? text : text.replaceAll(agent.address, agent.hostname);
}

/** The agent that a line is about: not one that has its id by now. */
export function agentOf(event: LogEvent, agents: ReadonlyMap<number, Agent>): Agent | undefined {
  const agent = event.nodeId === undefined ? undefined : agents.get(event.nodeId);
  return isAboutNow(event, agents) ? agent : undefined;
}

/** Whether the id that a line names still has the key that it had then. */
export function isAboutNow({ nodeId, nodeKey }: LogEvent, agents: ReadonlyMap<number, Agent>): boolean {
  const key = nodeId === undefined ? undefined : agents.get(nodeId)?.publicKey;
  return nodeKey === undefined || key === undefined || key === nodeKey;
}
