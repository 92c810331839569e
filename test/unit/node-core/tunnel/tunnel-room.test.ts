import { expect, test } from 'vitest';
import { createTunnelKeyPair } from '../../../../node-core/crypto/key-exchange.ts';
import { LIFTED_RATES } from '../../../../node-core/tunnel/tunnel-config.ts';
import { keyExchangeSignedBytes } from '../../../../node-core/wire/tunnel-frame.ts';
import { datagram } from '../../../support/sim-tunnels.ts';
import { OWN, PEER, TunnelBench } from '../../../support/tunnel-bench.ts';

const FIRST_STRANGER = 1_000;
const ROOM = 40;
/** A quarter is kept for those we ask for and those we trust. */
const GUEST_ROOM = 30;

function crowdedBench(): TunnelBench {
  const bench = new TunnelBench({ limits: { ...LIFTED_RATES, maxTunnels: ROOM } });
  bench.isRegistered = () => true;
  return bench;
}

/** A node comes with a key exchange of its own. */
function come(bench: TunnelBench, nodeId: number): void {
  const { publicKey } = createTunnelKeyPair(bench.random);
  bench.receive({
    kind: 'key-exchange',
    senderNodeId: nodeId,
    x25519PublicKey: publicKey,
    ed25519PublicKey: bench.peerIdentity.publicKey,
    signature: bench.peerIdentity.sign(keyExchangeSignedBytes(nodeId, publicKey)),
  });
  bench.sent();
}

function comeAll(bench: TunnelBench, count: number): void {
  for (let index = 0; index < count; index++) come(bench, FIRST_STRANGER + index);
}

test('strangers that fill the table leave room for those we dial, and for those we trust', () => {
  const bench = crowdedBench();
  comeAll(bench, 2 * ROOM);
  expect(bench.table.peers()).toHaveLength(GUEST_ROOM);
  expect(bench.reasons['peer-limit']).toBeGreaterThan(0);
  for (let nodeId = 1; nodeId <= 5; nodeId++) bench.table.connect(100 + nodeId, bench.now);
  bench.table.pin(PEER, bench.peerIdentity.publicKey);
  bench.establish();
  bench.receive(bench.say('hello'));
  expect(bench.texts).toEqual(['hello']);
  expect(bench.table.peers()).toHaveLength(GUEST_ROOM + 6);
});

test('a stranger that proved no key gives way after 5 s, one that did after a minute without traffic', () => {
  const bench = crowdedBench();
  bench.establish();
  bench.receive(bench.say('hello'));
  comeAll(bench, GUEST_ROOM);
  bench.nowMs += 4_900;
  come(bench, 5_000);
  expect(bench.table.peers()).not.toContain(5_000);
  bench.nowMs += 200;
  for (let index = 0; index < GUEST_ROOM; index++) come(bench, 6_000 + index);
  // All but the one that spoke were replaced.
  expect(bench.table.peers().filter((nodeId) => nodeId < 2_000)).toEqual([PEER]);
  expect(bench.table.peers()).toHaveLength(GUEST_ROOM);
  bench.nowMs += 55_000;
  for (let index = 0; index < GUEST_ROOM; index++) come(bench, 7_000 + index);
  expect(bench.table.peers()).not.toContain(PEER);
});

test('what an application of ours uses stays, whatever comes', () => {
  const bench = crowdedBench();
  bench.establish();
  bench.table.send(PEER, datagram(OWN, PEER, 'hi'), bench.now);
  bench.table.connect(PEER, bench.now);
  for (let minute = 0; minute < 5; minute++) {
    comeAll(bench, 2 * ROOM);
    bench.nowMs += 61_000;
  }
  expect(bench.table.peers()).toContain(PEER);
});

test('a table full of peers we dialled lets the idlest go for another one, but none of those in use', () => {
  const bench = crowdedBench();
  for (let index = 0; index < ROOM; index++) bench.table.connect(100 + index, bench.now);
  expect(() => bench.table.connect(99, bench.now)).toThrow('too many tunnels');
  bench.nowMs += 61_000;
  for (let index = 1; index < ROOM; index++) bench.table.connect(100 + index, bench.now);
  bench.table.connect(99, bench.now);
  expect(bench.table.peers()).not.toContain(100);
  expect(() => bench.table.connect(98, bench.now)).toThrow('too many tunnels');
});
