import { expect, test } from 'vitest';
import { nearestIn } from '../../../../renderer/graph/nearest.ts';

const places: [string, { x: number; y: number }][] = [
  ['right', { x: 100, y: 5 }],
  ['right far', { x: 180, y: 0 }],
  ['right askew', { x: 60, y: 90 }],
  ['down', { x: 4, y: 50 }],
  ['left', { x: -40, y: 0 }],
];

test.each([
  ['ArrowRight', 'right'],
  ['ArrowDown', 'down'],
  ['ArrowLeft', 'left'],
  ['ArrowUp', undefined],
] as const)('%s goes to %s', (direction, key) => {
  expect(nearestIn({ x: 0, y: 0 }, direction, places)).toBe(key);
});
