import { expect, test } from 'vitest';
import { concatBytes, equalBytes } from '../../../../node-core/base/bytes.ts';
import type { Instant } from '../../../../node-core/base/clock.ts';
import { createTunnelKeyPair, deriveTunnelKey, type TunnelKeyPair } from '../../../../node-core/crypto/key-exchange.ts';
import { Sealer } from '../../../../node-core/crypto/sealer.ts';
import { KeyRing } from '../../../../node-core/tunnel/key-ring.ts';
import { encodePacket } from '../../../../node-core/wire/packet.ts';
import type { SealedFrame } from '../../../../node-core/wire/tunnel-frame.ts';
import { seededBytes, seededRandom } from '../../../support/seeded-random.ts';
import { datagram } from '../../../support/sim-tunnels.ts';

const random = seededBytes(seededRandom(2));
const IDENTITY = random(32);
const PLAINTEXT = encodePacket(datagram(9, 7, 'x'));

function at(ms: number): Instant {
  return { monotonicMs: ms, unixNano: BigInt(ms) * 1_000_000n };
}

function ring(): KeyRing {
  return new KeyRing({ random, ownNodeId: 7 }, at(0));
}

/** Seals as the peer that holds `keys` and has our announced key. */
function sealer(of: KeyRing, keys: TunnelKeyPair): Sealer {
  return new Sealer({ key: deriveTunnelKey(keys, of.announcedKey), senderNodeId: 9, prefix: random(4) });
}

function sealOne(of: KeyRing, keys: TunnelKeyPair): SealedFrame {
  return sealer(of, keys).seal(PLAINTEXT);
}

test('the first key is in use at once, the second only when a frame opens under it', () => {
  const keys = ring();
  const [first, second] = [createTunnelKeyPair(random), createTunnelKeyPair(random)];
  expect(keys.offer(first.publicKey, IDENTITY, 'heard', at(0))).toBe('installed');
  expect(keys.offer(first.publicKey, IDENTITY, 'heard', at(1))).toBe('unchanged');
  expect(keys.offer(second.publicKey, IDENTITY, 'heard', at(2))).toBe('candidate');
  expect(keys.offer(second.publicKey, IDENTITY, 'heard', at(3))).toBe('known-candidate');
  const before = keys.current;
  expect(keys.open(sealOne(keys, first), at(4))).toMatchObject({ outcome: 'opened', promoted: false });
  expect(keys.current).toBe(before);
  expect(keys.open(sealOne(keys, second), at(5))).toMatchObject({ promoted: true, replacedOwn: false });
  expect(keys.current?.keys.peerX25519).toEqual(second.publicKey);
  expect(keys.offer(first.publicKey, IDENTITY, 'heard', at(6))).toBe('retired');
});

test('the replaced session opens frames for 10 s more', () => {
  const keys = ring();
  const [first, second] = [createTunnelKeyPair(random), createTunnelKeyPair(random)];
  keys.offer(first.publicKey, IDENTITY, 'heard', at(0));
  const old = sealer(keys, first);
  keys.offer(second.publicKey, IDENTITY, 'heard', at(1));
  keys.open(sealOne(keys, second), at(1_000));
  expect(keys.open(old.seal(PLAINTEXT), at(10_999))).toMatchObject({ outcome: 'opened', promoted: false });
  expect(keys.open(old.seal(PLAINTEXT), at(11_000)).outcome).toBe('undecryptable');
});

test('a candidate that proves nothing is forgotten after 30 s and may come again', () => {
  const keys = ring();
  const [first, second] = [createTunnelKeyPair(random), createTunnelKeyPair(random)];
  keys.offer(first.publicKey, IDENTITY, 'heard', at(0));
  keys.offer(second.publicKey, IDENTITY, 'heard', at(0));
  expect(keys.open(sealOne(keys, second), at(30_000)).outcome).toBe('undecryptable');
  expect(keys.candidates).toEqual([]);
  expect(keys.offer(second.publicKey, IDENTITY, 'heard', at(30_001))).toBe('candidate');
  expect(keys.open(sealOne(keys, second), at(30_002)).outcome).toBe('opened');
});

test('candidates are few, the newest stay', () => {
  const keys = ring();
  keys.offer(createTunnelKeyPair(random).publicKey, IDENTITY, 'heard', at(0));
  const offered = Array.from({ length: 10 }, () => createTunnelKeyPair(random));
  for (const pair of offered) keys.offer(pair.publicKey, IDENTITY, 'heard', at(1));
  expect(keys.candidates).toHaveLength(4);
  expect(keys.open(sealOne(keys, offered[9] as TunnelKeyPair), at(2)).outcome).toBe('opened');
});

