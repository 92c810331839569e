import { expect, test } from 'vitest';
import { fromHex, toHex } from '../../../../node-core/base/bytes.ts';
import type { Endpoint } from '../../../../node-core/base/transport.ts';
import { openFrame, sealFrame } from '../../../../node-core/crypto/aead.ts';
import { Identity } from '../../../../node-core/crypto/identity.ts';
import { createTunnelKeyPair, deriveTunnelKey } from '../../../../node-core/crypto/key-exchange.ts';
import { Sealer } from '../../../../node-core/crypto/sealer.ts';
import { TunnelTable } from '../../../../node-core/tunnel/tunnel-table.ts';
import { encodeBeaconMessage } from '../../../../node-core/wire/beacon-message.ts';
import { decodePacket, encodePacket, FLAG, type Packet, PROTOCOL } from '../../../../node-core/wire/packet.ts';
import {
  encodeTunnelFrame,
  type KeyRequestFrame,
  keyExchangeSignedBytes,
  type TunnelFrame,
} from '../../../../node-core/wire/tunnel-frame.ts';
import { datagram } from '../../../support/sim-tunnels.ts';
import {
  BEACON,
  control,
  OWN,
  PEER,
  PEER_ENDPOINT,
  pong,
  STRANGER,
  TunnelBench,
} from '../../../support/tunnel-bench.ts';

test('a PILA is verified against the registry, answered once, and the session carries packets both ways', () => {
  const bench = new TunnelBench();
  bench.receive(bench.keyExchange());
  expect(bench.types('key-needed')).toEqual([{ type: 'key-needed', nodeId: PEER }]);
  expect(bench.types('established')).toHaveLength(1);
  const sent = bench.sent();
  expect(sent.map(({ frame }) => frame?.kind)).toEqual(['key-exchange', 'sealed']);
  expect(sent.map(({ to }) => to)).toEqual([PEER_ENDPOINT, PEER_ENDPOINT]);
});

test('keys of the session are those of both PILAs', () => {
  const bench = new TunnelBench();
  bench.establish();
  const established = bench.events.find((event) => event.type === 'established');
  expect(established?.keys.peerIdentityKey).toEqual(bench.peerIdentity.publicKey);
  expect(established?.keys.peerX25519).toEqual(bench.peerKeys.publicKey);
  bench.receive(bench.say('hello'));
  expect(bench.texts).toEqual(['hello']);
  bench.table.send(PEER, datagram(OWN, PEER, 'back'), bench.now);
  bench.collect();
  const answer = bench.sent().at(-1)?.frame;
  expect(new TextDecoder().decode(bench.open(answer)?.payload)).toBe('back');
});

test.each([
  { name: 'another identity than the registry has', reason: 'identity-mismatch', forge: forgeIdentity },
  { name: 'a bad signature', reason: 'bad-signature', forge: forgeSignature },
  { name: 'a tunnel key of low order', reason: 'bad-key', forge: forgeZeroKey },
])('a PILA with $name installs nothing and gets no answer', ({ reason, forge }) => {
  const bench = new TunnelBench();
  bench.receive(forge(bench));
  expect(bench.sentKinds()).toEqual([]);
  expect(bench.types('established')).toEqual([]);
  expect(bench.reasons).toEqual({ [reason]: 1 });
});

function forgeIdentity(bench: TunnelBench): TunnelFrame {
  return bench.keyExchange(bench.peerKeys, Identity.create(bench.random));
}

function forgeSignature(bench: TunnelBench): TunnelFrame {
  return { ...bench.keyExchange(), signature: new Uint8Array(64) } as TunnelFrame;
}

function forgeZeroKey(bench: TunnelBench): TunnelFrame {
  return bench.keyExchange({ publicKey: new Uint8Array(32), privateKey: new Uint8Array(32) });
}

