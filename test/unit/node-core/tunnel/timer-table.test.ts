import { expect, test } from 'vitest';
import { TimerTable } from '../../../../node-core/tunnel/timer-table.ts';

test('what is due comes earliest first, and once', () => {
  const timers = new TimerTable<'a' | 'b' | 'c'>();
  timers.set('a', 30);
  timers.set('b', 10);
  timers.set('c', 50);
  expect(timers.next()).toBe(10);
  expect(timers.takeDue(40)).toEqual(['b', 'a']);
  expect([timers.next(), timers.takeDue(40)]).toEqual([50, []]);
});

test('setting again moves a deadline, setting earlier only forward', () => {
  const timers = new TimerTable<'a'>();
  timers.set('a', 30);
  timers.set('a', 60);
  expect(timers.next()).toBe(60);
  timers.setEarlier('a', 90);
  expect(timers.next()).toBe(60);
  timers.setEarlier('a', 20);
  expect([timers.next(), timers.has('a')]).toEqual([20, true]);
  timers.clear('a');
  expect([timers.next(), timers.has('a')]).toEqual([undefined, false]);
});
