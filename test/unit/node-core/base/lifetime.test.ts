import { expect, test } from 'vitest';
import { PilotError } from '../../../../node-core/base/errors.ts';
import { Lifetime } from '../../../../node-core/base/lifetime.ts';

const never = new Promise<never>(() => {});

test('closes what was opened, the last first, once it is asked to end', async () => {
  const lifetime = new Lifetime();
  const journal: string[] = [];
  const running = lifetime.run(
    async (self) => {
      self.onEnd(() => journal.push('first'));
      self.onEnd(async () => journal.push('second'));
      return 'up';
    },
    (ready) => journal.push(ready),
  );
  await new Promise(setImmediate);
  expect(journal).toEqual(['up']);
  lifetime.end();
  await running;
  expect(journal).toEqual(['up', 'second', 'first']);
});

test('asked to end on its way up, gives up waiting, closes what is open and is never ready', async () => {
  const lifetime = new Lifetime();
  const journal: string[] = [];
  const running = lifetime.run(
    async (self) => {
      self.onEnd(() => journal.push('closed'));
      await self.until(never);
    },
    () => journal.push('ready'),
  );
  lifetime.end();
  await running;
  expect(journal).toEqual(['closed']);
});

test('closes what is open and fails as the start did', async () => {
  const lifetime = new Lifetime();
  const journal: string[] = [];
  const failing = lifetime.run(
    async (self) => {
      self.onEnd(() => journal.push('closed'));
      throw new PilotError('config.invalid', 'no');
    },
    () => journal.push('ready'),
  );
  await expect(failing).rejects.toMatchObject({ code: 'config.invalid' });
  expect(journal).toEqual(['closed']);
});

test('a wait that ends in time gives its value', async () => {
  expect(await new Lifetime().until(Promise.resolve(7))).toBe(7);
});
