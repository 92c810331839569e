import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DeadlineQueue } from '../../../../node-core/base/deadline-queue.ts';

test('a moved deadline counts, the old one does not', () => {
  const queue = new DeadlineQueue<string>();
  queue.set('a', 10);
  queue.set('b', 20);
  queue.set('a', 30);
  expect([queue.next(), queue.takeDue(19), queue.takeDue(20)]).toEqual([20, undefined, 'b']);
  queue.set('a', undefined);
  expect([queue.next(), queue.size]).toEqual([undefined, 0]);
});

test('agrees with sorting, whatever is set, moved and removed', () => {
  const step = fc.record({ owner: fc.nat(20), deadline: fc.option(fc.nat(1_000), { nil: undefined }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const queue = new DeadlineQueue<number>();
      const plain = new Map<number, number>();
      for (const { owner, deadline } of steps) {
        queue.set(owner, deadline);
        if (deadline === undefined) plain.delete(owner);
        else plain.set(owner, deadline);
        expect(queue.next()).toBe(plain.size === 0 ? undefined : Math.min(...plain.values()));
      }
      const taken: (number | undefined)[] = [];
      for (let owner = queue.takeDue(1_000); owner !== undefined; owner = queue.takeDue(1_000)) {
        taken.push(plain.get(owner));
      }
      expect(taken).toEqual([...plain.values()].sort((a, b) => a - b));
    }),
    { numRuns: 100 },
  );
});
