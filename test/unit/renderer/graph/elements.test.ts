import { expect, test } from 'vitest';
import { type ElementCache, elementsOf, type TunnelFlowEdge } from '../../../../renderer/graph/elements.ts';
import { layOut } from '../../../../renderer/graph/layout.ts';
import { type Scene, sceneOf } from '../../../../renderer/graph/scene.ts';
import { NO_FILTER } from '../../../../renderer/stores/filter.ts';
import { aGroup, anAgent, aTunnel } from '../builders.ts';

const BEACON = '127.0.0.1:9001';
const beacons = new Map([
  [
    BEACON,
    {
      id: BEACON,
      name: 'fra-1',
      health: { state: 'ok' as const, reason: '', since: 0 },
      relayedTunnels: 1,
      bytesPerSecond: 0,
    },
  ],
]);

function drawing(change: { relayed?: boolean; collapsed?: boolean; failing?: boolean; extra?: boolean } = {}) {
  const agents = [
    anAgent({ nodeId: 1, self: true, groupIds: [] }),
    anAgent({ nodeId: 2, groupIds: [11] }),
    anAgent({ nodeId: 3, groupIds: [12] }),
    anAgent({ nodeId: 4, groupIds: [12] }),
    ...(change.extra === true ? [anAgent({ nodeId: 5, groupIds: [12] })] : []),
  ];
  const relay = change.relayed === true ? { path: 'relay' as const, beacon: 'fra-1' } : {};
  const failing = { health: { state: 'failing' as const, reason: 'silent', since: 0 } };
  const tunnels = [aTunnel(1, 2, relay), aTunnel(1, 3), aTunnel(1, 4, change.failing === true ? failing : {})];
  const scene: Scene = sceneOf(
    {
      agents: new Map(agents.map((agent) => [agent.nodeId, agent])),
      tunnels: new Map(tunnels.map((tunnel) => [tunnel.id, tunnel])),
      groups: new Map([11, 12].map((id) => [id, aGroup(id)])),
      beacons,
    },
    { filter: NO_FILTER, focus: undefined, collapsed: { 12: change.collapsed === true }, startCollapsed: false },
  );
  const layout = layOut({
    level: 'mid',
    self: 1,
    groups: scene.groups,
    beaconIds: scene.beaconIds,
    slots: {},
    pins: {},
  });
  return { scene, layout };
}

function edgesOf(change: Parameters<typeof drawing>[0] = {}): TunnelFlowEdge[] {
  const { scene, layout } = drawing(change);
  const { edges } = elementsOf(new Map(), scene, layout, 'mid', beacons, 1);
  return edges.filter((edge): edge is TunnelFlowEdge => edge.type === 'tunnel');
}

test('a relayed tunnel is two segments through its beacon', () => {
  const relayed = edgesOf({ relayed: true }).filter((edge) => edge.data?.tunnelIds.includes('1-2'));
  expect(relayed.map(({ source, target, data }) => [source, target, data?.segment])).toEqual([
    ['agent:1', `beacon:${BEACON}`, 'to beacon'],
    [`beacon:${BEACON}`, 'agent:2', 'from beacon'],
  ]);
});

test('a straight tunnel is one edge', () => {
  const straight = edgesOf().filter((edge) => edge.data?.tunnelIds.includes('1-2'));
  expect(straight.map(({ source, target }) => [source, target])).toEqual([['agent:1', 'agent:2']]);
});

test('quiet tunnels to a closed group share a line, a failing one stands alone', () => {
  expect(edgesOf({ collapsed: true }).map((edge) => edge.data?.tunnelIds)).toEqual([['1-2'], ['1-3', '1-4']]);
  const withFailing = edgesOf({ collapsed: true, failing: true }).map((edge) => edge.data?.tunnelIds);
  expect(withFailing).toEqual(expect.arrayContaining([['1-3'], ['1-4']]));
});

test('what did not change is the same object', () => {
  const cache: ElementCache = new Map();
  const { scene, layout } = drawing();
  const first = elementsOf(cache, scene, layout, 'mid', beacons, 1);
  const again = drawing({ extra: true });
  const second = elementsOf(cache, again.scene, again.layout, 'mid', beacons, 1);
  const before = new Map(first.nodes.map((node) => [node.id, node]));
  expect(second.nodes.filter((node) => before.get(node.id) !== node).map((node) => node.id)).toEqual([
    'group:12',
    'agent:5',
  ]);
  expect(second.edges).toEqual(first.edges);
  second.edges.forEach((edge, index) => {
    expect(edge).toBe(first.edges[index]);
  });
});

test('nodes carry size and handles, so that those out of view can be left out', () => {
  const { scene, layout } = drawing();
  const { nodes } = elementsOf(new Map(), scene, layout, 'mid', beacons, 1);
  for (const node of nodes) {
    expect([node.width, node.height].every((size) => size !== undefined && size > 0)).toBe(true);
    expect(node.handles?.map((handle) => handle.id)).toEqual(['l', 'r', 't', 'b']);
  }
});