test('a node the registry does not know is refused, and not asked for again within 3 s', () => {
  const bench = new TunnelBench();
  bench.registryKey = undefined;
  for (let count = 0; count < 3; count++) bench.receive(bench.keyExchange());
  expect(bench.types('key-needed')).toHaveLength(1);
  expect(bench.reasons).toEqual({ 'peer-unknown': 3 });
  bench.nowMs += 3_000;
  bench.registryKey = bench.peerIdentity.publicKey;
  bench.receive(bench.keyExchange());
  expect(bench.types('established')).toHaveLength(1);
});

test('on a mismatch the registry is asked once more, and a new identity is believed', () => {
  const bench = new TunnelBench();
  bench.establish();
  bench.nowMs += 10_000;
  bench.peerIdentity = Identity.create(bench.random);
  bench.registryKey = bench.peerIdentity.publicKey;
  bench.peerKeys = createTunnelKeyPair(bench.random);
  bench.receive(bench.keyExchange());
  expect(bench.types('key-needed')).toHaveLength(2);
  bench.adopt();
  bench.receive(bench.say('under the new key'));
  expect(bench.types('rekeyed')).toMatchObject([{ by: 'peer', epoch: 2 }]);
});

test('a pinned identity is not replaced by what the registry says when it is asked about another', () => {
  const bench = new TunnelBench();
  bench.table.pin(PEER, bench.peerIdentity.publicKey);
  bench.receive(bench.keyExchange());
  expect(bench.types('established')).toHaveLength(1);
  bench.nowMs += 10_000;
  const imposter = Identity.create(bench.random);
  bench.registryKey = imposter.publicKey;
  bench.receive(bench.keyExchange(createTunnelKeyPair(bench.random), imposter));
  bench.receive(bench.keyExchange(createTunnelKeyPair(bench.random), imposter));
  expect(bench.types('key-needed')).toHaveLength(1);
  expect(bench.reasons).toEqual({ 'identity-mismatch': 2 });
});

test('a PILK gets our PILA at once on the path it came by, and its key is not used', () => {
  const bench = new TunnelBench();
  bench.establish();
  const other = createTunnelKeyPair(bench.random);
  bench.receive(bench.keyRequest(other), STRANGER);
  expect(bench.sentKinds()).toEqual([`key-exchange ${STRANGER.port}`]);
  bench.receiveRelayed(bench.keyRequest(other));
  expect(bench.sentKinds()).toEqual(['key-exchange relay']);
  bench.receive(bench.say('the session is as it was'));
  expect(bench.texts).toEqual(['the session is as it was']);
  expect(bench.table.measure(PEER)?.path).toBe('direct');
});

test('a PILK of a node without a session is answered after the registry named it', () => {
  const bench = new TunnelBench();
  bench.receive(bench.keyRequest());
  expect(bench.sentKinds()).toEqual([`key-exchange ${PEER_ENDPOINT.port}`]);
  expect(bench.types('established')).toEqual([]);
});

test('the same PILA again changes nothing and gets no answer while the peer is heard', () => {
  const bench = new TunnelBench();
  bench.establish();
  bench.receive(bench.say('one'));
  bench.sent();
  bench.receive(bench.keyExchange(), STRANGER);
  bench.receiveRelayed(bench.keyExchange());
  expect(bench.sentKinds()).toEqual([]);
  bench.receive(bench.say('two'));
  expect(bench.texts).toEqual(['one', 'two']);
  expect(bench.table.measure(PEER)).toMatchObject({ epoch: 1, path: 'direct' });
});

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

test('frames that overtake their key wait for it, and keep their time of arrival', () => {
  const bench = new TunnelBench();
  bench.table.connect(PEER, bench.now);
  bench.table.provideEndpoints(PEER, { real: PEER_ENDPOINT, lan: [], relayOnly: false }, bench.now);
  bench.advance(0);
  bench.adopt();
  const early = bench.now;
  for (let count = 0; count < 70; count++) bench.receive(bench.say(`${count}`));
  bench.nowMs += 300;
  bench.receive(bench.keyExchange());
  expect(bench.texts).toEqual(Array.from({ length: 64 }, (_, count) => `${count}`));
  expect(bench.events.flatMap((e) => (e.type === 'payload' ? [e.receivedAt.monotonicMs] : []))[0]).toBe(
    early.monotonicMs,
  );
  expect(bench.reasons.undecryptable).toBe(6);
});