test('a key of low order is refused, in use or not', () => {
  const keys = ring();
  expect(keys.offer(new Uint8Array(32), IDENTITY, 'heard', at(0))).toBe('bad-key');
  keys.offer(createTunnelKeyPair(random).publicKey, IDENTITY, 'heard', at(0));
  expect(keys.offer(new Uint8Array(32), IDENTITY, 'heard', at(0))).toBe('bad-key');
  expect(keys.candidates).toEqual([]);
});

test('a session made again under the same keys has us make a new key, which serves when the peer takes it', () => {
  const keys = ring();
  const peer = createTunnelKeyPair(random);
  keys.offer(peer.publicKey, IDENTITY, 'heard', at(0));
  const before = keys.announcedKey;
  const old = sealer(keys, peer);
  keys.open(old.seal(PLAINTEXT), at(6_000));
  expect(keys.rotateWhenDue(at(6_000))).toBe(false);
  keys.open(sealOne(keys, peer), at(6_001)); // another prefix, counter 1
  expect(keys.rotateWhenDue(at(6_001))).toBe(true);
  expect(equalBytes(keys.announcedKey, before)).toBe(false);
  expect(keys.rotating).toBe(true);
  expect(keys.rotateWhenDue(at(60_000))).toBe(false);
  expect(keys.open(old.seal(PLAINTEXT), at(60_000))).toMatchObject({ outcome: 'opened', promoted: false });
  // Once announced, the key waits for the peer without end.
  expect(keys.open(sealOne(keys, peer), at(600_000))).toMatchObject({ promoted: true, replacedOwn: true });
  expect(keys.rotating).toBe(false);
});

test('a new key of ours is not made twice within 5 s', () => {
  const keys = ring();
  const peer = createTunnelKeyPair(random);
  keys.offer(peer.publicKey, IDENTITY, 'heard', at(0));
  keys.open(sealOne(keys, peer), at(1));
  keys.open(sealOne(keys, peer), at(2));
  expect([keys.rotateWhenDue(at(4_999)), keys.rotationPending]).toEqual([false, true]);
  expect([keys.rotateWhenDue(at(5_000)), keys.rotationPending]).toEqual([true, false]);
});

test('both sides may replace their keys at once', () => {
  const keys = ring();
  const [old, fresh] = [createTunnelKeyPair(random), createTunnelKeyPair(random)];
  keys.offer(old.publicKey, IDENTITY, 'heard', at(0));
  const before = keys.announcedKey;
  keys.open(sealOne(keys, old), at(1));
  keys.open(sealOne(keys, old), at(2));
  keys.rotateWhenDue(at(6_000));
  expect(keys.offer(fresh.publicKey, IDENTITY, 'heard', at(6_001))).toBe('candidate');
  // The peer has a new key but not ours yet, then ours as well.
  const halfway = new Sealer({ key: deriveTunnelKey(fresh, before), senderNodeId: 9, prefix: random(4) });
  expect(keys.open(halfway.seal(PLAINTEXT), at(6_002))).toMatchObject({ promoted: true, replacedOwn: false });
  expect(keys.rotating).toBe(true);
  expect(keys.open(sealOne(keys, fresh), at(6_003))).toMatchObject({ promoted: true, replacedOwn: true });
  expect([keys.rotating, keys.candidates]).toEqual([false, []]);
});

test('so many replaced keys that they would be forgotten make us replace ours', () => {
  const keys = ring();
  const peers = Array.from({ length: 33 }, () => createTunnelKeyPair(random));
  for (const [index, peer] of peers.entries()) {
    keys.offer(peer.publicKey, IDENTITY, 'heard', at(10_000 + index));
    keys.open(sealOne(keys, peer), at(10_000 + index));
  }
  for (const peer of peers.slice(0, 32))
    expect(keys.offer(peer.publicKey, IDENTITY, 'heard', at(11_000))).toBe('retired');
  expect(keys.rotateWhenDue(at(11_000))).toBe(true);
});

