import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteWriter } from '../../../../node-core/base/bytes.ts';
import { type ReplayVerdict, ReplayWindow } from '../../../../node-core/crypto/replay-window.ts';

function nonce(prefix: number, counter: bigint | number): Uint8Array {
  return new ByteWriter(12).uint32(prefix).uint64(BigInt(counter)).bytes;
}

/** Judges, and marks what is fresh, as a tunnel does with authenticated frames. */
function receive(window: ReplayWindow, prefix: number, counter: bigint | number): ReplayVerdict {
  const verdict = window.check(nonce(prefix, counter));
  if (verdict === 'fresh') window.mark(nonce(prefix, counter));
  return verdict;
}

test.each<[string, [prefix: number, counter: bigint | number, verdict: ReplayVerdict][]]>([
  [
    'repeats',
    [
      [1, 1, 'fresh'],
      [1, 1, 'replayed'],
      [1, 3, 'fresh'],
      [1, 2, 'fresh'],
      [1, 2, 'replayed'],
    ],
  ],
  [
    'the edge',
    [
      [1, 300, 'fresh'],
      [1, 45, 'fresh'],
      [1, 44, 'too-old'],
      [1, 45, 'replayed'],
    ],
  ],
  [
    'counters 256 apart share a slot, not a verdict',
    [
      [1, 100, 'fresh'],
      [1, 356, 'fresh'],
      [1, 100, 'too-old'],
      [1, 357, 'fresh'],
      [1, 356, 'replayed'],
    ],
  ],
  [
    'zero',
    [
      [1, 0, 'zero-counter'],
      [1, 5, 'fresh'],
      [1, 0, 'zero-counter'],
    ],
  ],
  [
    'a window for each prefix',
    [
      [1, 500, 'fresh'],
      [2, 1, 'fresh'],
      [2, 1, 'replayed'],
      [1, 499, 'fresh'],
      [1, 1, 'too-old'],
    ],
  ],
  [
    'the largest counters',
    [
      [1, 2n ** 64n - 1n, 'fresh'],
      [1, 2n ** 64n - 1n, 'replayed'],
      [1, 2n ** 64n - 256n, 'fresh'],
      [1, 2n ** 64n - 257n, 'too-old'],
    ],
  ],
])('%s', (_what, steps) => {
  const window = new ReplayWindow();
  for (const [prefix, counter, verdict] of steps) expect(receive(window, prefix, counter)).toBe(verdict);
});

test('checking alone moves nothing, so a forged counter is harmless', () => {
  const window = new ReplayWindow();
  receive(window, 1, 10);
  expect(window.check(nonce(1, 1_000_000))).toBe('fresh');
  expect(window.check(nonce(99, 1))).toBe('fresh');
  expect(receive(window, 1, 9)).toBe('fresh');
  expect(window.highest(Uint8Array.of(0, 0, 0, 1))).toBe(10n);
});

test('a prefix that fell out of the table is retired, never fresh again', () => {
  const window = new ReplayWindow();
  for (let prefix = 1; prefix <= 9; prefix++) receive(window, prefix, 1);
  expect(window.check(nonce(1, 1))).toBe('retired-prefix');
  expect(window.check(nonce(1, 2))).toBe('retired-prefix');
  expect(window.check(nonce(2, 1))).toBe('replayed');
  expect(window.check(nonce(2, 2))).toBe('fresh');
});

test('a prefix in use is not the one that is retired', () => {
  const window = new ReplayWindow();
  for (let round = 1; round <= 30; round++) {
    expect(receive(window, 1, round)).toBe('fresh');
    expect(receive(window, 100 + round, 1)).toBe('fresh');
  }
});

test('memory is bounded: after very many prefixes it asks for a new key, then takes no new ones', () => {
  const window = new ReplayWindow();
  for (let prefix = 1; prefix <= 2000; prefix++) receive(window, prefix, 1);
  expect(window.needsRekey).toBe(false);
  for (let prefix = 2001; prefix <= 6000; prefix++) receive(window, prefix, 1);
  expect(window.needsRekey).toBe(true);
  expect(window.check(nonce(7000, 1))).toBe('retired-prefix');
  for (let prefix = 1; prefix <= 4096; prefix++) expect(window.check(nonce(prefix, 1))).not.toBe('fresh');
});

test('agrees with a set of all counters seen, within the window', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 1500 }), { maxLength: 400 }), (counters) => {
      const window = new ReplayWindow();
      const seen = new Set<number>();
      let highest = 0;
      for (const counter of counters) {
        const expected = highest - counter >= 256 ? 'too-old' : seen.has(counter) ? 'replayed' : 'fresh';
        expect(receive(window, 1, counter)).toBe(expected);
        if (expected === 'fresh') seen.add(counter);
        highest = Math.max(highest, counter);
      }
    }),
  );
});
