import { expect, test } from 'vitest';
import { Identity } from '../../../../node-core/crypto/identity.ts';
import { createTunnelKeyPair } from '../../../../node-core/crypto/key-exchange.ts';
import { encodeTunnelFrame, type KeyRequestFrame, type TunnelFrame } from '../../../../node-core/wire/tunnel-frame.ts';
import { datagram } from '../../../support/sim-tunnels.ts';
import { OWN, PEER, PEER_ENDPOINT, STRANGER, TunnelBench } from '../../../support/tunnel-bench.ts';

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
