import type { Agent, Tunnel } from '../../node-core/contract/graph.ts';
import type { Health } from '../../node-core/contract/shapes.ts';
import { HEALTH_RANK } from '../format/health-summary.ts';
import type { Selection } from '../stores/view-store.ts';
import { tunnelName } from './labels.ts';

/** An agent or tunnel that is not well, and what selects it. */
export interface Need {
  readonly key: string;
  readonly name: string;
  readonly address: string | undefined;
  readonly health: Health;
  readonly selection: Selection;
}

/** Agents and tunnels that the host does not call well, worst and newest first. */
export function needsOf(agents: Iterable<Agent>, tunnels: Iterable<Tunnel>, names: ReadonlyMap<number, Agent>): Need[] {
  const needs: Need[] = [];
  for (const agent of agents) {
    if (agent.health.state === 'ok' || agent.self) continue;
    const selection: Selection = { kind: 'agent', nodeId: agent.nodeId };
    const { hostname, address, health } = agent;
    needs.push({ key: `agent ${agent.nodeId}`, name: hostname, address, health, selection });
  }
  for (const tunnel of tunnels) {
    if (tunnel.health.state === 'ok' || tunnel.health.state === 'unknown') continue;
    if ([tunnel.a, tunnel.b].some((end) => names.get(end)?.health.state === 'failing')) continue; // said by the agent
    const selection: Selection = { kind: 'tunnel', id: tunnel.id };
    const { health } = tunnel;
    needs.push({ key: `tunnel ${tunnel.id}`, name: tunnelName(tunnel, names), address: undefined, health, selection });
  }
  return needs.sort(
    (a, b) => HEALTH_RANK[a.health.state] - HEALTH_RANK[b.health.state] || b.health.since - a.health.since,
  );
}