test('frames that no key came for are dropped after half a second', () => {
  const bench = new TunnelBench();
  bench.establish();
  bench.receive(sealFrame(bench.random(32), PEER, bench.random(12), bench.random(60)));
  bench.advance(400);
  expect(bench.reasons.undecryptable).toBeUndefined();
  bench.advance(200);
  expect(bench.reasons.undecryptable).toBe(1);
});

test.each([
  { name: 'another source node', packet: () => datagram(12, OWN, 'x'), reason: 'source-spoofed' },
  { name: 'no source node', packet: () => datagram(0, OWN, 'x'), reason: 'source-spoofed' },
  {
    name: 'a ping without source node',
    packet: () => ping({ source: { network: 0, node: 0 } }),
    reason: 'source-spoofed',
  },
  {
    name: 'another network of the source',
    packet: () => ({ ...datagram(PEER, OWN, 'x'), source: { network: 7, node: PEER } }),
    reason: undefined,
  },
  {
    name: 'an unknown protocol',
    packet: () => ({ ...datagram(PEER, OWN, 'x'), protocol: 9 }),
    reason: 'unknown-protocol',
  },
  { name: 'an old keepalive', packet: () => control({ source: { network: 0, node: 0 } }), reason: undefined },
])('inner packet with $name: $reason', ({ packet, reason }) => {
  const bench = new TunnelBench();
  bench.establish();
  bench.receive(bench.seal(packet()));
  expect(bench.reasons).toEqual(reason === undefined ? {} : { [reason]: 1 });
  expect(bench.types('dropped')).toHaveLength(reason === undefined ? 0 : 1);
});

function ping(fields: Partial<Packet> = {}): Packet {
  return control({ sourcePort: 40_000, sequence: 0xffff_ffff, payload: fromHex('c0ffee'), ...fields });
}

test('a ping is answered on the path it came by', () => {
  const bench = new TunnelBench();
  bench.establish();
  bench.receive(bench.seal(ping()), STRANGER);
  const toStranger = bench.sent().filter(({ to }) => to.port === STRANGER.port);
  const answers = toStranger.map(({ frame }) => bench.open(frame)).filter((packet) => packet?.flags === FLAG.ack);
  expect(answers[0]).toMatchObject({
    flags: FLAG.ack,
    protocol: PROTOCOL.control,
    source: { network: 0, node: OWN },
    destination: { network: 0, node: PEER },
    sourcePort: 0,
    destinationPort: 40_000,
    sequence: 0xffff_ffff,
    acknowledgement: 0,
    window: 0,
    payload: fromHex('c0ffee'),
  });
  bench.receiveRelayed(bench.seal(ping({ destination: { network: 5, node: 0 } })));
  const relayed = bench.sent().filter((out) => out.relayed);
  expect(bench.open(relayed[0]?.frame)?.source).toEqual({ network: 5, node: OWN });
});

test.each([
  { name: 'with the ACK flag', packet: ping({ flags: FLAG.ack }) },
  { name: 'without a payload', packet: ping({ payload: new Uint8Array(0) }) },
  { name: 'for another node', packet: ping({ destination: { network: 0, node: 4242 } }) },
  { name: 'to port 1', packet: ping({ destinationPort: 1 }) },
])('a ping $name gets silence', ({ packet }) => {
  const bench = new TunnelBench();
  bench.establish();
  bench.receive(bench.seal(packet));
  expect(bench.sentKinds()).toEqual([]);
});

test('pings of ours measure, and tell their end', () => {
  const bench = new TunnelBench();
  bench.establish();
  bench.answerPings();
  const pingId = bench.table.ping(PEER, bench.now, { timeoutMs: 3_000 });
  bench.nowMs += 42;
  bench.answerPings();
  expect(bench.types('pong')).toEqual([{ type: 'pong', peerNodeId: PEER, pingId, rttMs: 42, path: 'direct' }]);
  const lost = bench.table.ping(PEER, bench.now, { timeoutMs: 3_000 });
  bench.sent();
  bench.advance(2_999);
  expect(bench.types('ping-timeout')).toEqual([]);
  bench.advance(1);
  expect(bench.types('ping-timeout')).toEqual([{ type: 'ping-timeout', peerNodeId: PEER, pingId: lost }]);
});