test('no nonce returns under a key of ours, whatever keys the peer shows', () => {
  const keys = ring();
  const [first, second] = [createTunnelKeyPair(random), createTunnelKeyPair(random)];
  keys.offer(first.publicKey, IDENTITY, 'heard', at(0));
  const counters = Array.from({ length: 5 }, () => keys.current?.seal(PLAINTEXT).nonce);
  keys.offer(second.publicKey, IDENTITY, 'heard', at(1));
  counters.push(keys.candidates[0]?.seal(PLAINTEXT).nonce);
  const values = counters.map((nonce) => new DataView(concatBytes(nonce as Uint8Array).buffer).getBigUint64(4));
  expect(values).toEqual([1n, 2n, 3n, 4n, 5n, 6n]);
});

test.each([
  { what: 'for another node', plaintext: encodePacket(datagram(9, 8, 'x')), outcome: 'misaddressed' },
  { what: 'for node 0', plaintext: encodePacket(datagram(9, 0, '')), outcome: 'misaddressed' },
  { what: 'that is none', plaintext: Uint8Array.of(1, 2, 3), outcome: 'malformed' },
])('a packet $what proves no key, and its frame leaves the session as it was', ({ plaintext, outcome }) => {
  const keys = ring();
  const [first, second] = [createTunnelKeyPair(random), createTunnelKeyPair(random)];
  keys.offer(first.publicKey, IDENTITY, 'heard', at(0));
  keys.open(sealOne(keys, first), at(6_000));
  keys.offer(second.publicKey, IDENTITY, 'heard', at(6_001));
  expect(keys.open(sealer(keys, second).seal(plaintext), at(6_002))).toEqual({ outcome });
  expect(keys.current?.keys.peerX25519).toEqual(first.publicKey);
  // Under the key in use it does not look like a session that the peer made anew.
  expect(keys.open(sealer(keys, first).seal(plaintext), at(6_003))).toEqual({ outcome });
  expect([keys.rotateWhenDue(at(6_003)), keys.rotationPending]).toEqual([false, false]);
  expect(keys.open(sealOne(keys, second), at(6_004))).toMatchObject({ promoted: true });
});

test('a packet for node 0 counts under a prefix that one for us came under', () => {
  const keys = ring();
  const peer = createTunnelKeyPair(random);
  keys.offer(peer.publicKey, IDENTITY, 'heard', at(0));
  const seal = sealer(keys, peer);
  expect(keys.open(seal.seal(PLAINTEXT), at(1))).toMatchObject({ outcome: 'opened', provedKey: true });
  const keepalive = seal.seal(encodePacket(datagram(9, 0, '')));
  expect(keys.open(keepalive, at(2))).toMatchObject({ outcome: 'opened', provedKey: false });
  expect(keys.open(keepalive, at(3)).outcome).toBe('replayed');
});

test('a replaced key comes back while the peer is quiet, only with a new key of ours, and old frames stay closed', () => {
  const keys = ring();
  const [first, second] = [createTunnelKeyPair(random), createTunnelKeyPair(random)];
  keys.offer(first.publicKey, IDENTITY, 'heard', at(0));
  const captured = sealer(keys, first).seal(PLAINTEXT);
  keys.open(captured, at(1));
  keys.offer(second.publicKey, IDENTITY, 'heard', at(2));
  keys.open(sealOne(keys, second), at(3));
  const before = keys.announcedKey;
  expect(keys.offer(first.publicKey, IDENTITY, 'heard', at(20_000))).toBe('retired');
  expect(keys.offer(first.publicKey, IDENTITY, 'quiet', at(20_000))).toBe('candidate');
  expect(equalBytes(keys.announcedKey, before)).toBe(false);
  expect(keys.open(captured, at(20_001)).outcome).toBe('undecryptable');
  expect(keys.open(sealOne(keys, first), at(20_002))).toMatchObject({ promoted: true, replacedOwn: true });
  expect(keys.offer(second.publicKey, IDENTITY, 'heard', at(20_003))).toBe('retired');
});

test('a replaced key that is offered again and again makes no new key of ours within 5 s, nor while the last waits', () => {
  const keys = ring();
  const [first, second] = [createTunnelKeyPair(random), createTunnelKeyPair(random)];
  keys.offer(first.publicKey, IDENTITY, 'heard', at(0));
  keys.offer(second.publicKey, IDENTITY, 'heard', at(1));
  keys.open(sealOne(keys, second), at(2));
  expect(keys.offer(first.publicKey, IDENTITY, 'quiet', at(4_999))).toBe('retired');
  expect(keys.offer(first.publicKey, IDENTITY, 'quiet', at(5_000))).toBe('candidate');
  const announced = keys.announcedKey;
  expect(keys.offer(first.publicKey, IDENTITY, 'quiet', at(60_000))).toBe('candidate');
  expect(keys.announcedKey).toBe(announced);
});
