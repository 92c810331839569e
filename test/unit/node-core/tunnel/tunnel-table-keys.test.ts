import { expect, test } from 'vitest';
import { fromHex, toHex } from '../../../../node-core/base/bytes.ts';
import { sealFrame } from '../../../../node-core/crypto/aead.ts';
import { Identity } from '../../../../node-core/crypto/identity.ts';
import { createTunnelKeyPair, deriveTunnelKey } from '../../../../node-core/crypto/key-exchange.ts';
import { Sealer } from '../../../../node-core/crypto/sealer.ts';
import { encodePacket, PROTOCOL } from '../../../../node-core/wire/packet.ts';
import { keyExchangeSignedBytes, type TunnelFrame } from '../../../../node-core/wire/tunnel-frame.ts';
import { datagram } from '../../../support/sim-tunnels.ts';
import { OWN, PEER, PEER_ENDPOINT, STRANGER, TunnelBench } from '../../../support/tunnel-bench.ts';

test('a changed key is probed at once, and the old session stays until a frame opens under the new one', () => {
  const bench = new TunnelBench();
  bench.establish();
  bench.receive(bench.say('one'));
  bench.sent();
  const old = bench.sealer;
  bench.peerKeys = createTunnelKeyPair(bench.random);
  bench.receive(bench.keyExchange());
  const sent = bench.sent();
  expect(sent.map(({ frame }) => frame?.kind)).toEqual(['key-exchange', 'sealed']);
  expect(bench.open(sent[1]?.frame)?.protocol).toBe(PROTOCOL.control);
  if (old !== undefined) bench.receive(old.seal(encodePacket(datagram(PEER, OWN, 'still the old key'))));
  expect(bench.types('rekeyed')).toEqual([]);
  bench.remake();
  bench.receive(bench.say('the new key'));
  expect(bench.texts).toEqual(['one', 'still the old key', 'the new key']);
  expect(bench.types('rekeyed')).toMatchObject([{ by: 'peer', epoch: 2 }]);
  bench.table.send(PEER, datagram(OWN, PEER, 'back'), bench.now);
  expect(new TextDecoder().decode(bench.open(bench.sent().at(-1)?.frame)?.payload)).toBe('back');
  if (old !== undefined) bench.receive(old.seal(encodePacket(datagram(PEER, OWN, 'late'))));
  expect(bench.texts.at(-1)).toBe('late');
});

test('a key that was replaced is not taken again while the peer is heard under its new one', () => {
  const bench = new TunnelBench();
  bench.establish();
  bench.receive(bench.say('one'));
  const first = bench.keyExchange();
  bench.peerKeys = createTunnelKeyPair(bench.random);
  bench.receive(bench.keyExchange());
  bench.remake();
  bench.receive(bench.say('two'));
  bench.sent();
  bench.nowMs += 5_900;
  bench.receive(first, STRANGER);
  expect(bench.sentKinds()).toEqual([]);
  expect(bench.reasons).toEqual({ 'retired-key': 1 });
  bench.receive(bench.say('three'));
  expect(bench.texts).toEqual(['one', 'two', 'three']);
});

test('a key that was replaced by mistake is taken again from a peer that is not heard otherwise', () => {
  const bench = new TunnelBench();
  bench.establish();
  bench.receive(bench.say('one'));
  const keys = bench.peerKeys;
  bench.peerKeys = createTunnelKeyPair(bench.random);
  bench.receive(bench.keyExchange());
  bench.remake();
  bench.receive(bench.say('two'));
  bench.advance(20_000);
  bench.sent();
  bench.peerKeys = keys;
  bench.receive(bench.keyExchange());
  bench.adopt();
  bench.receive(bench.say('three'));
  expect(bench.texts).toEqual(['one', 'two', 'three']);
  expect(bench.types('rekeyed')).toMatchObject([{ by: 'peer' }, { by: 'own' }]);
});

