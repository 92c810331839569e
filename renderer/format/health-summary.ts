import type { Agent } from '../../node-core/contract/graph.ts';
import type { HealthState } from '../../node-core/contract/shapes.ts';
import { formatCount, formatPlural } from './number.ts';

/** Worst first: what needs a look stands before what does not. */
export const HEALTH_RANK: Readonly<Record<HealthState, number>> = { failing: 0, degraded: 1, unknown: 2, ok: 3 };

/** Agents by state. */
export type HealthCounts = Readonly<Record<HealthState, number>>;

/** How the host judges each agent but this node, counted. */
export function countHealth(agents: Iterable<Agent>): HealthCounts {
  const counts = { ok: 0, degraded: 0, failing: 0, unknown: 0 };
  for (const agent of agents) if (!agent.self) counts[agent.health.state]++;
  return counts;
}

/** "2 agents degraded, 1 failing.", for the live region; nothing when all is well. */
export function healthSummary(agents: Iterable<Agent>): string {
  const parts = troubled(countHealth(agents));
  const [first, ...rest] = parts;
  if (first === undefined) return '';
  const lead = `${formatPlural(first.count, 'agent')} ${first.state}`;
  return `${[lead, ...rest.map(({ count, state }) => `${formatCount(count)} ${state}`)].join(', ')}.`;
}

/** The verdict of "Network now": "29 of 35 agents are well: 4 degraded, 1 failing, 1 unknown." */
export function healthVerdict(agents: Iterable<Agent>): string {
  const counts = countHealth(agents);
  const total = counts.ok + counts.degraded + counts.failing + counts.unknown;
  if (total === 0) return 'No agents yet. This node is up and waits for peers.';
  const parts = troubled(counts).map(({ count, state }) => `${formatCount(count)} ${state}`);
  const lead = `${formatCount(counts.ok)} of ${formatPlural(total, 'agent')} ${total === 1 ? 'is' : 'are'} well`;
  return parts.length === 0 ? `${lead}.` : `${lead}: ${parts.join(', ')}.`;
}

function troubled(counts: HealthCounts): { state: HealthState; count: number }[] {
  return (['degraded', 'failing', 'unknown'] as const)
    .map((state) => ({ state, count: counts[state] }))
    .filter(({ count }) => count > 0);
}
