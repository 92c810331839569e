import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { criticalPath, type TimedSpan } from '../../../../../node-core/collector/trace/critical-path.ts';
import { cpuGrowth } from '../../../../support/cpu-growth.ts';

/** Spans as [start, end, parent index, slack]; the path as [index, start, end]. */
type Row = readonly [start: number, end: number, parent: number, slack?: number];
const spans = (...rows: readonly Row[]): TimedSpan[] =>
  rows.map(([startMs, endMs, parentIndex, slackMs = 0]) => ({ startMs, endMs, parentIndex, slackMs }));
const path = (...rows: readonly Row[]): number[][] =>
  criticalPath(spans(...rows)).map(({ index, startMs, endMs }) => [index, startMs, endMs]);

describe('the critical path', () => {
  test('of nothing is empty, of one span that span', () => {
    expect(path()).toEqual([]);
    expect(path([5, 9, -1])).toEqual([[0, 5, 9]]);
    expect(path([5, 5, -1])).toEqual([]);
    expect(path([5, 3, -1])).toEqual([]);
  });

  test('goes through children one after another, and the parent between them', () => {
    expect(path([0, 100, -1], [10, 30, 0], [40, 90, 0])).toEqual([
      [0, 0, 10],
      [1, 10, 30],
      [0, 30, 40],
      [2, 40, 90],
      [0, 90, 100],
    ]);
  });

  test('takes the last of those that ran side by side', () => {
    expect(path([0, 100, -1], [0, 78, 0], [0, 95, 0], [0, 40, 0])).toEqual([
      [2, 0, 95],
      [0, 95, 100],
    ]);
  });

  test('prefers what ended just before to what ran on for longer', () => {
    expect(path([0, 80, -1], [0, 30, 0], [0, 50, 0], [30, 70, 0], [50.5, 80, 0])).toEqual([
      [2, 0, 50],
      [0, 50, 50.5],
      [4, 50.5, 80],
    ]);
  });

  test('takes what still ran where nothing else was before', () => {
    expect(path([0, 100, -1], [0, 60, 0], [50, 100, 0])).toEqual([
      [1, 0, 50],
      [2, 50, 100],
    ]);
  });

  test('a stream that is closed a moment after its call returned is what the call waited for, not the dial', () => {
    expect(path([0, 200, -1], [0, 123, 0], [0, 125, 1], [0, 1, 1], [123, 200, 0])).toEqual([
      [2, 0, 123],
      [4, 123, 200],
    ]);
  });

  test('what goes on long after its parent is not what the parent waited for', () => {
    expect(path([0, 300, -1], [0, 100, 0], [0, 98, 1], [10, 150, 1], [100, 300, 0])).toEqual([
      [2, 0, 98],
      [1, 98, 100],
      [4, 100, 300],
    ]);
  });

  test('allows for a clock that may be off', () => {
    const tight = [
      [0, 100, -1],
      [0, 66, 0],
      [20, 58, 0],
      [60, 100, 0],
    ] as const satisfies Row[];
    expect(path(...tight)).toEqual([
      [1, 0, 20],
      [2, 20, 58],
      [0, 58, 60],
      [3, 60, 100],
    ]);
    expect(path(tight[0], [0, 66, 0, 5], tight[2], tight[3])).toEqual([
      [1, 0, 60],
      [3, 60, 100],
    ]);
  });

  test('goes down through several levels', () => {
    expect(path([0, 100, -1], [10, 90, 0], [20, 80, 1], [30, 70, 2])).toEqual([
      [0, 0, 10],
      [1, 10, 20],
      [2, 20, 30],
      [3, 30, 70],
      [2, 70, 80],
      [1, 80, 90],
      [0, 90, 100],
    ]);
  });

  test('ends with what outlived its parent, and goes back through what began it', () => {
    expect(path([0, 50, -1], [30, 120, 0], [0, 20, 0])).toEqual([
      [2, 0, 20],
      [0, 20, 30],
      [1, 30, 120],
    ]);
    expect(path([0, 50, -1], [70, 120, 0])).toEqual([
      [0, 0, 50],
      [-1, 50, 70],
      [1, 70, 120],
    ]);
  });

  test('does not leave a child to time before its parent', () => {
    expect(path([10, 100, -1], [0, 60, 0])).toEqual([
      [-1, 0, 10],
      [1, 10, 60],
      [0, 60, 100],
    ]);
  });

  test('says where nobody was, between several roots', () => {
    expect(path([0, 40, -1], [60, 100, -1], [70, 90, -1])).toEqual([
      [0, 0, 40],
      [-1, 40, 60],
      [1, 60, 100],
    ]);
  });
});

/** A forest in which each span's parent comes before it. */
const forest = fc
  .array(
    fc.record({
      start: fc.integer({ min: 0, max: 1_000 }),
      length: fc.integer({ min: -5, max: 400 }),
      parent: fc.nat(),
      slack: fc.integer({ min: 0, max: 3 }),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((rows) =>
    rows.map(
      ({ start, length, parent, slack }, index): TimedSpan => ({
        startMs: start,
        endMs: start + length,
        parentIndex: (parent % (index + 1)) - 1,
        slackMs: slack,
      }),
    ),
  );

test('covers the whole time without a gap or an overlap, and each stretch lies within its span', () => {
  fc.assert(
    fc.property(forest, (all) => {
      const segments = criticalPath(all);
      const ends = all.map((span) => Math.max(span.startMs, span.endMs));
      let cursor = Math.min(...all.map((span) => span.startMs));
      for (const { index, startMs, endMs } of segments) {
        expect(startMs).toBe(cursor);
        expect(endMs).toBeGreaterThan(startMs);
        const span = all[index];
        if (index !== -1) expect(startMs).toBeGreaterThanOrEqual(span?.startMs ?? Number.POSITIVE_INFINITY);
        if (index !== -1) expect(endMs).toBeLessThanOrEqual(ends[index] ?? 0);
        cursor = endMs;
      }
      expect(cursor).toBe(Math.max(...ends));
    }),
  );
});

test.each([
  ['a chain', (index: number): Row => [index, 40_000 - index, index - 1]],
  ['siblings', (index: number): Row => [index, index + 1, index === 0 ? -1 : 0]],
  ['roots', (index: number): Row => [index, index + 1.5, -1]],
])('takes %s in time that grows with its spans', (_, row) => {
  const many = (count: number) => spans(...Array.from({ length: count }, (_unused, index) => row(index)));
  expect(criticalPath(many(20_000)).length).toBeGreaterThan(0);
  // of twenty times as many: 20 is as they grow, 400 as their square
  expect(cpuGrowth(many(1_000), many(20_000), criticalPath)).toBeLessThan(150);
});
