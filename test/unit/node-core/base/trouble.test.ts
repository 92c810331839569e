import { expect, test } from 'vitest';
import { Trouble } from '../../../../node-core/base/trouble.ts';

test('what fails ten times a second for five minutes is said six times, with counts, and once that it is over', () => {
  const said: string[] = [];
  const trouble = new Trouble((text) => said.push(text), 60_000);
  let now = 0;
  for (; now < 300_000; now += 100) trouble.note('The disk is full', now);
  trouble.end('The store works again', now);
  trouble.end('The store works again', now + 1);
  expect(said).toEqual([
    'The disk is full',
    ...Array.from({ length: 4 }, () => 'The disk is full (600 times more in 60 s)'),
    'The store works again, after 3000 failures in 300 s',
  ]);
});

test('what came last is said also when nothing more comes', () => {
  const said: string[] = [];
  const trouble = new Trouble((text) => said.push(text), 60_000);
  trouble.note('a', 0);
  trouble.note('b', 10);
  trouble.poll(59_000);
  trouble.poll(61_000);
  trouble.poll(200_000);
  expect(said).toEqual(['a', 'b (1 times more in 61 s)']);
});
