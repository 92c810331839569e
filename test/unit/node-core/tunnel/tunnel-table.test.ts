import { expect, test } from 'vitest';
import { fromHex } from '../../../../node-core/base/bytes.ts';
import { openFrame, sealFrame } from '../../../../node-core/crypto/aead.ts';
import { deriveTunnelKey } from '../../../../node-core/crypto/key-exchange.ts';
import { TunnelTable } from '../../../../node-core/tunnel/tunnel-table.ts';
import { encodeBeaconMessage } from '../../../../node-core/wire/beacon-message.ts';
import { decodePacket, encodePacket, PROTOCOL } from '../../../../node-core/wire/packet.ts';
import { datagram } from '../../../support/sim-tunnels.ts';
import {
  BEACON,
  control,
  OWN,
  PEER,
  PEER_ENDPOINT,
  ping,
  STRANGER,
  TunnelBench,
} from '../../../support/tunnel-bench.ts';

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