test('a key that one node proved is refused from another, but not from the same identity under another id', () => {
  const bench = new TunnelBench();
  bench.isRegistered = () => true;
  bench.establish();
  bench.receive(bench.say('one'));
  const offer = (nodeId: number, identity: Identity) => {
    const { publicKey } = bench.peerKeys;
    bench.registryKey = identity.publicKey;
    bench.receive({
      kind: 'key-exchange',
      senderNodeId: nodeId,
      x25519PublicKey: publicKey,
      ed25519PublicKey: identity.publicKey,
      signature: identity.sign(keyExchangeSignedBytes(nodeId, publicKey)),
    });
  };
  offer(10, Identity.create(bench.random));
  expect(bench.table.peers()).toEqual([PEER]);
  expect(bench.reasons).toEqual({ 'key-of-another': 1 });
  offer(11, bench.peerIdentity);
  expect(bench.table.peers()).toEqual([PEER, 11]);
  bench.table.close(PEER, bench.now);
  offer(12, Identity.create(bench.random));
  expect(bench.table.peers()).toEqual([11, 12]);
});

test('an old PILA that we never saw changes nothing either: nobody can answer its probe', () => {
  const bench = new TunnelBench();
  bench.establish();
  bench.receive(bench.say('one'));
  for (let count = 0; count < 10; count++) {
    bench.receive(bench.keyExchange(createTunnelKeyPair(bench.random)), STRANGER);
    bench.advance(1_000);
  }
  bench.sent();
  bench.receive(bench.say('two'));
  expect(bench.texts).toEqual(['one', 'two']);
  expect(bench.types('rekeyed', 'path-changed')).toHaveLength(1);
  bench.table.send(PEER, datagram(OWN, PEER, 'back'), bench.now);
  const last = bench.sent().at(-1);
  expect([last?.to, new TextDecoder().decode(bench.open(last?.frame)?.payload)]).toEqual([PEER_ENDPOINT, 'back']);
});

test('junk, forged and replayed frames from anywhere end nothing and start no storm', () => {
  const bench = new TunnelBench();
  bench.establish();
  const captured = bench.say('one');
  bench.receive(captured);
  const answers: string[] = [];
  for (let step = 0; step < 600; step++) {
    bench.advance(100);
    bench.answerPings();
  }
  for (let count = 0; count < 500; count++) {
    bench.receive(captured, STRANGER);
    const nonce = fromHex(`00000000${(1_000_000 + count).toString(16).padStart(16, '0')}`);
    bench.receive(sealFrame(bench.random(32), PEER, nonce, bench.random(60)), STRANGER);
    bench.receive(fromHex(`50494c5300000009${toHex(bench.random(60))}`), STRANGER);
    bench.advance(20);
    answers.push(...bench.answerPings().filter((kind) => kind !== 'beacon'));
  }
  // 10 s: at most 4 times a PILA and a PILK, to the stranger and to the peer.
  expect(answers.length).toBeLessThanOrEqual(4 * 4);
  expect(bench.reasons.replayed).toBe(500);
  bench.receive(bench.say('two'));
  expect(bench.texts).toEqual(['one', 'two']);
  expect(bench.table.measure(PEER)).toMatchObject({ epoch: 1, path: 'direct' });
});

test('a forged counter does not move the replay window', () => {
  const bench = new TunnelBench();
  bench.establish();
  const [first, second] = [bench.say('one'), bench.say('two')];
  bench.receive(first);
  const forged = { ...(second as Extract<TunnelFrame, { kind: 'sealed' }>) };
  const nonce = forged.nonce.slice();
  new DataView(nonce.buffer).setBigUint64(4, 1_000_000n);
  bench.receive({ ...forged, nonce });
  bench.receive(second);
  expect(bench.texts).toEqual(['one', 'two']);
});

