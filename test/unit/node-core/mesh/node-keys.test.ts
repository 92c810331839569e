import { expect, test } from 'vitest';
import { NodeKeys } from '../../../../node-core/mesh/node-keys.ts';
import { keyOf, NOON } from '../../../support/report-rows.ts';

const [OURS, OTHER] = [keyOf(4), 'ee'.repeat(32)];

test('a key that is listed and then proven is one key', () => {
  const keys = new NodeKeys();
  expect(keys.list(4, OURS, NOON)).toBeUndefined();
  expect(keys.isProven(4)).toBe(false);
  expect(keys.prove(4, OURS, NOON)).toBeUndefined();
  expect([keys.keyOf(4), keys.isProven(4)]).toEqual([OURS, true]);
});

test('a proof stands against the registry for a minute, and is replaced by another proof at once', () => {
  const keys = new NodeKeys();
  keys.prove(4, OURS, NOON);
  expect(keys.list(4, OTHER, NOON + 59_999)).toBeUndefined();
  expect(keys.list(4, OTHER, NOON + 60_000)).toEqual({ nodeId: 4, from: OURS, to: OTHER, by: 'registry' });
  expect(keys.isProven(4)).toBe(false);
  expect(keys.prove(4, OURS, NOON + 60_001)).toEqual({ nodeId: 4, from: OTHER, to: OURS, by: 'tunnel' });
});

test('the registry cannot keep changing a key that goes on being proven', () => {
  const keys = new NodeKeys();
  keys.prove(4, OURS, NOON);
  for (let ms = 0; ms < 600_000; ms += 2_000) {
    expect(keys.prove(4, OURS, NOON + ms)).toBeUndefined();
    expect(keys.list(4, OTHER, NOON + ms)).toBeUndefined();
  }
});
