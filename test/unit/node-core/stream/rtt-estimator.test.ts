import { describe, expect, test } from 'vitest';
import { RttEstimator } from '../../../../node-core/stream/rtt-estimator.ts';
import { STREAM_DEFAULTS } from '../../../../node-core/stream/stream-config.ts';

describe('RttEstimator', () => {
  test.each([
    { name: 'a small sample', samples: [1_000_000], expected: [[1_000_000, 500_000, 200_000_000]] },
    {
      name: 'odd nanoseconds, each product floored by itself',
      samples: [7, 13, 3, 101],
      expected: [
        [7, 3, 200_000_000],
        [7, 3, 200_000_000],
        [6, 3, 200_000_000],
        [17, 25, 200_000_000],
      ],
    },
    {
      name: 'the worked example 100, 200, 2 ms',
      samples: [100_000_000, 200_000_000, 2_000_000],
      expected: [
        [100_000_000, 50_000_000, 300_000_000],
        [112_500_000, 62_500_000, 362_500_000],
        [98_687_500, 74_500_000, 396_687_500],
      ],
    },
    {
      name: 'huge samples, clamped to 10 s',
      samples: [4_000_000_000, 9_000_000_000, 20_000_000_000],
      expected: [
        [4_000_000_000, 2_000_000_000, 10_000_000_000],
        [4_625_000_000, 2_750_000_000, 10_000_000_000],
        [6_546_875_000, 5_906_250_000, 10_000_000_000],
      ],
    },
    {
      name: 'a first sample of zero, after which the next is the first',
      samples: [0, 0, 25_000_000, 30_000_000],
      expected: [
        [0, 0, 200_000_000],
        [0, 0, 200_000_000],
        [25_000_000, 12_500_000, 200_000_000],
        [25_625_000, 10_625_000, 200_000_000],
      ],
    },
  ])('follows $name', ({ samples, expected }) => {
    const estimator = new RttEstimator(STREAM_DEFAULTS);
    const seen = samples.map((sample) => {
      estimator.addSampleNs(sample);
      return [estimator.smoothedNs, estimator.variationNs, estimator.timeoutNs];
    });
    expect(seen).toEqual(expected);
  });

  test('starts with 1 s, doubles up to 10 s, and a sample ends the back-off', () => {
    const estimator = new RttEstimator(STREAM_DEFAULTS);
    const timeouts = Array.from({ length: 6 }, () => {
      const timeout = estimator.timeoutMs;
      estimator.backOff();
      return timeout;
    });
    expect(timeouts).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    estimator.addSampleMs(40);
    expect(estimator.timeoutMs).toBe(200);
  });
});