test('a pong with another payload, sequence or port is none', () => {
  const bench = new TunnelBench();
  bench.establish();
  bench.sent();
  bench.table.ping(PEER, bench.now);
  const asked = bench.open(bench.sent().at(-1)?.frame);
  if (asked === undefined) throw new Error('no ping');
  bench.receive(bench.seal(pong({ ...asked, payload: fromHex('00') })));
  bench.receive(bench.seal(pong({ ...asked, sourcePort: asked.sourcePort ^ 1 })));
  bench.receive(bench.seal(pong({ ...asked, sequence: asked.sequence ^ 1 })));
  expect(bench.types('pong')).toEqual([]);
  bench.receive(bench.seal(pong(asked)));
  expect(bench.types('pong')).toHaveLength(1);
});

test('no frame moves the path: a new address is pinged, and used after its pong when the old one is quiet', () => {
  const bench = new TunnelBench();
  bench.establish();
  bench.answerPings();
  const moved: Endpoint = { host: '127.0.0.1', port: 4010 };
  bench.nowMs += 6_000;
  bench.receive(bench.say('from a new address'), moved);
  const probed = bench.sent();
  expect(probed.map(({ to }) => to.port)).toContain(moved.port);
  bench.table.send(PEER, datagram(OWN, PEER, 'still to the old one'), bench.now);
  expect(bench.sent().map(({ to }) => to.port)).toEqual([PEER_ENDPOINT.port]);
  for (const { to, frame } of probed) {
    const asked = bench.open(frame);
    if (to.port === moved.port && asked !== undefined) bench.receive(bench.seal(pong(asked)), moved);
  }
  bench.table.send(PEER, datagram(OWN, PEER, 'to the new one'), bench.now);
  expect(bench.sent().at(-1)?.to).toEqual(moved);
});

test('an address that passes frames on does not get the path while the old one answers', () => {
  const bench = new TunnelBench();
  bench.establish();
  bench.answerPings();
  bench.nowMs += 6_000;
  bench.receive(bench.say('passed on'), STRANGER);
  const asked = bench.sent().map(({ to, frame }) => ({ to, ping: bench.open(frame) }));
  for (const { to, ping } of asked.sort((a, b) => a.to.port - b.to.port)) {
    if (ping !== undefined) bench.receive(bench.seal(pong(ping)), to);
  }
  bench.table.send(PEER, datagram(OWN, PEER, 'x'), bench.now);
  expect(bench.sent().at(-1)?.to).toEqual(PEER_ENDPOINT);
});

test('packets wait for the key in order, 64 of them, the newest are refused', () => {
  const bench = new TunnelBench();
  const taken = Array.from({ length: 66 }, (_, n) => bench.table.send(PEER, datagram(OWN, PEER, `${n}`), bench.now));
  expect(taken.filter((each) => !each)).toHaveLength(2);
  expect(bench.reasons).toEqual({ 'queue-full': 2 });
  bench.collect();
  bench.table.provideEndpoints(PEER, { real: PEER_ENDPOINT, lan: [], relayOnly: false }, bench.now);
  bench.advance(0);
  bench.receive(bench.keyExchange());
  const sent = bench.sent();
  for (const { frame } of sent) if (frame?.kind === 'key-exchange') bench.table.measure(PEER);
  const established = bench.events.find((event) => event.type === 'established');
  const key = deriveTunnelKey(
    bench.peerKeys,
    established?.type === 'established' ? established.keys.ownX25519 : new Uint8Array(32),
  );
  const texts = sent.flatMap(({ frame }) => {
    const opened = frame?.kind === 'sealed' ? openFrame(key, frame) : undefined;
    const packet = opened === undefined ? undefined : decodePacket(opened);
    return packet?.protocol === PROTOCOL.datagram ? [new TextDecoder().decode(packet.payload)] : [];
  });
  expect(texts).toEqual(Array.from({ length: 64 }, (_, n) => `${n}`));
});

