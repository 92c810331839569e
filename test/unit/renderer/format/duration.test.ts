import { expect, test } from 'vitest';
import { formatAge, formatDuration, formatOffset } from '../../../../renderer/format/duration.ts';

test.each([
  [0, '<0.01 ms'],
  [0.004, '<0.01 ms'],
  [0.42, '0.42 ms'],
  [0.9999, '1 ms'],
  [1.256, '1.26 ms'],
  [12.34, '12.3 ms'],
  [94, '94 ms'],
  [999.4, '999 ms'],
  [999.6, '1 s'],
  [1_180, '1.18 s'],
  [17_500, '17.5 s'],
  [59_970, '1 min 0 s'],
  [1_053_000, '17 min 33 s'],
  [3_599_900, '1 h 0 min'],
  [4_320_000, '1 h 12 min'],
  [176_400_000, '2 d 1 h'],
  [-1.1, '−1.1 ms'],
  [Number.NaN, 'unknown'],
])('writes %d ms as %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test('keeps two figures on cards', () => {
  expect([0.423, 9.87, 94.3, 1_180].map((ms) => formatDuration(ms, 2))).toEqual([
    '0.42 ms',
    '9.9 ms',
    '94 ms',
    '1.2 s',
  ]);
});

test.each([
  [400, '<1 s'],
  [48_900, '48 s'],
  [1_020_000, '17 min'],
  [72_000_000, '20 h'],
  [300_000_000, '3 d'],
])('writes an age of %d ms as %s', (ms, text) => {
  expect(formatAge(ms)).toBe(text);
});

test.each([
  [3_000.2, 0.4, '+3.00 s ±0.4 ms'],
  [3.2, 0.4, '+3.2 ms ±0.4 ms'],
  [-1.1, 18, '−1.1 ms ±18 ms'],
  [-0.01, 0.02, '+0.0 ms ±<0.1 ms'],
])('writes an offset of %d with bound %d as %s', (offset, bound, text) => {
  expect(formatOffset(offset, bound)).toBe(text);
});
