import { expect, test } from 'vitest';
import { agentKey, type LayoutLevel, layOut } from '../../../../renderer/graph/layout.ts';
import { boundsOf, centresOf, scaledView } from '../../../../renderer/graph/places.ts';
import { sceneOf } from '../../../../renderer/graph/scene.ts';
import { NO_FILTER } from '../../../../renderer/stores/filter.ts';
import { aGroup, anAgent } from '../builders.ts';

const agents = [
  anAgent({ nodeId: 1, self: true, groupIds: [] }),
  anAgent({ nodeId: 2, groupIds: [11] }),
  anAgent({ nodeId: 3, groupIds: [12] }),
];
const scene = sceneOf(
  {
    agents: new Map(agents.map((agent) => [agent.nodeId, agent])),
    tunnels: new Map(),
    groups: new Map([11, 12].map((id) => [id, aGroup(id)])),
    beacons: new Map(),
  },
  { filter: NO_FILTER, focus: undefined, collapsed: {}, startCollapsed: false },
);
const layoutAt = (level: LayoutLevel) =>
  layOut({ level, self: 1, groups: scene.groups, beaconIds: [], slots: {}, pins: {} });

test('the element nearest the middle stays where it is when cards change size', () => {
  const size = { width: 1_000, height: 700 };
  const before = layoutAt('mid');
  const after = layoutAt('near');
  const target = centresOf(before, scene).get(agentKey(3)) ?? { x: 0, y: 0 };
  const view = { zoom: 1.2, x: 500 - target.x * 1.2, y: 350 - target.y * 1.2 };
  const next = scaledView(view, size, before, after, scene);
  const moved = centresOf(after, scene).get(agentKey(3)) ?? { x: 0, y: 0 };
  expect([moved.x * next.zoom + next.x, moved.y * next.zoom + next.y].map(Math.round)).toEqual([500, 350]);
});

test('the whole picture is what its groups and this node enclose', () => {
  const bounds = boundsOf(layoutAt('mid'));
  expect(bounds.x).toBeCloseTo(-bounds.width / 2);
  expect(bounds.width).toBe(2 * 352 + 304);
});