test('a session that the peer made again goes on, with its old windows, and then we make a new key', () => {
  const bench = new TunnelBench();
  bench.establish();
  const captured = bench.say('one');
  bench.receive(captured);
  bench.advance(6_000);
  bench.sent();
  bench.receive(bench.keyRequest());
  expect(bench.sentKinds()).toEqual([`key-exchange ${PEER_ENDPOINT.port}`]);
  bench.remake();
  bench.receive(bench.say('again from counter 1'));
  bench.receive(captured);
  expect(bench.texts).toEqual(['one', 'again from counter 1']);
  expect(bench.reasons.replayed).toBe(1);
  const rotation = bench.sent();
  expect(rotation.map(({ frame, relayed }) => `${frame?.kind} ${relayed}`)).toEqual([
    'key-exchange false',
    'key-exchange true',
    'sealed false',
  ]);
  const announced = rotation[0]?.frame;
  expect(announced?.kind === 'key-exchange' && toHex(announced.x25519PublicKey)).not.toBe(
    toHex(
      bench
        .types('established')
        .map((e) => (e.type === 'established' ? e.keys.ownX25519 : new Uint8Array()))[0] as Uint8Array,
    ),
  );
  bench.receive(bench.say('still the old key of ours'));
  expect(bench.types('rekeyed')).toEqual([]);
});

test('our new key is in use once the peer sealed under it, and the exchange for it ends', () => {
  const bench = new TunnelBench();
  bench.establish();
  bench.receive(bench.say('one'));
  bench.advance(6_000);
  bench.sent();
  bench.remake();
  bench.receive(bench.say('two'));
  bench.adopt();
  bench.receive(bench.say('three'));
  expect(bench.types('rekeyed')).toMatchObject([{ by: 'own', epoch: 2 }]);
  const others: string[] = [];
  for (let step = 0; step < 150; step++) {
    bench.advance(100);
    others.push(...bench.answerPings());
  }
  expect(others.filter((kind) => kind !== 'beacon')).toEqual([]);
  expect(bench.texts).toEqual(['one', 'two', 'three']);
});

test('our counters never restart while the keys stay', () => {
  const bench = new TunnelBench();
  bench.establish();
  const counters = () =>
    bench.sent().flatMap(({ frame }) => {
      const isOurs = frame?.kind === 'sealed' && bench.open(frame) !== undefined;
      return isOurs ? [new DataView(frame.nonce.buffer, frame.nonce.byteOffset).getBigUint64(4)] : [];
    });
  const seen = counters();
  for (let count = 0; count < 5; count++) {
    bench.receive(bench.keyRequest());
    bench.receive(bench.keyExchange());
    bench.table.send(PEER, datagram(OWN, PEER, `${count}`), bench.now);
    seen.push(...counters());
    bench.nowMs += 1_000;
  }
  expect(seen.length).toBeGreaterThanOrEqual(5);
  expect(seen.every((counter, index) => index === 0 || counter > (seen[index - 1] ?? 0n))).toBe(true);
});

test('a prefix equal to ours is drawn again, and the counter goes on', () => {
  const bench = new TunnelBench();
  bench.receive(bench.keyExchange());
  const ping = bench.sent().find(({ frame }) => frame?.kind === 'sealed')?.frame;
  const announced = bench.events.find((event) => event.type === 'established');
  if (ping?.kind !== 'sealed' || announced?.type !== 'established') throw new Error('no session');
  const key = deriveTunnelKey(bench.peerKeys, announced.keys.ownX25519);
  const twin = new Sealer({ key, senderNodeId: PEER, prefix: ping.nonce.slice(0, 4) });
  bench.receive(twin.seal(encodePacket(datagram(PEER, OWN, 'same prefix'))));
  expect(bench.texts).toEqual(['same prefix']);
  bench.table.send(PEER, datagram(OWN, PEER, 'back'), bench.now);
  const next = bench.sent().at(-1)?.frame;
  if (next?.kind !== 'sealed') throw new Error('nothing sent');
  expect(toHex(next.nonce.subarray(0, 4))).not.toBe(toHex(ping.nonce.subarray(0, 4)));
  expect(new DataView(next.nonce.buffer, next.nonce.byteOffset).getBigUint64(4)).toBe(2n);
});
