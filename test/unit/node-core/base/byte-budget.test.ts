import { expect, test } from 'vitest';
import { ByteBudget } from '../../../../node-core/base/byte-budget.ts';

test('holds no more than fits in all, nor of one source, and gives back', () => {
  const budget = new ByteBudget(100, 60);
  const [a, b] = [budget.open('a'), budget.open('b')];
  expect(a.add(60)).toBe(true);
  expect(budget.open('a').add(1)).toBe(false);
  expect(b.add(41)).toBe(false);
  expect(b.add(40)).toBe(true);
  expect([budget.total, a.bytes, b.bytes]).toEqual([100, 60, 40]);
  a.release();
  b.release();
  expect(budget.total).toBe(0);
  expect(b.add(60)).toBe(true);
});
