import { beforeEach, expect, test } from 'vitest';
import { SystemClock } from '../../../../node-core/io/system-clock.ts';

const sources = { mono: 0, unix: 0 };
const machine = {
  monotonicMs: () => sources.mono,
  unixMs: () => Math.floor(sources.unix),
  originMs: 1_699_999_995_000,
};

beforeEach(() => {
  Object.assign(sources, { mono: 5_000, unix: 1_700_000_000_000 });
});

/** Time goes by on both clocks; the wall clock may run on by another amount. */
function pass(ms: number, wallMs = ms): void {
  sources.mono += ms;
  sources.unix += wallMs;
}

test('reads both clocks at once, the wall clock in nanoseconds', () => {
  const clock = new SystemClock(0, machine);
  pass(0.25);
  expect(clock.now()).toEqual({ monotonicMs: 5_000.25, unixNano: 1_700_000_000_000_250_000n });
});

test('may be ahead of the machine', () => {
  expect(new SystemClock(3_000, machine).now().unixNano).toBe(1_700_000_003_000_000_000n);
});

test.each([60_000, -60_000])('a wall clock set by %i ms is followed within a second and begins an epoch', (stepMs) => {
  const clock = new SystemClock(0, machine);
  pass(500, 500 + stepMs);
  expect(clock.epoch).toBe(0);
  pass(600);
  expect(Math.abs(Number(clock.now().unixNano / 1_000_000n) - sources.unix)).toBeLessThanOrEqual(1);
  expect(clock.epoch).toBe(1);
});

test('clocks of one machine stay together, whatever their readings are rounded to', () => {
  const originMs = machine.originMs + 0.3;
  const origin = { ...machine, originMs, unixMs: () => Math.floor(originMs + sources.mono) };
  const early = new SystemClock(0, origin);
  pass(777.7);
  const late = new SystemClock(3_000, origin);
  for (let second = 0; second < 600; second++) {
    pass(1_000.37);
    early.now();
    if (second % 7 === 0) late.now();
  }
  const [one, other] = [early.now().unixNano, late.now().unixNano];
  expect(Math.abs(Number(other - one) - 3_000e6)).toBeLessThan(1_000);
});

test('a wall clock that is disciplined is followed without an epoch, and never back', () => {
  const clock = new SystemClock(0, machine);
  let last = clock.now().unixNano;
  for (let second = 0; second < 3_600; second++) {
    pass(1_000, 999.5); // 500 ppm, as fast as a clock is ever slewed
    for (const step of [0, 0.001]) {
      pass(step);
      const { unixNano } = clock.now();
      expect(unixNano).toBeGreaterThanOrEqual(last);
      last = unixNano;
    }
  }
  expect(clock.epoch).toBe(0);
  expect(Math.abs(Number(last / 1_000_000n) - sources.unix)).toBeLessThan(10);
});
