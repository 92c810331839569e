import type { Agent } from '../../node-core/contract/graph.ts';

/** Agents that are in no group stand in a container of their own. */
export const NO_GROUP = 0;

/** An agent in several groups stands in the first of them. */
export const homeGroup = (agent: Agent): number => agent.groupIds.find((id) => id !== NO_GROUP) ?? NO_GROUP;
