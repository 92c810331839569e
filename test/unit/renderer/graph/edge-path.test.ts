import { Position } from '@xyflow/react';
import { expect, test } from 'vitest';
import { edgePath } from '../../../../renderer/graph/edge-path.ts';

test('a free edge is one bezier between its ends', () => {
  const { d, along } = edgePath(
    { x: 0, y: 0, side: Position.Right, detour: 0 },
    { x: 200, y: 100, side: Position.Left, detour: 0 },
    25,
  );
  expect(d).toBe('M0,0 C100,0 100,100 200,100');
  expect([0, 0.5, 1].map(along)).toEqual([
    { x: 0, y: 0 },
    { x: 100, y: 50 },
    { x: 200, y: 100 },
  ]);
});

test('an edge with a detour passes the cards of the next column in the gap under its own', () => {
  const { d } = edgePath(
    { x: 148, y: 20, side: Position.Right, detour: 194 },
    { x: 600, y: 300, side: Position.Left, detour: 0 },
    25,
  );
  expect(d).toContain('L342,45');
  expect(d.startsWith('M148,20 C')).toBe(true);
});
