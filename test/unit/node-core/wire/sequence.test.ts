import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  sequenceAdd,
  sequenceAfter,
  sequenceAtOrAfter,
  sequenceDifference,
} from '../../../../node-core/wire/sequence.ts';

test.each([
  [1, 0, true],
  [0, 1, false],
  [0, 0xffff_ffff, true],
  [0xffff_ffff, 0, false],
  [0x7fff_ffff, 0, true],
  [0x8000_0000, 0, false], // exactly half the circle apart: neither is later
  [0, 0x8000_0000, false],
  [0x8000_0001, 0, false],
])('%d after %d: %s', (a, b, after) => {
  expect(sequenceAfter(a, b)).toBe(after);
  expect(sequenceAtOrAfter(a, b)).toBe(after);
});

test('a number is at itself and not after itself', () => {
  expect(sequenceAtOrAfter(5, 5)).toBe(true);
  expect(sequenceAfter(5, 5)).toBe(false);
});

test('addition wraps, and the difference undoes it', () => {
  expect(sequenceAdd(0xffff_fffe, 3)).toBe(1);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 0, max: 0x7fff_ffff }), (base, count) => {
      const sum = sequenceAdd(base, count);
      expect(sum).toBeGreaterThanOrEqual(0);
      expect(sequenceDifference(sum, base)).toBe(count);
      expect(sequenceAfter(base, sum)).toBe(false);
    }),
  );
});
