import { describe, expect, test } from 'vitest';
import { CounterWindow } from '../../../../node-core/mesh/counter-window.ts';

describe('a counter through a window of 10 s', () => {
  test('knows nothing before the first sample, and no growth after one', () => {
    const window = new CounterWindow(10_000);
    expect(window.increase(0)).toBe(0);
    expect(window.perSecond(0)).toBe(0);
    window.add(0, 500);
    expect(window.increase(0)).toBe(0);
    expect(window.perSecond(0)).toBe(0);
  });

  test('gives growth and rate over the window only', () => {
    const window = new CounterWindow(10_000);
    for (let at = 0; at <= 60_000; at += 5_000) window.add(at, at < 40_000 ? 0 : (at - 40_000) * 2);
    expect(window.increase(60_000)).toBe(20_000);
    expect(window.perSecond(60_000)).toBe(2_000);
  });

  test('forgets a rate that nobody repeats', () => {
    const window = new CounterWindow(10_000);
    window.add(0, 0);
    window.add(5_000, 5_000);
    expect(window.perSecond(6_000)).toBe(1_000);
    expect(window.perSecond(15_001)).toBe(0);
  });

  test('begins again when the counter falls', () => {
    const window = new CounterWindow(10_000);
    window.add(0, 1_000_000);
    window.add(5_000, 10);
    expect(window.increase(5_000)).toBe(0);
    window.add(9_000, 14);
    expect(window.perSecond(9_000)).toBe(1);
  });

  test('keeps the totals of a reporter that writes far too often', () => {
    const window = new CounterWindow(10_000, 8);
    for (let at = 0; at <= 9_000; at += 1) window.add(at, at);
    expect(window.increase(9_000)).toBe(9_000);
    expect(window.perSecond(9_000)).toBe(1_000);
  });
});
