import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FLAG } from '../../../../node-core/wire/packet.ts';
import { StreamBench, summary } from '../../../support/stream-peer.ts';

const { syn: SYN, ack: ACK, fin: FIN, rst: RST } = FLAG;

describe('PortTable', () => {
  test('dials from distinct ephemeral ports', () => {
    const bench = new StreamBench();
    const ports = Array.from(
      { length: 200 },
      () => bench.table.dial({ network: 0, node: 9, port: 7 }, bench.now).localPort,
    );
    expect(new Set(ports).size).toBe(200);
    expect(ports.every((port) => port >= 49_152 && port <= 65_535)).toBe(true);
  });

  test('has no port left when all 16,384 towards a peer are open', () => {
    const bench = new StreamBench();
    for (let dial = 0; dial < 16_384; dial++) bench.table.dial({ network: 0, node: 9, port: 7 }, bench.now);
    const another = () => bench.table.dial({ network: 0, node: 9, port: 7 }, bench.now);
    expect(another).toThrow(expect.objectContaining({ code: 'port.exhausted' }));
    expect(bench.table.dial({ network: 0, node: 9, port: 8 }, bench.now).remotePort).toBe(8);
    bench.table.peerGone(9);
    bench.drain();
    expect(bench.table.size).toBe(0);
    expect(another).toThrow(expect.objectContaining({ code: 'port.exhausted' }));
    bench.nowMs += 30_000;
    expect(another().remotePort).toBe(7);
  });

  test('draws a new initial sequence for each dial and each accept', () => {
    const bench = new StreamBench();
    bench.table.listen(4_000);
    const sequences = new Set<number>();
    for (let port = 0; port < 50; port++) {
      sequences.add(bench.table.dial({ network: 0, node: 9, port: 7 }, bench.now).initialSequence);
      const [answer] = bench
        .receive({ flags: SYN, sequence: 0, port: 50_000 + port })
        .filter((p) => p.flags === (SYN | ACK));
      sequences.add(answer?.sequence ?? 0);
    }
    expect(sequences.size).toBe(100);
  });

  test.each([
    { code: 'dial.self', act: (bench: StreamBench) => bench.table.dial({ network: 0, node: 7, port: 7 }, bench.now) },
    { code: 'port.in-use', act: (bench: StreamBench) => [1, 2].map(() => bench.table.listen(5)) },
  ])('refuses with $code', ({ code, act }) => {
    const bench = new StreamBench();
    expect(() => act(bench)).toThrow(expect.objectContaining({ code }));
  });

  test('a SYN to a closed port gets RST from the address it was sent to', () => {
    const bench = new StreamBench();
    const [reset] = bench.receive({ flags: SYN, sequence: 5, network: 2, port: 50_000, to: 81 });
    expect(reset).toMatchObject({
      flags: RST,
      source: { network: 2, node: 7 },
      destination: { network: 2, node: 9 },
      sourcePort: 81,
      destinationPort: 50_000,
      sequence: 0,
      acknowledgement: 0,
      window: 0,
    });
  });

  test.each([ACK, FIN, FIN | ACK, SYN | ACK])('flags %d of an unknown stream get one RST a second', (flags) => {
    const bench = new StreamBench();
    expect(summary(bench.receive({ flags, sequence: 5, acknowledgement: 9 }))).toEqual(['RST 0 0 0 0']);
    expect(bench.receive({ flags, sequence: 5, acknowledgement: 9 })).toEqual([]);
    bench.nowMs += 1_000;
    expect(bench.receive({ flags, sequence: 5, acknowledgement: 9 })).toHaveLength(1);
  });

  test('an RST of an unknown stream gets nothing, and 10,000 strays get no more than the rate', () => {
    const bench = new StreamBench();
    expect(bench.receive({ flags: RST, sequence: 0 })).toEqual([]);
    let resets = 0;
    for (let stray = 0; stray < 10_000; stray++) {
      resets += bench.receive({ flags: ACK, sequence: 1, port: 1 + stray }).length;
    }
    expect(resets).toBe(50);
    expect(bench.table.drops.get('reset-suppressed')).toBe(10_000 - 50 + 1);
  });

  test('two nodes that both forgot a stream fall silent', () => {
    const [one, other] = [new StreamBench(), new StreamBench()];
    let [packet] = one.receive({ flags: ACK, sequence: 1 });
    let exchanged = 0;
    while (packet !== undefined && exchanged < 10) {
      exchanged += 1;
      other.table.handlePacket({ ...packet, source: packet.destination, destination: packet.source }, other.now);
      [packet] = other.drain();
    }
    expect(exchanged).toBe(1);
  });

  test('admits 64 SYNs of a source at once, ten a second later on, and 100 a second of all', () => {
    const bench = new StreamBench({ backlog: 1_000 });
    bench.table.listen(4_000);
    const answers = (node: number, count: number, firstPort: number) =>
      Array.from({ length: count }, (_, index) =>
        bench.receive({ flags: SYN, sequence: 1, node, port: firstPort + index }),
      )
        .flat()
        .filter((packet) => packet.flags === (SYN | ACK)).length;
    expect(answers(20, 100, 10_000)).toBe(64);
    expect(answers(21, 100, 10_000)).toBe(36);
    bench.nowMs += 1_000;
    expect(answers(20, 30, 11_000)).toBe(10);
    expect(bench.table.drops.get('syn-rate-source')).toBe(36 + 36 + 20);
    expect(bench.table.drops.get('syn-rate-node')).toBe(28);
  });

  test('keeps a backlog of 64 unconfirmed streams: the next SYN is dropped, and its repeat finds room', () => {
    const bench = new StreamBench({ synBurstPerSource: 200 });
    bench.table.listen(4_000);
    for (let port = 0; port < 64; port++) bench.receive({ flags: SYN, sequence: 1, port: 20_000 + port });
    expect(bench.receive({ flags: SYN, sequence: 1, port: 21_000 })).toEqual([]);
    const first = bench.events[0];
    const sequence = (first?.type === 'accepted' ? first.connection.initialSequence : 0) + 1;
    bench.receive({ flags: ACK, sequence: 2, acknowledgement: sequence >>> 0, port: 20_000 });
    expect(bench.receive({ flags: SYN, sequence: 1, port: 21_000 })[0]?.flags).toBe(SYN | ACK);
  });

  test('refuses more streams than a port or the node may have', () => {
    const bench = new StreamBench({ streamsPerPort: 2 });
    bench.table.listen(4_000);
    const flags = [1, 2, 3].map((port) => bench.receive({ flags: SYN, sequence: 1, port })[0]?.flags);
    expect(flags).toEqual([SYN | ACK, SYN | ACK, RST]);
  });

  test('streams of two networks between the same nodes and ports are two streams', () => {
    const bench = new StreamBench();
    bench.table.listen(4_000);
    bench.receive({ flags: SYN, sequence: 1, network: 0 });
    bench.receive({ flags: SYN, sequence: 1, network: 4 });
    expect([bench.table.size, bench.table.openStreams(9).map((stream) => stream.local.network)]).toEqual([2, [0, 4]]);
  });

  test('says which packets would open a stream', () => {
    const bench = new StreamBench();
    const packet = (flags: number) => ({
      flags,
      protocol: 1,
      source: { network: 0, node: 9 },
      destination: { network: 0, node: 7 },
      sourcePort: 49_152,
      destinationPort: 4_000,
      sequence: 100,
      acknowledgement: 0,
      window: 512,
      payload: new Uint8Array(0),
    });
    expect(bench.table.opensStream(packet(SYN))).toBe(true);
    expect(bench.table.opensStream(packet(ACK))).toBe(false);
    bench.accept();
    expect(bench.table.opensStream(packet(SYN))).toBe(false); // a repeat
    expect(bench.table.opensStream({ ...packet(SYN), sequence: 1 })).toBe(true);
  });

  test('a SYN to the port of a stream we dialled opens nothing', () => {
    const bench = new StreamBench();
    bench.dial();
    expect(bench.receive({ flags: SYN, sequence: 1 })).toEqual([]);
    expect([bench.table.size, bench.table.drops.get('unexpected-syn')]).toEqual([1, 1]);
  });

  test('any packets at all leave it working, with no more answers than packets and bounded timers', () => {
    const number = fc.oneof(fc.constantFrom(0, 1, 100, 101, 102, 300, 301, 302, 0xffff_ffff), fc.nat(0xffff_ffff));
    const hostile = fc.record({
      flags: fc.nat(15),
      sequence: number,
      acknowledgement: number,
      window: fc.constantFrom(0, 1, 512, 65_535),
      payload: fc.oneof(fc.constant(new Uint8Array(0)), fc.uint8Array({ maxLength: 30 })),
      port: fc.constantFrom(49_152, 49_153),
    });
    fc.assert(
      fc.property(fc.array(hostile, { maxLength: 60 }), (packets) => {
        const bench = new StreamBench({}, 300);
        bench.accept();
        let sent = 0;
        for (const packet of packets) sent += bench.receive(packet).length;
        expect(sent).toBeLessThanOrEqual(2 * packets.length);
        expect(bench.pass(60_000).length).toBeLessThanOrEqual(60);
        bench.table.peerGone(9);
        bench.pass(60_000);
        expect([bench.table.size, bench.table.nextTimeout()]).toEqual([0, undefined]);
      }),
      { numRuns: 300 },
    );
  });
});

