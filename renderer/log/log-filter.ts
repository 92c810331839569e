import type { Agent, Tunnel } from '../../node-core/contract/graph.ts';
import type { Group } from '../../node-core/contract/group.ts';
import type { LogEvent } from '../../node-core/contract/log.ts';
import { chipValues, type Filter, plainText } from '../stores/filter.ts';
import type { Selection } from '../stores/view-store.ts';
import { agentOf, isAboutNow, logText } from './log-text.ts';

/** The global filter's agents, groups and words hold here too. */
export function fitsFilter(
  event: LogEvent,
  filter: Filter,
  agents: ReadonlyMap<number, Agent>,
  groups: ReadonlyMap<number, Group>,
): boolean {
  const agentNames = chipValues(filter, 'agent');
  const groupNames = chipValues(filter, 'group');
  const agent = agentOf(event, agents);
  const group = groups.get(event.groupId ?? agent?.groupIds.find((id) => id !== 0) ?? -1);
  const agentFits = agentNames.length === 0 || agentNames.includes(agent?.hostname.toLowerCase() ?? '');
  const groupFits = groupNames.length === 0 || groupNames.includes(group?.name.toLowerCase() ?? '');
  return agentFits && groupFits && logText(event, agents).toLowerCase().includes(plainText(filter).toLowerCase());
}

/** What the mesh says of those that a selection and the lines are about. */
export interface LogFacts {
  readonly agents: ReadonlyMap<number, Agent>;
  readonly groups: ReadonlyMap<number, Group>;
  readonly tunnels: ReadonlyMap<string, Tunnel>;
}

/** Whether a line is about what is selected: an agent, an end of a tunnel, a group or one of its members, a service. */
export function concerns(event: LogEvent, selection: Selection, { agents, groups, tunnels }: LogFacts): boolean {
  switch (selection.kind) {
    case 'agent':
      return event.nodeId === selection.nodeId && isAboutNow(event, agents);
    case 'tunnel': {
      const tunnel = tunnels.get(selection.id);
      return tunnel !== undefined && (event.nodeId === tunnel.a || event.nodeId === tunnel.b);
    }
    case 'group': {
      const members = groups.get(selection.groupId)?.memberIds ?? [];
      return event.groupId === selection.groupId || (event.nodeId !== undefined && members.includes(event.nodeId));
    }
    case 'beacon':
      return event.kind.startsWith('beacon.') && event.text.includes(selection.id);
    case 'status':
      return KINDS[selection.topic].some((kind) => event.kind.startsWith(kind));
    default:
      return selection satisfies never;
  }
}

/** The kinds of lines that explain a part of the status line. */
const KINDS: Readonly<Record<Extract<Selection, { kind: 'status' }>['topic'], readonly string[]>> = {
  registry: ['registry.', 'node.'],
  beacons: ['beacon.'],
  sources: ['collector'],
  ledger: ['collector'],
  store: ['collector'],
};
