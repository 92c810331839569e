import { expect, test } from 'vitest';
import { ByteBudget } from '../../../../node-core/io/byte-budget.ts';

test('holds no more than fits in all, nor of one source, and gives back', () => {
  const budget = new ByteBudget(100, 60);
  expect(budget.hold('a', 60)).toBe(true);
  expect(budget.hold('a', 1)).toBe(false);
  expect(budget.hold('b', 41)).toBe(false);
  expect(budget.hold('b', 40)).toBe(true);
  expect(budget.total).toBe(100);
  budget.release('a', 60);
  budget.release('b', 40);
  expect(budget.total).toBe(0);
  expect(budget.hold('b', 60)).toBe(true);
});