test('an unanswered key exchange is sent again, asks by PILK and through the relay, and ends', () => {
  const bench = new TunnelBench();
  bench.table.connect(PEER, bench.now);
  bench.collect();
  expect(bench.types('endpoint-needed')).toHaveLength(1);
  bench.table.provideEndpoints(PEER, { real: PEER_ENDPOINT, lan: [], relayOnly: false }, bench.now);
  const times: { readonly at: number; readonly kind: string }[] = [];
  const start = bench.nowMs;
  while (bench.nowMs - start < 30_000) {
    bench.advance(times.length === 0 ? 0 : 10);
    for (const kind of bench.sentKinds()) if (!kind.startsWith('beacon')) times.push({ at: bench.nowMs - start, kind });
  }
  expect(times.slice(0, 6).map(({ at, kind }) => `${at} ${kind}`)).toEqual([
    '0 key-exchange 4009',
    '200 key-exchange relay',
    '500 key-request 4009',
    '500 key-request relay',
    '1500 key-request 4009',
    '1500 key-request relay',
  ]);
  for (const { at } of times) {
    expect(times.filter((other) => other.at >= at && other.at < at + 1_000).length).toBeLessThan(5);
  }
  expect(times.at(-1)?.at).toBeLessThan(16_000);
  expect(bench.types('key-exchange-failed')).toHaveLength(1);
});

test('while a packet waits, another round follows', () => {
  const bench = new TunnelBench();
  bench.table.send(PEER, datagram(OWN, PEER, 'x'), bench.now);
  bench.advance(17_000);
  bench.sent();
  bench.advance(5_000);
  expect(bench.sentKinds().filter((kind) => kind === 'key-exchange relay').length).toBeGreaterThan(0);
});

test('a peer that wants the relay only is never addressed directly', () => {
  const bench = new TunnelBench();
  bench.table.connect(PEER, bench.now);
  bench.collect();
  bench.table.provideEndpoints(PEER, { real: PEER_ENDPOINT, lan: [PEER_ENDPOINT], relayOnly: true }, bench.now);
  bench.advance(5_000);
  const kinds = bench.sentKinds();
  expect(kinds).toContain('key-exchange relay');
  expect(kinds.filter((kind) => kind.includes('4009'))).toEqual([]);
});

test('key exchange of a known peer is limited per source: on loopback per port, relayed per node', () => {
  const bench = new TunnelBench();
  bench.establish();
  bench.receive(bench.say('hello'));
  // Beyond the limit it is asked once whether it hears us.
  const kinds = (via: string | number) => [...Array(5).fill(`key-exchange ${via}`), `key-request ${via}`];
  for (let count = 0; count < 20; count++) bench.receive(bench.keyRequest());
  expect(bench.sentKinds()).toEqual(kinds(PEER_ENDPOINT.port));
  bench.receive(bench.keyRequest(), STRANGER);
  expect(bench.sentKinds()).toEqual([`key-exchange ${STRANGER.port}`]);
  for (let count = 0; count < 20; count++) bench.receiveRelayed(bench.keyRequest());
  expect(bench.sentKinds()).toEqual(kinds('relay'));
  for (const port of [1, 2, 3, 4, 5]) bench.receive(bench.keyRequest(), { host: '10.1.2.3', port });
  bench.receive(bench.keyRequest(), { host: '10.1.2.3', port: 6 });
  expect(bench.sentKinds().slice(0, 5)).toEqual([1, 2, 3, 4, 5].map((port) => `key-exchange ${port}`));
});