describe('what one peer may have', () => {
  const open = (bench: StreamBench, node: number, port: number, network = 0) =>
    bench.receive({ flags: SYN, sequence: 0, node, port, network });
  const confirm = (bench: StreamBench, node: number, port: number, network = 0) =>
    bench.receive({ flags: ACK, sequence: 1, acknowledgement: 1, node, port, network });
  const lifted = { synBurstPerSource: 1e6, synPerSecondPerSource: 1e6, synPerSecond: 1e6 };

  test('one peer leaves most streams of a port to the others, whatever ports and groups it dials from', () => {
    const bench = new StreamBench(lifted, 0);
    bench.table.listen(4_000);
    for (let index = 0; index < 1_024; index++) {
      open(bench, 9, 40_000 + index, index % 4);
      confirm(bench, 9, 40_000 + index, index % 4);
    }
    expect(bench.table.openStreams(9)).toHaveLength(256);
    expect(bench.table.drops.get('peer-streams')).toBe(1_024 - 256);
    expect(open(bench, 10, 40_000)[0]).toMatchObject({ flags: SYN | ACK });
  });

  test('one peer has a share of all streams over all ports', () => {
    const bench = new StreamBench({ ...lifted, streamsPerPeer: 300 }, 0);
    for (const port of [4_000, 4_001]) bench.table.listen(port);
    for (let index = 0; index < 400; index++) {
      bench.receive({ flags: SYN, sequence: 0, port: 40_000 + index, to: 4_000 + (index % 2) });
      bench.receive({ flags: ACK, sequence: 1, acknowledgement: 1, port: 40_000 + index, to: 4_000 + (index % 2) });
    }
    expect(bench.table.openStreams(9)).toHaveLength(300);
    expect(bench.table.drops.get('peer-streams')).toBe(100);
  });

  test('one peer that confirms nothing leaves room among the unconfirmed streams of a port', () => {
    const bench = new StreamBench(lifted, 0);
    bench.table.listen(4_000);
    for (let index = 0; index < 64; index++) open(bench, 9, 40_000 + index);
    for (let index = 0; index < 40; index++) open(bench, 10, 40_000 + index);
    expect(bench.table.openStreams(9)).toHaveLength(32);
    expect(bench.table.openStreams(10)).toHaveLength(32);
    expect(bench.table.drops.get('peer-backlog')).toBe(32);
    expect(bench.table.drops.get('backlog-full')).toBe(8);
  });

  test('received bytes that nobody reads are bounded over all streams of a peer, in order and behind holes', () => {
    const bench = new StreamBench({ ...lifted, receiveBytesPerPeer: 100_000 }, 0);
    bench.table.listen(4_000);
    const payload = new Uint8Array(10_000);
    for (let index = 0; index < 20; index++) {
      open(bench, 9, 40_000 + index);
      bench.receive({ flags: ACK, sequence: 1, acknowledgement: 1, port: 40_000 + index, payload });
      bench.receive({ flags: ACK, sequence: 20_001, acknowledgement: 1, port: 40_000 + index, payload });
    }
    const streams = bench.table.openStreams(9);
    expect(streams.reduce((sum, { receiver }) => sum + (receiver?.buffer.queuedSegments ?? 0), 0)).toBe(10);
    expect(streams.reduce((sum, { receiver }) => sum + (receiver?.buffer.earlySegments ?? 0), 0)).toBe(10);
    expect(bench.table.drops.get('peer-bytes')).toBe(20);
    expect(streams.at(-1)?.receiver?.buffer.window).toBe(0);
    open(bench, 10, 40_000);
    bench.receive({ flags: ACK, sequence: 1, acknowledgement: 1, node: 10, port: 40_000, payload });
    expect(bench.table.openStreams(10)[0]?.read(bench.now)).toHaveLength(10_000);

    streams[0]?.read(bench.now);
    const last = streams.at(-1);
    bench.receive({ flags: ACK, sequence: 1, acknowledgement: 1, port: 40_019, payload });
    expect(last?.read(bench.now)).toHaveLength(10_000);
  });

  test('what a stream held is given back when it ends unread', () => {
    const bench = new StreamBench({ ...lifted, receiveBytesPerPeer: 25_000 }, 0);
    bench.table.listen(4_000);
    const payload = new Uint8Array(20_000);
    for (let index = 0; index < 5; index++) {
      open(bench, 9, 40_000 + index);
      bench.receive({ flags: ACK, sequence: 1, acknowledgement: 1, port: 40_000 + index, payload });
      bench.receive({ flags: RST, sequence: 0, port: 40_000 + index });
    }
    expect(bench.table.drops.get('peer-bytes')).toBeUndefined();
  });
});
