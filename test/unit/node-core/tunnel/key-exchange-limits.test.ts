import { expect, test } from 'vitest';
import { KeyExchangeLimits } from '../../../../node-core/tunnel/key-exchange-limits.ts';
import { direct, RELAY, type Route } from '../../../../node-core/tunnel/path.ts';
import { DEFAULT_LIMITS } from '../../../../node-core/tunnel/tunnel-config.ts';

function allowed(limits: KeyExchangeLimits, frames: readonly [Route, number][], now = 0): number {
  return frames.filter(([route, node]) => limits.allows(route, node, now)).length;
}

function from(host: string, port: (index: number) => number, count = 20): [Route, number][] {
  return Array.from({ length: count }, (_, index) => [direct({ host, port: port(index) }), 9]);
}

test.each([
  { name: 'one port of a loopback address', frames: from('127.0.0.1', () => 1), passes: 5 },
  { name: 'twenty ports of a loopback address', frames: from('127.0.0.1', (n) => n + 1), passes: 20 },
  { name: 'twenty ports of ::1', frames: from('::1', (n) => n + 1), passes: 20 },
  { name: 'twenty ports of another address', frames: from('10.0.0.1', (n) => n + 1), passes: 5 },
  {
    name: 'one node through the relay',
    frames: Array.from({ length: 20 }, () => [RELAY, 9] as [Route, number]),
    passes: 5,
  },
  {
    name: 'twenty nodes through the relay',
    frames: Array.from({ length: 20 }, (_, n) => [RELAY, n] as [Route, number]),
    passes: 20,
  },
])('20 frames from $name: $passes pass', ({ frames, passes }) => {
  expect(allowed(new KeyExchangeLimits(DEFAULT_LIMITS), frames)).toBe(passes);
});

test('all sources together have a limit, which refills', () => {
  const limits = new KeyExchangeLimits({ ...DEFAULT_LIMITS, keyExchangeTotal: 100 });
  const frames = from('127.0.0.1', (n) => n + 1, 500);
  expect(allowed(limits, frames)).toBe(100);
  expect(allowed(limits, frames, 500)).toBe(50);
});

test('sources without number are forgotten oldest first', () => {
  const limits = new KeyExchangeLimits({ ...DEFAULT_LIMITS, keyExchangeTotal: 1e9 });
  const many = from('127.0.0.1', (n) => n + 1, 5_000);
  expect(allowed(limits, many)).toBe(5_000);
  expect(
    allowed(
      limits,
      from('127.0.0.1', () => 1),
    ),
  ).toBe(5);
  expect(
    allowed(
      limits,
      from('127.0.0.1', () => 5_000),
    ),
  ).toBe(4);
});