test('a PILA brings the cookie back that came with the PILK it answers, and other bytes behind a PILK are ignored', () => {
  const bench = new TunnelBench();
  bench.establish();
  const cookie = bench.random(16);
  bench.receive({ ...bench.keyRequest(), cookie } as KeyRequestFrame);
  bench.receive(Uint8Array.of(...encodeTunnelFrame(bench.keyRequest()), 1, 2, 3));
  const answers = bench.sent().map(({ frame }) => (frame?.kind === 'key-exchange' ? frame.cookie : frame));
  expect(answers).toEqual([cookie, undefined]);
});

test('beacon messages count only from the beacon', () => {
  const bench = new TunnelBench();
  bench.establish();
  const punch = encodeBeaconMessage({ kind: 'punch-command', endpoint: PEER_ENDPOINT });
  const reply = encodeBeaconMessage({ kind: 'discover-reply', endpoint: { host: '1.2.3.4', port: 5 } });
  const notify = encodeBeaconMessage({ kind: 'notify', notification: 1 });
  for (const message of [punch, reply, notify]) bench.receive(message, STRANGER);
  bench.receiveRelayed(bench.say('x'), STRANGER);
  expect(bench.reasons).toEqual({ 'not-from-beacon': 4 });
  expect([bench.sentKinds(), bench.texts]).toEqual([[], []]);
  for (const message of [punch, reply, notify]) bench.receive(message, BEACON);
  expect(bench.sentKinds()).toEqual(['punch 4009', 'punch 4009', 'punch 4009']);
  expect(bench.types('endpoint-observed')).toMatchObject([{ endpoint: { host: '1.2.3.4', port: 5 } }]);
  expect(bench.types('notified')).toEqual([{ type: 'notified', kind: 1 }]);
});

test.each([
  { beacon: '8.8.8.8', target: '127.0.0.1', allowed: false },
  { beacon: '8.8.8.8', target: '192.168.1.5', allowed: false },
  { beacon: '8.8.8.8', target: '169.254.1.1', allowed: false },
  { beacon: '8.8.8.8', target: 'fe80::1', allowed: false },
  { beacon: '8.8.8.8', target: '0.0.0.0', allowed: false },
  { beacon: '127.0.0.1', target: '0.0.0.0', allowed: false },
  { beacon: '127.0.0.1', target: '224.0.0.1', allowed: false },
  { beacon: '127.0.0.1', target: '127.0.0.1', allowed: true },
  { beacon: '192.168.1.1', target: '127.0.0.1', allowed: true },
  { beacon: '8.8.8.8', target: '1.1.1.1', allowed: true },
])('a beacon at $beacon may have us punch towards $target: $allowed', ({ beacon, target, allowed }) => {
  const from = { host: beacon, port: 9001 };
  const bench = new TunnelBench({ beacon: from });
  bench.receive(encodeBeaconMessage({ kind: 'punch-command', endpoint: { host: target, port: 99 } }), from);
  expect(bench.sentKinds()).toHaveLength(allowed ? 3 : 0);
});

test('a PILS of a known node without a session asks for its keys on the path it came by, once per 3 s', () => {
  const bench = new TunnelBench();
  const junk = () => sealFrame(bench.random(32), PEER, bench.random(12), bench.random(60));
  for (let count = 0; count < 10; count++) bench.receive(junk());
  expect(bench.sentKinds()).toEqual(['key-exchange 4009', 'key-request 4009']);
  bench.nowMs += 3_000;
  bench.receiveRelayed(junk());
  expect(bench.sentKinds()).toEqual(['key-exchange relay', 'key-request relay']);
});

test('strangers without number cost a bounded number of questions', () => {
  const bench = new TunnelBench();
  bench.registryKey = undefined;
  for (let node = 100; node < 1_100; node++) {
    bench.receive(sealFrame(bench.random(32), node, bench.random(12), bench.random(60)));
  }
  expect(bench.types('key-needed').length).toBeLessThanOrEqual(20);
  expect(bench.sentKinds()).toEqual([]);
  expect(bench.table.peers()).toEqual([]);
});

