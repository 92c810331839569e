import { expect, test } from 'vitest';
import { FrameBatcher, type FrameClock } from '../../../../renderer/client/frame-batcher.ts';

/** Time and frames that pass only when the test says so. */
class ManualClock implements FrameClock {
  #now = 0;
  #timers: { at: number; run: () => void }[] = [];
  #frames: (() => void)[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): void {
    this.#timers.push({ at: this.#now + ms, run });
  }

  nextFrame(run: () => void): void {
    this.#frames.push(run);
  }

  pass(ms: number, frame = true): void {
    this.#now += ms;
    const due = this.#timers.filter((timer) => timer.at <= this.#now);
    this.#timers = this.#timers.filter((timer) => timer.at > this.#now);
    for (const timer of due) timer.run();
    if (!frame) return;
    const frames = this.#frames;
    this.#frames = [];
    for (const run of frames) run();
  }
}

function batcherOf() {
  const clock = new ManualClock();
  const applied: string[] = [];
  const batcher = new FrameBatcher<string>(
    (held, next) => held + next,
    (value) => applied.push(value),
    clock,
  );
  return { clock, applied, batcher };
}

test('applies what came together at once, and then at most five times a second', () => {
  const { clock, applied, batcher } = batcherOf();
  batcher.push('a');
  batcher.push('b');
  clock.pass(0);
  batcher.push('c');
  clock.pass(100);
  batcher.push('d');
  expect(applied).toEqual(['ab']);
  clock.pass(100);
  expect(applied).toEqual(['ab', 'cd']);
});

test('applies nothing while a hidden window has no frames, and one merged value after', () => {
  const { clock, applied, batcher } = batcherOf();
  for (const item of ['a', 'b', 'c']) {
    batcher.push(item);
    clock.pass(500, false);
  }
  expect(applied).toEqual([]);
  clock.pass(0);
  expect(applied).toEqual(['abc']);
});

test('keeps what comes while held, and applies it on release', () => {
  const { clock, applied, batcher } = batcherOf();
  batcher.push('a');
  batcher.hold(true);
  clock.pass(0);
  batcher.push('b');
  clock.pass(1_000);
  expect(applied).toEqual([]);
  batcher.hold(false);
  clock.pass(0);
  expect(applied).toEqual(['ab']);
});

test('forgets what a broken connection left waiting', () => {
  const { clock, applied, batcher } = batcherOf();
  batcher.push('old');
  batcher.clear();
  clock.pass(0);
  batcher.push('new');
  clock.pass(0);
  expect(applied).toEqual(['new']);
});
