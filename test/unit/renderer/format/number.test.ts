import { expect, test } from 'vitest';
import { formatBytes, formatBytesOf, formatRate } from '../../../../renderer/format/bytes.ts';
import {
  formatCount,
  formatCountInProse,
  formatOf,
  formatPercent,
  formatPlural,
} from '../../../../renderer/format/number.ts';

test('separates thousands and shortens only in prose', () => {
  expect([0, 999, 12_806, 1_204_331, -1_200].map(formatCount)).toEqual(['0', '999', '12,806', '1,204,331', '−1,200']);
  expect([999_999, 2_100_000].map(formatCountInProse)).toEqual(['999,999', '2.1 M']);
  expect(formatOf(143, 12_806)).toBe('143 of 12,806');
  expect([formatPlural(1, 'agent'), formatPlural(0, 'agent')]).toEqual(['1 agent', '0 agents']);
});

test.each([
  [0, '0 %'],
  [0.0004, '<0.1 %'],
  [0.122, '12.2 %'],
  [1, '100 %'],
])('writes a ratio of %d as %s', (ratio, text) => {
  expect(formatPercent(ratio)).toBe(text);
});

test.each([
  [0, '0 B'],
  [640, '640 B'],
  [999.6, '1 kB'],
  [41_208, '41.2 kB'],
  [412_000, '412 kB'],
  [1_204_331, '1.2 MB'],
  [999_600_000, '1 GB'],
  [20_000_000_000, '20 GB'],
])('writes %d bytes as %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test('names a unit once where both share it', () => {
  expect(formatBytesOf(1_800_000_000, 20_000_000_000)).toBe('1.8 of 20 GB');
  expect(formatBytesOf(12_000_000, 20_000_000_000)).toBe('12 MB of 20 GB');
  expect(formatRate(412_000)).toBe('412 kB/s');
});
