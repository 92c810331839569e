import { expect, test } from 'vitest';
import { KeyExchangeRounds } from '../../../../node-core/tunnel/key-exchange-rounds.ts';

/** Runs a round to its end and returns the times of its attempts. */
function attempts(rounds: KeyExchangeRounds, start: number): { readonly times: number[]; readonly failedAt: number } {
  const times: number[] = [];
  for (let now = start; ; now = rounds.nextDue() ?? Number.NaN) {
    const due = rounds.takeDue(now);
    if (due === 'failed') return { times, failedAt: now };
    if (due !== times.length) throw new Error(`attempt ${due} at ${now}`);
    times.push(now);
  }
}

test('a round has six attempts and ends after 15.5 s; rests grow from 2 to 15 s', () => {
  const rounds = new KeyExchangeRounds();
  const rests: number[] = [];
  let now = 0;
  for (let round = 0; round < 6; round++) {
    rounds.start('first', now);
    const { times, failedAt } = attempts(rounds, now);
    expect(times.map((time) => time - now)).toEqual([0, 500, 1_500, 3_500, 7_500, 11_500]);
    expect(failedAt - now).toBe(15_500);
    const restsUntil = rounds.nextDue() ?? Number.NaN;
    expect([rounds.mayStart(failedAt), rounds.mayStart(restsUntil)]).toEqual([false, true]);
    rests.push(restsUntil - failedAt);
    expect(rounds.takeDue(restsUntil)).toBe('rested');
    expect(rounds.nextDue()).toBeUndefined();
    now = restsUntil;
  }
  expect(rests).toEqual([2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
});

test('an answer ends the round and forgets the failures', () => {
  const rounds = new KeyExchangeRounds();
  rounds.start('first', 0);
  attempts(rounds, 0);
  rounds.settle();
  rounds.start('silent', 100_000);
  const { failedAt } = attempts(rounds, 100_000);
  expect((rounds.nextDue() ?? 0) - failedAt).toBe(2_000);
});

test('only a first attempt that waits can be hastened', () => {
  const rounds = new KeyExchangeRounds();
  rounds.start('first', 1_000);
  rounds.hasten(10);
  expect(rounds.takeDue(10)).toBe(0);
  rounds.hasten(20);
  expect([rounds.takeDue(20), rounds.nextDue()]).toEqual([undefined, 510]);
});

test('no second sees more than four frames', () => {
  const rounds = new KeyExchangeRounds();
  const taken = Array.from({ length: 300 }, (_, n) => n * 10).filter((now) => rounds.takeFrame(now));
  for (const time of taken) {
    expect(taken.filter((other) => other >= time && other < time + 1_000).length).toBeLessThanOrEqual(4);
  }
  expect(taken.length).toBe(12);
});
