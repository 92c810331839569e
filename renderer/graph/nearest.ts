import type { Point } from '../stores/view-store.ts';

export type Direction = 'ArrowLeft' | 'ArrowRight' | 'ArrowUp' | 'ArrowDown';

const UNIT: Readonly<Record<Direction, Point>> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

/** How much worse a step to the side is than a step ahead. */
const SIDE_COST = 2.5;

/** The element an arrow key goes to: the nearest whose centre lies in that direction. */
export function nearestIn(
  from: Point,
  direction: Direction,
  others: Iterable<readonly [key: string, centre: Point]>,
): string | undefined {
  const unit = UNIT[direction];
  let best: { key: string; cost: number } | undefined;
  for (const [key, centre] of others) {
    const dx = centre.x - from.x;
    const dy = centre.y - from.y;
    const ahead = dx * unit.x + dy * unit.y;
    const aside = Math.abs(dx * unit.y) + Math.abs(dy * unit.x);
    if (ahead < 1) continue;
    const cost = ahead + SIDE_COST * aside;
    if (best === undefined || cost < best.cost) best = { key, cost };
  }
  return best?.key;
}
