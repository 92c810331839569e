import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Instant, Millis } from '../../../../node-core/base/clock.ts';
import { EventLoop } from '../../../../node-core/io/event-loop.ts';

const clock = { now: (): Instant => ({ monotonicMs: performance.now(), unixNano: 0n }) };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A core that wants to be woken at its deadlines, and says each one it has seen. */
class Deadlines {
  readonly seen: Millis[] = [];
  readonly due: Millis[];

  constructor(...afterMs: Millis[]) {
    this.due = afterMs.map((ms) => performance.now() + ms);
  }

  handleTimeout(now: Instant): void {
    while (this.due[0] !== undefined && this.due[0] <= now.monotonicMs) this.seen.push(this.due.shift() as Millis);
  }

  nextTimeout(): Millis | undefined {
    return this.due[0];
  }
}

test('wakes the core at each of its deadlines', async () => {
  const core = new Deadlines(100, 250);
  const loop = new EventLoop(core, clock, () => {});
  loop.run(() => {});
  await vi.advanceTimersByTimeAsync(99);
  expect(core.seen).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(1);
  expect(core.seen).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(150);
  expect(core.seen).toHaveLength(2);
  expect(vi.getTimerCount()).toBe(0);
});

test('drains after each outermost call, once, also when a drained event runs another', () => {
  let drained = 0;
  const loop: EventLoop = new EventLoop(new Deadlines(), clock, () => {
    drained += 1;
    loop.run(() => {});
  });
  expect(loop.run(() => loop.run(() => 7))).toBe(7);
  expect(drained).toBe(1);
});

test('drains and rearms also after a call that threw', () => {
  let drained = 0;
  const loop = new EventLoop(new Deadlines(100), clock, () => {
    drained += 1;
  });
  expect(() =>
    loop.run(() => {
      throw new Error('no');
    }),
  ).toThrow('no');
  expect([drained, vi.getTimerCount()]).toEqual([1, 1]);
});

test('stops', async () => {
  const core = new Deadlines(100);
  const loop = new EventLoop(core, clock, () => {});
  loop.run(() => {});
  loop.stop();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(core.seen).toHaveLength(0);
});
