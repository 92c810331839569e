import { expect, test } from 'vitest';
import { TrustLedger } from '../../../../node-core/rendezvous/trust-ledger.ts';
import type { RefusalCode } from '../../../../node-core/wire/registry-refusal.ts';

const ALONE: ReadonlySet<number> = new Set();

function refusalIn(act: () => void): RefusalCode | undefined {
  try {
    act();
  } catch (error) {
    return (error as { code: RefusalCode }).code;
  }
  return undefined;
}

test('handshakes wait in a bounded number for all nodes of one address, and polling makes room', () => {
  const ledger = new TrustLedger(() => {});
  const neighbours = new Set(Array.from({ length: 50 }, (_, index) => index + 1));
  const ask = (from: number, to: number) =>
    refusalIn(() => ledger.request({ from, to, justification: '' }, 1, neighbours));
  const refusals: unknown[] = [];
  for (let to = 1_000; to < 1_100; to++) for (const from of neighbours) refusals.push(ask(from, to));
  expect(refusals.filter((code) => code === undefined)).toHaveLength(4_096);
  expect(refusals.at(-1)).toBe('inbox-full');
  expect(refusalIn(() => ledger.request({ from: 77, to: 1_099, justification: '' }, 1, ALONE))).toBeUndefined();
  ledger.poll(1_000);
  expect(ask(1, 1_099)).toBeUndefined();
});

test('consents are bounded for one node and for all nodes of one address', () => {
  const ledger = new TrustLedger(() => {});
  const neighbours = new Set(Array.from({ length: 20 }, (_, index) => index + 1));
  const refusals: unknown[] = [];
  for (const from of neighbours) {
    for (let to = 1; to <= 4_097; to++) refusals.push(refusalIn(() => ledger.consent(from, to, neighbours)));
  }
  expect(refusals.indexOf('trust-full')).toBe(4_096);
  expect(refusals.filter((code) => code === undefined)).toHaveLength(65_536);
  expect(refusalIn(() => ledger.consent(1, 2, neighbours))).toBeUndefined(); // known already
});

test('a node is involved while it trusts, is trusted, or a handshake of it or for it waits', () => {
  const ledger = new TrustLedger(() => {});
  ledger.consent(1, 2, ALONE);
  expect([1, 2, 3].map((nodeId) => ledger.involves(nodeId))).toEqual([true, true, false]);
  ledger.revoke(2, 1);
  expect([1, 2].map((nodeId) => ledger.involves(nodeId))).toEqual([false, false]);
  ledger.respond({ from: 1, to: 2, accept: false }, 1, ALONE);
  expect([1, 2].map((nodeId) => ledger.involves(nodeId))).toEqual([true, true]);
  ledger.poll(2);
  expect([1, 2].map((nodeId) => ledger.involves(nodeId))).toEqual([false, false]);
});
