import { expect, test } from 'vitest';
import type { HealthState } from '../../../../node-core/contract/shapes.ts';
import { healthSummary, healthVerdict } from '../../../../renderer/format/health-summary.ts';
import { anAgent } from '../builders.ts';

const fleet = (...states: HealthState[]) => [
  anAgent({ nodeId: 1, self: true, health: { state: 'failing', reason: '', since: 0 } }),
  ...states.map((state, index) => anAgent({ nodeId: index + 2, health: { state, reason: '', since: 0 } })),
];

test('counts agents as the host judged them, this node apart', () => {
  expect(healthVerdict(fleet('ok', 'ok', 'degraded', 'failing', 'unknown'))).toBe(
    '2 of 5 agents are well: 1 degraded, 1 failing, 1 unknown.',
  );
  expect(healthVerdict(fleet('ok'))).toBe('1 of 1 agent is well.');
  expect(healthVerdict(fleet())).toBe('No agents yet. This node is up and waits for peers.');
});

test('sums trouble in one line for the live region', () => {
  expect(healthSummary(fleet('degraded', 'degraded', 'failing'))).toBe('2 agents degraded, 1 failing.');
  expect(healthSummary(fleet('ok'))).toBe('');
});
