import { expect, test } from 'vitest';
import { PingSchedule } from '../../../../node-core/host/ping-schedule.ts';

const PACE = { periodMs: 2_000, most: 50, patience: 3, longestPauseMs: 60_000 };

/** When each peer was asked in the first so many milliseconds; who is gone at the time does not answer. */
function asked(schedule: PingSchedule, untilMs: number, isGone: (nodeId: number, nowMs: number) => boolean) {
  const at = new Map<number, number[]>();
  for (let nowMs = 0; nowMs < untilMs; nowMs += 500) {
    for (const nodeId of schedule.take(nowMs)) {
      at.set(nodeId, [...(at.get(nodeId) ?? []), nowMs]);
      if (isGone(nodeId, nowMs)) schedule.unanswered(nodeId, nowMs);
      else schedule.answered(nodeId, nowMs);
    }
  }
  return at;
}

test('who answers is asked every period', () => {
  const schedule = new PingSchedule(PACE);
  schedule.setPeers([1], 0);
  expect(asked(schedule, 8_000, () => false).get(1)).toEqual([0, 2_000, 4_000, 6_000]);
});

test('who is gone is asked less and less often, down to once a minute', () => {
  const schedule = new PingSchedule(PACE);
  schedule.setPeers([1], 0);
  const at = asked(schedule, 300_000, () => true).get(1) ?? [];
  const pauses = at.slice(1).map((ms, index) => ms - (at[index] as number));
  expect(pauses).toEqual([2_000, 2_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
});

test('a thousand that are gone cost less than a tenth of a thousand that answer, and delay nobody', () => {
  const schedule = new PingSchedule(PACE);
  const gone = Array.from({ length: 1_000 }, (_, index) => index + 10);
  schedule.setPeers([1, ...gone], 0);
  const at = asked(schedule, 600_000, (nodeId) => nodeId !== 1);
  const late = (nodeId: number) => (at.get(nodeId) ?? []).filter((ms) => ms >= 120_000).length;
  expect(gone.reduce((sum, nodeId) => sum + late(nodeId), 0)).toBeLessThan((480 / 60 + 1) * gone.length);
  expect(late(1)).toBeGreaterThan(120); // of 240 while nobody else is asked
});

test('who is heard again is asked at once, and as often as before', () => {
  const schedule = new PingSchedule(PACE);
  schedule.setPeers([1], 0);
  asked(schedule, 100_000, () => true);
  expect(schedule.take(100_000)).toEqual([]);
  schedule.heard(1, 100_000);
  expect(schedule.take(100_000)).toEqual([1]);
  schedule.unanswered(1, 100_000);
  expect(schedule.take(102_000)).toEqual([1]);
});

test('nobody is asked again while an answer may still come, and who left is asked no more', () => {
  const schedule = new PingSchedule(PACE);
  expect(schedule.setPeers([1, 2], 0)).toBe(true);
  expect(schedule.setPeers([1, 2], 1)).toBe(false);
  expect(schedule.take(1)).toEqual([1, 2]);
  expect(schedule.take(10_000)).toEqual([]);
  schedule.setPeers([2], 10_000);
  schedule.answered(1, 1);
  schedule.answered(2, 1);
  expect(schedule.take(20_000)).toEqual([2]);
});
