import type { Agent, Tunnel } from '../../../node-core/contract/graph.ts';
import type { Group } from '../../../node-core/contract/group.ts';
import type { TraceSpan } from '../../../node-core/contract/trace.ts';

/** An agent that is well; override what a test is about. */
export function anAgent(change: Partial<Agent> = {}): Agent {
  const nodeId = change.nodeId ?? 0x7c2e;
  return {
    nodeId,
    address: `0:0000.0000.${nodeId.toString(16).toUpperCase().padStart(4, '0')}`,
    hostname: `agent-${nodeId}`,
    self: false,
    groupIds: [12],
    tags: [],
    health: { state: 'ok', reason: 'answers', since: 0 },
    live: true,
    reports: true,
    authenticated: true,
    ...change,
  };
}

export function aTunnel(a: number, b: number, change: Partial<Tunnel> = {}): Tunnel {
  return {
    id: `${Math.min(a, b)}-${Math.max(a, b)}`,
    a: Math.min(a, b),
    b: Math.max(a, b),
    state: 'established',
    path: 'direct',
    pathSince: 0,
    health: { state: 'ok', reason: 'answers', since: 0 },
    bytesPerSecond: 1_000,
    sides: [],
    openStreams: 0,
    ...change,
  };
}

export function aGroup(groupId: number, change: Partial<Group> = {}): Group {
  return {
    groupId,
    name: `group-${groupId}`,
    joined: false,
    joinRule: 'open',
    memberIds: [],
    okCount: 0,
    straightTunnels: 0,
    totalTunnels: 0,
    ...change,
  };
}

export function aSpan(change: Partial<TraceSpan> = {}): TraceSpan {
  return {
    traceId: `${'0'.repeat(31)}1`,
    spanId: `${'0'.repeat(15)}1`,
    parentIndex: -1,
    depth: 0,
    name: 'work',
    kind: 'internal',
    status: 'unset',
    statusMessage: '',
    service: 'desk-1',
    authenticated: true,
    category: 'work',
    startMs: 0,
    durationMs: 10,
    rawStartMs: 0,
    startTimeUnixNano: '0',
    endTimeUnixNano: '10000000',
    clock: { state: 'reference' },
    attributes: {},
    resource: {},
    scope: { name: '', version: '' },
    events: [],
    links: [],
    onCriticalPath: false,
    ...change,
  };
}
