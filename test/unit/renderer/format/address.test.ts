import { expect, test } from 'vitest';
import { formatNodePart, formatShortId } from '../../../../renderer/format/address.ts';

test('cuts an address to its node part, and nothing else', () => {
  expect(formatNodePart('0:0000.0000.7c2e')).toBe('0000.7C2E');
  expect(formatNodePart('not an address')).toBe('not an address');
});

test('cuts long ids in the middle', () => {
  expect(formatShortId('4f9c2a00aabbccddeeff00112233446671d0')).toBe('4f9c2a…71d0');
  expect(formatShortId('short')).toBe('short');
});
