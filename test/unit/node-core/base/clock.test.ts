import { expect, test } from 'vitest';
import { unixMillis } from '../../../../node-core/base/clock.ts';

test('a moment in milliseconds has its part of the last one cut off', () => {
  expect([0n, 999_999n, 1_000_000n].map(unixMillis)).toEqual([0, 0, 1]);
  expect(unixMillis(1_700_000_000_123_999_999n)).toBe(1_700_000_000_123);
});
