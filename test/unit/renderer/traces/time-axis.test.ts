import { expect, test } from 'vitest';
import { panned, scaleOf, shareOf, ticksOf, zoomed } from '../../../../renderer/traces/time-axis.ts';

const whole = { fromMs: 0, toMs: 912 };

test('ticks are round and few', () => {
  expect(ticksOf(whole).map((tick) => tick.label)).toEqual(['0 ms', '200 ms', '400 ms', '600 ms', '800 ms']);
  expect(ticksOf({ fromMs: 0.1, toMs: 0.9 }).map((tick) => tick.label)).toEqual([
    '0.2 ms',
    '0.4 ms',
    '0.6 ms',
    '0.8 ms',
  ]);
});

test('zooms round the middle and never beyond the whole', () => {
  expect(zoomed(whole, whole, 0.5)).toEqual({ fromMs: 228, toMs: 684 });
  expect(zoomed({ fromMs: 228, toMs: 684 }, whole, 4)).toEqual(whole);
});

test('pans within the whole', () => {
  expect(panned({ fromMs: 700, toMs: 900 }, whole, 0.5)).toEqual({ fromMs: 712, toMs: 912 });
  expect(shareOf(806, { fromMs: 700, toMs: 912 })).toBeCloseTo(0.5);
});

test.each([
  [[], 1],
  [[0.2], 1],
  [[3, 912, 7], 1_000],
  [[1_000], 1_000],
  [[1_001], 2_000],
  [[4_200], 5_000],
])('a scale for %j ends at %d ms', (durations, end) => {
  expect(scaleOf(durations)).toBe(end);
});
