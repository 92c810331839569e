import { expect, test } from 'vitest';
import { nodesWithin } from '../../../../renderer/graph/focus.ts';
import { type SceneChoices, sceneOf } from '../../../../renderer/graph/scene.ts';
import { NO_FILTER } from '../../../../renderer/stores/filter.ts';
import { aGroup, anAgent, aTunnel } from '../builders.ts';

const agents = [
  anAgent({ nodeId: 1, hostname: 'flightdeck', self: true, groupIds: [12] }),
  anAgent({ nodeId: 2, hostname: 'b', groupIds: [12] }),
  anAgent({ nodeId: 3, hostname: 'a', groupIds: [12, 11] }),
  anAgent({ nodeId: 4, hostname: 'c', groupIds: [11] }),
  anAgent({ nodeId: 5, hostname: 'stock', groupIds: [0] }),
];
const tunnels = [aTunnel(1, 2, { path: 'relay', beacon: 'b1' }), aTunnel(2, 3), aTunnel(3, 4), aTunnel(1, 5)];
const picture = {
  agents: new Map(agents.map((agent) => [agent.nodeId, agent])),
  tunnels: new Map(tunnels.map((tunnel) => [tunnel.id, tunnel])),
  groups: new Map([11, 12].map((id) => [id, aGroup(id)])),
  beacons: new Map(
    ['b1', 'b2'].map((id) => [
      id,
      { id, name: id, health: { state: 'ok' as const, reason: '', since: 0 }, relayedTunnels: 0, bytesPerSecond: 0 },
    ]),
  ),
};
const choices = (change: Partial<SceneChoices> = {}): SceneChoices => ({
  filter: NO_FILTER,
  focus: undefined,
  collapsed: {},
  startCollapsed: false,
  ...change,
});

test('sorts agents into containers, those of no group last, this node in none', () => {
  const scene = sceneOf(picture, choices());
  expect(scene.groups).toEqual([
    { groupId: 11, memberIds: [4], collapsed: false },
    { groupId: 12, memberIds: [3, 2], collapsed: false },
    { groupId: 0, memberIds: [5], collapsed: false },
  ]);
  expect(scene.total).toEqual({ agents: 5, tunnels: 4 });
});

test('a focus leaves what lies within its hops, and the beacons in use', () => {
  const one = sceneOf(picture, choices({ focus: { nodeId: 2, hops: 1 } }));
  expect(one.agents.map((agent) => agent.nodeId)).toEqual([1, 2, 3]);
  expect(one.tunnels.map((tunnel) => tunnel.id)).toEqual(['1-2', '2-3']);
  expect(one.beaconIds).toEqual(['b1']);
  expect([...one.dimmed].sort()).toEqual([1, 3]);
  expect(sceneOf(picture, choices({ focus: { nodeId: 2, hops: 2 } })).agents).toHaveLength(5);
});

test('groups close by rule, and the operator has the last word', () => {
  expect(sceneOf(picture, choices({ startCollapsed: true })).groups.every((group) => group.collapsed)).toBe(true);
  const opened = sceneOf(picture, choices({ startCollapsed: true, collapsed: { 12: false } }));
  expect(opened.groups.find((group) => group.groupId === 12)?.collapsed).toBe(false);
});

test('counts hops along tunnels', () => {
  expect(nodesWithin(2, 3, tunnels)).toEqual(
    new Map([
      [2, 0],
      [1, 1],
      [3, 1],
      [5, 2],
      [4, 2],
    ]),
  );
});
