import { describe, expect, test } from 'vitest';
import { CongestionWindow } from '../../../../node-core/stream/congestion.ts';

const limits = {
  segmentBytes: 1_024,
  initialCongestionWindow: 10_240,
  maxCongestionWindow: 1_048_576,
  initialSlowStartThreshold: 524_288,
};

describe('CongestionWindow', () => {
  test('grows by what is acknowledged in slow start', () => {
    const window = new CongestionWindow(limits);
    window.acknowledged(1_024);
    window.acknowledged(2_048);
    expect(window.window).toBe(13_312);
  });

  test('grows by a segment per window in avoidance, and by one byte at least', () => {
    const window = new CongestionWindow(limits);
    window.lossDetected();
    expect([window.window, window.slowStartThreshold]).toEqual([5_120, 5_120]);
    window.acknowledged(1_024);
    expect(window.window).toBe(5_120 + 204);
    window.acknowledged(1);
    expect(window.window).toBe(5_120 + 205);
  });

  test('three bare duplicates halve and inflate it, further ones inflate it more', () => {
    const window = new CongestionWindow(limits);
    window.acknowledged(1_024);
    window.thirdDuplicate();
    expect([window.window, window.slowStartThreshold]).toEqual([8_704, 5_632]);
    window.furtherDuplicate();
    window.furtherDuplicate();
    expect(window.window).toBe(10_752);
    window.acknowledged(9_216);
    expect(window.window).toBe(11_629);
  });

  test('a timeout starts again with the initial window', () => {
    const window = new CongestionWindow(limits);
    window.acknowledged(1_014);
    window.timedOut();
    expect([window.window, window.slowStartThreshold]).toEqual([10_240, 5_627]);
  });

  test('never passes the maximum, nor falls below one segment', () => {
    const window = new CongestionWindow({ ...limits, maxCongestionWindow: 12_000 });
    window.acknowledged(100_000);
    expect(window.window).toBe(12_000);
    for (let loss = 0; loss < 20; loss++) window.lossDetected();
    expect(window.window).toBe(1_024);
  });
});