test('PILT, PILP and what is no frame of Pilot are dropped and counted', () => {
  const bench = new TunnelBench();
  bench.receive({ kind: 'plaintext', packet: encodePacket(datagram(PEER, OWN, 'x')) });
  bench.receive({ kind: 'punch' });
  bench.receive(fromHex('deadbeef'));
  bench.receive(fromHex(''));
  bench.receive(fromHex('50494c53000000090102'));
  bench.receive(fromHex('50494c4b00000009'), STRANGER);
  expect(bench.reasons).toEqual({ plaintext: 1, 'not-pilot': 2, 'malformed-frame': 2 });
  expect([bench.sentKinds(), bench.texts]).toEqual([[], []]);
});

test('frames in our own name are dropped', () => {
  const bench = new TunnelBench();
  bench.receive(sealFrame(bench.random(32), OWN, bench.random(12), bench.random(60)));
  bench.receive({ kind: 'key-request', senderNodeId: OWN, x25519PublicKey: bench.random(32) });
  expect(bench.reasons).toEqual({ 'own-node-id': 2 });
});

test('the beacon is told away after two unanswered Discovers, and back', () => {
  const bench = new TunnelBench({ discoverIntervalMs: 2_000 });
  const reply = encodeBeaconMessage({ kind: 'discover-reply', endpoint: { host: '127.0.0.1', port: 7 } });
  bench.nowMs += 5;
  bench.receive(reply, BEACON);
  expect(bench.types('beacon-answered')).toHaveLength(1);
  bench.advance(4_100);
  expect(bench.types('beacon-away')).toHaveLength(1);
  bench.advance(10_000);
  expect(bench.types('beacon-away')).toHaveLength(1);
  expect(bench.table.beaconState).toBe('away');
  const asked = bench.sentKinds().filter((kind) => kind.startsWith('beacon')).length;
  expect(asked).toBeGreaterThan(4);
  expect(asked).toBeLessThan(16);
  bench.advance(2_000);
  bench.receive(reply, BEACON);
  expect(bench.types('beacon-answered')).toHaveLength(2);
});

test('another node id ends the tunnels', () => {
  const bench = new TunnelBench();
  bench.establish();
  bench.table.setNodeId(8, bench.now);
  bench.collect();
  expect(bench.types('closed')).toMatchObject([{ type: 'closed', peerNodeId: PEER, reason: 'own-id-changed' }]);
  expect(bench.table.measure(PEER)).toBeUndefined();
});

test('there is no tunnel to oneself, and none before there is an id', () => {
  const bench = new TunnelBench();
  expect(() => bench.table.connect(OWN, bench.now)).toThrow(expect.objectContaining({ code: 'dial.self' }));
  const table = new TunnelTable({ identity: bench.identity, random: bench.random });
  expect(() => table.connect(PEER, bench.now)).toThrow(expect.objectContaining({ code: 'peer.unknown' }));
});

test('port 0 is nobody: no path is taken to it, nor registered, and each is counted', () => {
  const bench = new TunnelBench();
  bench.receive(bench.keyExchange(), { host: '127.0.0.1', port: 0 });
  expect([bench.sentKinds(), bench.table.peers()]).toEqual([[], []]);
  bench.establish();
  bench.receive(bench.say('hello'), { host: '127.0.0.1', port: 0 });
  expect([bench.sentKinds(), bench.texts]).toEqual([[], []]);
  bench.receive(encodeBeaconMessage({ kind: 'discover-reply', endpoint: { host: '1.2.3.4', port: 0 } }), BEACON);
  bench.receive(encodeBeaconMessage({ kind: 'punch-command', endpoint: { host: '127.0.0.1', port: 0 } }), BEACON);
  expect(bench.types('endpoint-observed')).toEqual([]);
  expect(bench.reasons).toEqual({ 'unusable-endpoint': 3, 'punch-target': 1 });
  const endpoints = {
    real: { host: 'example.org', port: 4000 },
    lan: [{ host: '10.0.0.7', port: 0 }],
    relayOnly: false,
  };
  bench.table.provideEndpoints(PEER, endpoints, bench.now);
  expect(bench.reasons['unusable-endpoint']).toBe(5);
});
