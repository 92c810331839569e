import { expect, test } from 'vitest';
import { ClockSteps } from '../../../../node-core/collector/clock-steps.ts';

const at = (unixMs: number, monotonicMs: number) => ({ unixNano: BigInt(unixMs) * 1_000_000n, monotonicMs });
const DAY = 86_400_000;

test('a clock that is set is told, one that runs on or is adjusted a little is not', () => {
  const steps = new ClockSteps();
  const told = [
    at(1e12, 0),
    at(1e12 + 1_000, 1_000),
    at(1e12 + 4_000, 2_000),
    at(1e12 + 20 * DAY, 3_000),
    at(1e12 + 20 * DAY + 60_000, 63_000),
    at(1e12 + 64_000, 64_000),
  ].map((instant) => steps.handle(instant)?.split(';', 1)[0]);
  expect(told).toEqual([
    undefined,
    undefined,
    undefined,
    'The clock of this machine went ahead by 20 days',
    undefined,
    'The clock of this machine went back by 20 days',
  ]);
});
