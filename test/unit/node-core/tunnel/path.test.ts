import { expect, test } from 'vitest';
import { direct, Path, RELAY } from '../../../../node-core/tunnel/path.ts';

const X = { host: '1.1.1.1', port: 1 };
const Y = { host: '2.2.2.2', port: 2 };
const LAN = { host: '192.168.0.9', port: 3 };

function at(ms: number) {
  return { monotonicMs: ms, unixNano: BigInt(ms) };
}

test.each([
  { name: 'a LAN address of the peer', endpoint: LAN, punchedAt: 0, kind: 'lan' },
  { name: 'an endpoint after a punch command', endpoint: X, punchedAt: 0, kind: 'punched' },
  { name: 'an endpoint long after a punch command', endpoint: X, punchedAt: -60_000, kind: 'direct' },
  { name: 'an endpoint without a punch command', endpoint: X, punchedAt: undefined, kind: 'direct' },
])('$name is $kind, and stays so', ({ endpoint, punchedAt, kind }) => {
  const path = new Path(at(0));
  path.provide({ real: X, lan: [LAN], relayOnly: false });
  if (punchedAt !== undefined) path.notePunch(Y, punchedAt);
  expect(path.adopt(direct(endpoint), at(1_000))).toBe('unknown');
  expect([path.kind, path.kindOf(direct(endpoint), 1e9)]).toEqual([kind, kind]);
});

test('candidates are LAN first, then the registered, then the punched endpoint, each once', () => {
  const path = new Path(at(0));
  path.provide({ real: X, lan: [LAN, X], relayOnly: false });
  path.notePunch(Y, 0);
  expect(path.candidates(1)).toEqual([LAN, X, Y]);
  expect(path.candidates(60_000)).toEqual([LAN, X]);
  path.provide({ real: X, lan: [LAN], relayOnly: true });
  expect(path.candidates(1)).toEqual([]);
});

test('a direct route is dead after three unanswered pings and 4 s', () => {
  const path = new Path(at(0));
  path.adopt(direct(X), at(0));
  path.sent(direct(X), true, 0);
  path.sent(direct(X), true, 1_000);
  expect(path.isDead(4_000)).toBe(false);
  path.sent(direct(X), true, 2_000);
  expect([path.isDead(3_999), path.isDead(4_000)]).toEqual([false, true]);
  path.heard(direct(X), 4_000);
  expect(path.isDead(10_000)).toBe(false);
});

test('a direct route is dead sooner when the peer is heard through the relay', () => {
  const path = new Path(at(0));
  path.adopt(direct(X), at(0));
  for (const now of [0, 500, 1_000]) path.sent(direct(X), true, now);
  path.heard(RELAY, 1_500);
  expect([path.isDead(1_999), path.isDead(2_000)]).toEqual([false, true]);
});

test('idle time is no silence: the clock starts with the first send', () => {
  const path = new Path(at(0));
  path.adopt(direct(X), at(0));
  path.heard(direct(X), 0);
  for (const now of [60_000, 60_001, 60_002]) path.sent(direct(X), true, now);
  expect(path.isDead(60_003)).toBe(false);
  expect(path.isPeerSilent(60_003)).toBe(false);
  expect(path.isPeerSilent(68_000)).toBe(true);
  path.heard(RELAY, 68_001);
  expect(path.isPeerSilent(80_000)).toBe(false);
});

test('the relay does not die, and the kind of a path has its time', () => {
  const path = new Path(at(0));
  path.adopt(RELAY, at(5));
  for (const now of [10, 11, 12]) path.sent(RELAY, true, now);
  expect(path.isDead(60_000)).toBe(false);
  expect([path.kind, path.since.monotonicMs]).toEqual(['relay', 5]);
  expect(path.adopt(RELAY, at(9))).toBeUndefined();
  expect(path.adopt(direct(X), at(70))).toBe('relay');
  expect(path.adopt(direct(Y), at(90))).toBeUndefined();
  expect(path.since.monotonicMs).toBe(70);
});
