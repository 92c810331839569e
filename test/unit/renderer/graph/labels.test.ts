import { expect, test } from 'vitest';
import { agentLabel, groupLabel, tunnelLabel } from '../../../../renderer/graph/labels.ts';
import { aGroup, anAgent, aTunnel } from '../builders.ts';

const filings = anAgent({
  nodeId: 2,
  hostname: 'filings-2',
  health: { state: 'degraded', reason: 'relayed since 09:12', since: 0 },
  rtt: { value: 94, source: 'measured here', at: 0 },
});
const fares = anAgent({ nodeId: 3, hostname: 'fare-watch' });

test('reads an agent with its group, health, round trip, tunnels and place', () => {
  expect(agentLabel(filings, { group: 'finance', tunnels: 5, item: 2, of: 8 })).toBe(
    'filings-2, agent, group finance, degraded: relayed since 09:12. 94 milliseconds. 5 tunnels. Item 2 of 8.',
  );
});

test('reads a relayed tunnel with the beacon it runs through', () => {
  const tunnel = aTunnel(2, 3, {
    path: 'relay',
    beacon: '127.0.0.1:9001',
    health: { state: 'degraded', reason: '', since: 0 },
    rtt: { value: 94, source: 'measured here', at: 0 },
    bytesPerSecond: 212_000,
  });
  const beacon = { id: '127.0.0.1:9001', name: 'fra-1', health: fares.health, relayedTunnels: 1, bytesPerSecond: 0 };
  const agents = new Map([filings, fares].map((agent) => [agent.nodeId, agent]));
  expect(tunnelLabel(tunnel, agents, new Map([[beacon.id, beacon]]))).toBe(
    'Tunnel filings-2 to fare-watch, relay through fra-1, degraded, 94 milliseconds, 212 kilobytes a second.',
  );
});

test('reads a group with what its members add up to', () => {
  expect(groupLabel(aGroup(12, { name: 'finance' }), [filings, fares], true)).toBe(
    'Group finance, 2 agents, 1 ok, 1 degraded. Collapsed.',
  );
});
