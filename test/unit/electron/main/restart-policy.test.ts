import { expect, test } from 'vitest';
import { RestartPolicy } from '../../../../electron/main/restart-policy.ts';

test('two exits within a minute restart, the second later than the first, and the third stops', () => {
  const policy = new RestartPolicy();
  expect(policy.handleExit(1_000)).toEqual({ kind: 'restart', inMs: 250 });
  expect(policy.handleExit(20_000)).toEqual({ kind: 'restart', inMs: 1_000 });
  expect(policy.handleExit(60_999)).toEqual({ kind: 'stop' });
});

test('an exit leaves the count after a minute', () => {
  const policy = new RestartPolicy();
  policy.handleExit(1_000);
  policy.handleExit(20_000);
  expect(policy.handleExit(61_000)).toEqual({ kind: 'restart', inMs: 1_000 });
  expect(policy.handleExit(200_000)).toEqual({ kind: 'restart', inMs: 250 });
});

test('starting again by hand begins the count anew', () => {
  const policy = new RestartPolicy();
  for (const now of [0, 1, 2]) policy.handleExit(now);
  policy.reset();
  expect(policy.handleExit(3)).toEqual({ kind: 'restart', inMs: 250 });
});
