import { describe, expect, test } from 'vitest';
import { continueHealth, type HealthEvidence, judgeHealth } from '../../../../node-core/mesh/health.ts';

const NOW = 1_793_620_800_000;
const heard = { lastEvidenceAt: NOW - 1_000 };
const hour = 3_600_000;

describe('health', () => {
  test.each<[string, HealthEvidence, string, string]>([
    ['heard and nothing wrong', heard, 'ok', 'no fault seen'],
    ['silent for 10 s', { ...heard, silentSince: NOW - 10_000 }, 'failing', 'silent on all paths'],
    ['silent for less', { ...heard, silentSince: NOW - 9_999 }, 'ok', 'no fault seen'],
    ['5 % fail', { ...heard, requests: 100, failures: 5 }, 'failing', '5 of 100 requests failed in 1 min'],
    ['4 % fail', { ...heard, requests: 100, failures: 4 }, 'ok', 'no fault seen'],
    ['no requests at all', { ...heard, requests: 0, failures: 0 }, 'ok', 'no fault seen'],
    ['1 % lost', { ...heard, lossRatio: 0.01 }, 'degraded', '1.0 % of pings are lost'],
    ['less lost', { ...heard, lossRatio: 0.009 }, 'ok', 'no fault seen'],
    ['p95 over its limit', { ...heard, p95Ms: 501 }, 'degraded', 'p95 501 ms is over its limit of 500 ms'],
    ['3 times its hour', { ...heard, p95Ms: 90, p95HourMs: 30 }, 'degraded', 'p95 90 ms, 30 ms in its last hour'],
    ['3 times next to nothing', { ...heard, p95Ms: 3, p95HourMs: 0.5 }, 'ok', 'no fault seen'],
    ['fell to a relay', { ...heard, fellAt: NOW - hour / 4 }, 'degraded', 'fell from a straight path to a relay'],
    ['fell long ago', { ...heard, fellAt: NOW - hour / 2 }, 'ok', 'no fault seen'],
    ['no evidence for 60 s', { lastEvidenceAt: NOW - 60_000 }, 'unknown', 'no evidence for 60 s'],
    ['never heard', {}, 'unknown', 'not heard yet'],
    [
      'silence before unknown',
      { silentSince: NOW - hour, lastEvidenceAt: NOW - hour },
      'failing',
      'silent on all paths',
    ],
    ['unknown before loss', { lastEvidenceAt: NOW - hour, lossRatio: 0.5 }, 'unknown', 'no evidence for 60 s'],
  ])('%s', (_, evidence, state, reason) => {
    expect(judgeHealth(evidence, NOW)).toEqual({ state, reason });
  });

  test('holds since its state changed, whatever the reason says', () => {
    const first = continueHealth(undefined, { state: 'failing', reason: '1 of 2 requests failed in 1 min' }, NOW);
    const second = continueHealth(first, { state: 'failing', reason: '2 of 4 requests failed in 1 min' }, NOW + 500);
    expect(second).toEqual({ state: 'failing', reason: '2 of 4 requests failed in 1 min', since: NOW });
    expect(continueHealth(second, { state: 'ok', reason: 'no fault seen' }, NOW + 900).since).toBe(NOW + 900);
  });
});
