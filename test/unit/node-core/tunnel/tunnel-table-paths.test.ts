import { expect, test } from 'vitest';
import { fromHex } from '../../../../node-core/base/bytes.ts';
import type { Endpoint } from '../../../../node-core/base/transport.ts';
import { FLAG, PROTOCOL } from '../../../../node-core/wire/packet.ts';
import { datagram } from '../../../support/sim-tunnels.ts';
import { OWN, PEER, PEER_ENDPOINT, ping, pong, STRANGER, TunnelBench } from '../../../support/tunnel-bench.ts';

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
