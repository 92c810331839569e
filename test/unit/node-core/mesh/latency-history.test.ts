import { describe, expect, test } from 'vitest';
import { LatencyHistory } from '../../../../node-core/mesh/latency-history.ts';

const MINUTE = 60_000;

describe('the round trips of an hour', () => {
  test('say nothing from few samples', () => {
    const history = new LatencyHistory();
    for (let i = 0; i < 19; i++) history.add(0, 10);
    expect(history.p95Ms(0)).toBeUndefined();
    history.add(0, 10);
    expect(history.p95Ms(0)).toBeDefined();
    expect(history.p95HourMs(0)).toBeUndefined();
  });

  test.each([0.4, 3, 47, 900])('give a p95 of %d ms within a fifth', (rttMs) => {
    const history = new LatencyHistory();
    for (let i = 0; i < 100; i++) history.add(0, i < 90 ? rttMs / 4 : rttMs);
    expect(history.p95Ms(0)).toBeGreaterThanOrEqual(rttMs);
    expect(history.p95Ms(0)).toBeLessThan(rttMs * 1.2 + 0.001);
  });

  test('keep the hour apart from now, and forget what is older', () => {
    const history = new LatencyHistory();
    for (let minute = 0; minute < 60; minute++) {
      for (let i = 0; i < 12; i++) history.add(minute * MINUTE, minute < 50 ? 10 : 80);
    }
    expect(history.p95Ms(59 * MINUTE)).toBeGreaterThanOrEqual(80);
    expect(history.p95HourMs(59 * MINUTE)).toBeLessThan(12.1);
    expect(history.p95Ms(3 * 60 * MINUTE)).toBeUndefined();
    expect(history.p95HourMs(3 * 60 * MINUTE)).toBeUndefined();
  });
});
