import { expect, test } from 'vitest';
import { RELAY } from '../../../../node-core/tunnel/path.ts';
import { PeerKeys, type WaitingFrame } from '../../../../node-core/tunnel/peer-keys.ts';

const [KEY, OTHER] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];

const KEY_REQUEST = { kind: 'key-request', senderNodeId: 9, x25519PublicKey: new Uint8Array(32) } as const;

function waiting(kind: 'key-request' | 'recovery', ms: number): WaitingFrame {
  const frame = kind === 'recovery' ? kind : KEY_REQUEST;
  return { frame, route: RELAY, receivedAt: { monotonicMs: ms, unixNano: 0n } };
}

test('a key is asked for once, and what waited for it comes back', () => {
  const keys = new PeerKeys();
  expect(keys.ask(9, 0, waiting('key-request', 0))).toBe('ask');
  expect(keys.ask(9, 10, waiting('recovery', 10))).toBe('asking');
  expect(keys.ask(9, 20, waiting('key-request', 20))).toBe('asking');
  expect(keys.provide(9, KEY, 30).map((each) => [each.frame, each.receivedAt.monotonicMs])).toEqual([
    ['recovery', 10],
    [KEY_REQUEST, 20],
  ]);
  expect(keys.get(9)).toBe(KEY);
});

test('"none" is believed for 3 s, an answer that does not come for 10 s', () => {
  const keys = new PeerKeys();
  keys.ask(9, 0);
  keys.provide(9, undefined, 100);
  expect([keys.ask(9, 3_099), keys.ask(9, 3_100), keys.ask(9, 13_099), keys.ask(9, 13_100)]).toEqual([
    'refused',
    'ask',
    'asking',
    'ask',
  ]);
});

test('a frame that waited too long is forgotten', () => {
  const keys = new PeerKeys();
  keys.ask(9, 0, waiting('key-request', 0));
  expect(keys.provide(9, KEY, 10_000)).toEqual([]);
});

test('a pinned key stands above the registry’s', () => {
  const keys = new PeerKeys();
  keys.pin(9, KEY);
  keys.ask(9, 0);
  keys.provide(9, OTHER, 0);
  expect([keys.matches(9, KEY), keys.matches(9, OTHER), keys.isPinned(9)]).toEqual([true, false, true]);
  keys.unpin(9);
  expect([keys.matches(9, KEY), keys.matches(9, OTHER), keys.isPinned(9)]).toEqual([false, true, false]);
});

test('a registry that is away does not erase what it said before', () => {
  const keys = new PeerKeys();
  keys.provide(9, KEY, 0);
  keys.ask(9, 5_000);
  keys.provide(9, undefined, 5_001);
  expect(keys.get(9)).toBe(KEY);
});

test('the table is bounded, oldest first', () => {
  const keys = new PeerKeys();
  for (let node = 1; node <= 5_000; node++) keys.provide(node, KEY, node);
  expect([keys.get(1), keys.get(904), keys.get(905)]).toEqual([undefined, undefined, KEY]);
});
