import { Position } from '@xyflow/react';
import { expect, test } from 'vitest';
import { edgePath } from '../../../../renderer/graph/edge-path.ts';
import type { GraphNode } from '../../../../renderer/graph/elements.ts';
import { freePlace, obstaclesOf } from '../../../../renderer/graph/label-room.ts';
import { BEACON, COLLAPSED } from '../../../../renderer/graph/layout.ts';

const SIZE = { width: 100, height: 15 };
const edge = edgePath(
  { x: 0, y: 0, side: Position.Right, detour: 0 },
  { x: 1_000, y: 0, side: Position.Left, detour: 0 },
  25,
);

test('a label stands where it is asked to when nothing is there', () => {
  expect(freePlace(edge, 0.5, SIZE, [])).toEqual({ x: 500, y: 0 });
});

test('a label moves along its edge until it covers nothing', () => {
  const place = freePlace(edge, 0.5, SIZE, [{ x: 440, y: -20, width: 400, height: 40 }]);
  expect(place?.y).toBe(0);
  expect(place?.x).toBeLessThanOrEqual(390);
  expect(place?.x).toBeGreaterThan(300);
});

test('a label stands beside an edge that runs along a box, and nowhere in a box', () => {
  expect(freePlace(edge, 0.5, SIZE, [{ x: -10, y: -50, width: 1_020, height: 51 }])?.y).toBeGreaterThan(0);
  expect(freePlace(edge, 0.5, SIZE, [{ x: -10, y: -50, width: 1_020, height: 100 }])).toBeUndefined();
});

test('of an open group only the head is in the way, of a beacon also its line to this node', () => {
  const nodes: GraphNode[] = [
    {
      id: 'group:1',
      type: 'container',
      data: { groupId: 1, memberIds: [2], collapsed: false },
      position: { x: 100, y: 200 },
      width: 350,
      height: 300,
    },
    {
      id: 'group:2',
      type: 'container',
      data: { groupId: 2, memberIds: [], collapsed: true },
      position: { x: 600, y: 200 },
      ...COLLAPSED,
    },
    {
      id: 'agent:2',
      type: 'agent',
      data: { nodeId: 2, level: 'mid', dimmed: false },
      position: { x: 10, y: 38 },
      width: 148,
      height: 40,
      parentId: 'group:1',
    },
    {
      id: 'agent:1',
      type: 'agent',
      data: { nodeId: 1, level: 'mid', dimmed: false },
      position: { x: -88, y: -23 },
      width: 176,
      height: 46,
    },
    { id: 'beacon:b', type: 'beacon', data: { id: 'b' }, position: { x: -75, y: -215 }, ...BEACON },
  ];
  expect(obstaclesOf(nodes)).toEqual([
    { x: 100, y: 200, width: 350, height: 38 },
    { x: 600, y: 200, ...COLLAPSED },
    { x: 110, y: 238, width: 148, height: 40 },
    { x: -88, y: -23, width: 176, height: 46 },
    { x: -75, y: -215, ...BEACON },
    { x: -3, y: -143, width: 6, height: 120 },
  ]);
});
