import { expect, test } from 'vitest';
import { ConnectionShares } from '../../../../node-core/io/connection-shares.ts';

const admitted = (ended?: string) => ({ ended });

test('one source has its own limit, and leaves room for others', () => {
  const shares = new ConnectionShares<string>({ connections: 10, connectionsPerSource: 2 });
  expect(shares.admit('a', 'a1')).toEqual(admitted());
  expect(shares.admit('a', 'a2')).toEqual(admitted());
  for (const name of ['a1', 'a2']) shares.spoke('a', name);
  expect(shares.admit('a', 'a3')).toBe('full');
  expect(shares.admit('b', 'b1')).toEqual(admitted());
  shares.remove('a', 'a1');
  expect(shares.admit('a', 'a4')).toEqual(admitted());
  expect(shares.open).toBe(3);
});

test('when a source has its places, a newcomer gets that of the first there who said nothing', () => {
  const shares = new ConnectionShares<string>({ connections: 10, connectionsPerSource: 3 });
  for (const name of ['a1', 'a2', 'a3']) shares.admit('a', name);
  shares.spoke('a', 'a1');
  expect(shares.admit('a', 'a4')).toEqual(admitted('a2'));
  expect(shares.admit('a', 'a5')).toEqual(admitted('a3'));
  for (const name of ['a4', 'a5']) shares.spoke('a', name);
  expect(shares.admit('a', 'a6')).toBe('full');
  expect(shares.open).toBe(3);
  for (const name of ['a1', 'a4', 'a5']) shares.remove('a', name);
  expect(shares.open).toBe(0);
});

test('when all is full, a newcomer gets the newest place of whoever has most, until their shares are even', () => {
  const shares = new ConnectionShares<string>({ connections: 5, connectionsPerSource: 4 });
  for (const name of ['a1', 'a2', 'a3', 'a4']) shares.admit('a', name);
  shares.admit('b', 'b1');
  expect(shares.admit('c', 'c1')).toEqual(admitted('a4'));
  expect(shares.admit('c', 'c2')).toEqual(admitted('a3'));
  expect(shares.admit('c', 'c3')).toBe('full');
  expect(shares.admit('d', 'd1')).toEqual(admitted('a2'));
  expect(shares.open).toBe(5);
});

test('a connection that is gone already is not counted twice', () => {
  const shares = new ConnectionShares<string>({ connections: 1, connectionsPerSource: 1 });
  shares.admit('a', 'a1');
  shares.remove('a', 'a1');
  shares.remove('a', 'a1');
  expect(shares.open).toBe(0);
  expect(shares.admit('b', 'b1')).toEqual(admitted());
});
