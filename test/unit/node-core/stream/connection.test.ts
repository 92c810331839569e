import { describe, expect, test } from 'vitest';
import { FLAG } from '../../../../node-core/wire/packet.ts';
import { encodeSack } from '../../../../node-core/wire/sack.ts';
import { StreamBench, summary } from '../../../support/stream-peer.ts';

const { syn: SYN, ack: ACK, fin: FIN, rst: RST } = FLAG;
const text = (value: string) => new TextEncoder().encode(value);

function firstConnection(bench: StreamBench) {
  const event = bench.events.find((candidate) => candidate.type === 'accepted' || candidate.type === 'established');
  if (event === undefined) throw new Error('no stream');
  return event.connection;
}

describe('dialling', () => {
  test('SYN, SYN|ACK, ACK; the times and sequences of the handshake', () => {
    const bench = new StreamBench({}, 700);
    const connection = bench.table.dial({ network: 3, node: 9, port: 7 }, bench.now);
    expect(summary(bench.drain())).toEqual(['SYN 700 0 512 0']);
    bench.nowMs += 40;
    const answer = { sequence: 5_000, acknowledgement: 701, network: 3, port: 7, to: connection.localPort };
    expect(summary(bench.receive({ flags: SYN | ACK, ...answer }))).toEqual(['ACK 701 5001 512 0']);
    expect(bench.events).toMatchObject([
      {
        type: 'established',
        role: 'dialler',
        handshake: {
          diallerSequence: 700,
          acceptorSequence: 5_000,
          synSent: { monotonicMs: 1_000 },
          synAckReceived: { monotonicMs: 1_040 },
        },
      },
    ]);
    bench.nowMs += 40;
    expect(summary(bench.receive({ flags: SYN | ACK, ...answer }))).toEqual(['ACK 701 5001 512 0']); // ours was lost
    expect(connection.handshake?.synAckReceived?.monotonicMs).toBe(1_040);
  });

  test('a SYN|ACK that acknowledges something else gets RST, and the next SYN goes through', () => {
    const bench = new StreamBench({}, 700);
    const connection = bench.table.dial({ network: 0, node: 9, port: 7 }, bench.now);
    bench.drain();
    const from = { port: 7, to: connection.localPort };
    const reset = bench.receive({ flags: SYN | ACK, sequence: 0, acknowledgement: 778, ...from });
    expect(summary(reset)).toEqual(['RST 0 0 0 0']);
    expect(connection.state.phase).toBe('syn-sent');
    expect(summary(bench.pass(250))).toEqual(['SYN 700 0 512 0']);
    bench.receive({ flags: SYN | ACK, sequence: 0, acknowledgement: 701, ...from });
    expect(connection.state.phase).toBe('established');
  });

  test('RST means refused', () => {
    const bench = new StreamBench();
    const connection = bench.table.dial({ network: 0, node: 9, port: 7 }, bench.now);
    bench.drain();
    expect(bench.receive({ flags: RST, sequence: 0, port: 7, to: connection.localPort })).toEqual([]);
    expect(bench.events).toMatchObject([{ type: 'closed', reason: 'refused' }]);
    expect(bench.table.size).toBe(0);
  });

  test('what was written before the opening follows its ACK', () => {
    const bench = new StreamBench({}, 0);
    const connection = bench.table.dial({ network: 0, node: 9, port: 7 }, bench.now);
    connection.write(text('hi'), bench.now);
    connection.close();
    expect(summary(bench.drain())).toEqual(['SYN 0 0 512 0']);
    const from = { port: 7, to: connection.localPort };
    const opened = bench.receive({ flags: SYN | ACK, sequence: 5_000, acknowledgement: 1, ...from });
    expect(summary(opened)).toEqual(['ACK 1 5001 512 0', 'ACK 1 5001 512 2']);
    const acknowledged = bench.receive({ flags: ACK, sequence: 5_001, acknowledgement: 3, ...from });
    expect(summary(acknowledged)).toEqual(['FIN 3 0 0 0']);
  });

  test('a dial that is called off sends RST', () => {
    const bench = new StreamBench();
    const connection = bench.table.dial({ network: 0, node: 9, port: 7 }, bench.now);
    bench.drain();
    connection.close();
    expect(summary(bench.drain())).toEqual(['RST 0 0 0 0']);
    expect(bench.events).toMatchObject([{ type: 'closed', reason: 'aborted' }]);
  });
});

describe('accepting', () => {
  test('the first answer is repeated for the same SYN, with the first sequence, also after data', () => {
    const bench = new StreamBench({}, 300);
    bench.accept();
    const connection = firstConnection(bench);
    bench.receive({ flags: ACK, sequence: 101, acknowledgement: 301, payload: text('hello') });
    connection.write(text('answer'), bench.now);
    bench.drain();
    expect(summary(bench.receive({ flags: SYN, sequence: 100 }))).toEqual(['SYN|ACK 300 101 511 0']);
    expect(connection.handshake).toMatchObject({
      synReceived: { monotonicMs: 1_000 },
      synAckSent: { monotonicMs: 1_000 },
    });
  });

  test.each([
    { what: 'another sequence', syn: { sequence: 101 } },
    { what: 'another network', syn: { sequence: 100, network: 0, destinationNetwork: 4 } },
  ])('a SYN with $what is a new stream with a new sequence', ({ syn }) => {
    const bench = new StreamBench();
    const first = bench.accept();
    const [synAck] = bench.receive({ flags: SYN, ...syn });
    expect(synAck).toMatchObject({ flags: SYN | ACK, acknowledgement: (syn.sequence + 1) >>> 0 });
    expect(synAck?.sequence).not.toBe((first - 1) >>> 0);
    expect(bench.events).toContainEqual(expect.objectContaining({ type: 'closed', reason: 'replaced' }));
    expect([bench.table.size, bench.eventTypes().filter((type) => type === 'accepted')]).toEqual([
      1,
      ['accepted', 'accepted'],
    ]);
  });

  test('the same SYN after TIME_WAIT began is a new stream', () => {
    const bench = new StreamBench();
    const first = bench.accept();
    bench.receive({ flags: FIN, sequence: 101 });
    const [synAck] = bench.receive({ flags: SYN, sequence: 100 });
    expect(synAck?.flags).toBe(SYN | ACK);
    expect(synAck?.sequence).not.toBe((first - 1) >>> 0);
  });

  test('a too small acknowledgement does not confirm, nor is its data used', () => {
    const bench = new StreamBench({}, 300);
    bench.table.listen(4_000);
    bench.receive({ flags: SYN, sequence: 100 });
    expect(bench.receive({ flags: ACK, sequence: 101, acknowledgement: 300, payload: text('x') })).toEqual([]);
    expect(firstConnection(bench).state.phase).toBe('syn-received');
    bench.receive({ flags: ACK, sequence: 100, acknowledgement: 301 }); // 1.18 may send its old sequence here
    expect(bench.events.at(-1)).toMatchObject({ type: 'established', role: 'acceptor' });
  });

  test('SYN|ACK is repeated while nothing confirms it, and the half-open stream ends', () => {
    const bench = new StreamBench();
    bench.table.listen(4_000);
    bench.receive({ flags: SYN, sequence: 100 });
    const sent = bench.pass(40_000).map((packet) => packet.flags);
    expect(sent.filter((flags) => flags === (SYN | ACK))).toHaveLength(4);
    expect([sent.at(-1), bench.table.size]).toEqual([RST, 0]);
  });

  test('an acceptor may speak first', () => {
    const bench = new StreamBench({}, 300);
    bench.table.listen(4_000);
    bench.receive({ flags: SYN, sequence: 100 });
    firstConnection(bench).write(text('banner'), bench.now);
    expect(summary(bench.drain())).toEqual(['ACK 301 101 512 6']);
  });
});

describe('data', () => {
  test('a lone segment is acknowledged at once, with the segments left', () => {
    const bench = new StreamBench({}, 0);
    bench.accept();
    const answer = bench.receive({ flags: ACK, sequence: 101, acknowledgement: 1, payload: text('hello') });
    expect(summary(answer)).toEqual(['ACK 1 106 511 0']);
    expect(Buffer.from(firstConnection(bench).read(bench.now) ?? []).toString()).toBe('hello');
  });

  test('holes are told in SACK blocks, until they are filled', () => {
    const bench = new StreamBench({}, 0);
    bench.accept();
    const from = (sequence: number) =>
      bench.receive({ flags: ACK, sequence, acknowledgement: 1, payload: text('0123456789') });
    expect(from(111)[0]?.payload).toEqual(encodeSack([{ left: 111, right: 121 }]));
    expect(from(131)[0]?.payload).toEqual(
      encodeSack([
        { left: 111, right: 121 },
        { left: 131, right: 141 },
      ]),
    );
    expect(summary(from(101))).toEqual(['ACK 1 121 510 13']);
    expect(summary(from(121))).toEqual(['ACK 1 141 508 0']);
  });

  test('what looks like SACK is never data', () => {
    const bench = new StreamBench({}, 0);
    bench.accept();
    const payload = encodeSack([{ left: 1, right: 2 }]);
    expect(bench.receive({ flags: ACK, sequence: 101, acknowledgement: 1, payload })).toEqual([]);
    expect(firstConnection(bench).receiver?.expected).toBe(101);
  });

  test('an acknowledgement of what was never sent is ignored', () => {
    const bench = new StreamBench({}, 0);
    bench.accept();
    bench.receive({ flags: ACK, sequence: 101, acknowledgement: 5_000, window: 1 });
    const { sender, state } = firstConnection(bench);
    expect([sender.peerWindow, state.phase]).toEqual([512, 'established']);
    expect(bench.table.drops.get('bad-acknowledgement')).toBe(1);
  });

  test('a packet without flags is dropped', () => {
    const bench = new StreamBench({}, 0);
    bench.accept();
    expect(bench.receive({ flags: 0, sequence: 101, acknowledgement: 1, payload: text('x') })).toEqual([]);
    expect(bench.table.drops.get('no-flags')).toBe(1);
  });

  test.each([
    { window: 1, expected: 1 },
    { window: 4, expected: 4 },
    { window: 500, expected: 128 },
  ])('a window of $window lets $expected segments out', ({ window, expected }) => {
    const bench = new StreamBench({ initialCongestionWindow: 1_000_000, maxCongestionWindow: 1_000_000 }, 0);
    bench.accept();
    bench.receive({ flags: ACK, sequence: 101, acknowledgement: 1, window });
    firstConnection(bench).write(new Uint8Array(200_000), bench.now);
    expect(bench.drain()).toHaveLength(expected);
  });

  test('36 segments make the first flight', () => {
    const bench = new StreamBench({}, 0);
    bench.accept();
    firstConnection(bench).write(new Uint8Array(200_000), bench.now);
    expect(bench.drain()).toHaveLength(36);
  });

  test('a full buffer takes part, and says when to go on', () => {
    const bench = new StreamBench({ sendBufferBytes: 10_000 }, 0);
    bench.accept();
    const connection = firstConnection(bench);
    expect([connection.write(new Uint8Array(12_000), bench.now), connection.write(text('x'), bench.now)]).toEqual([
      10_000, 0,
    ]);
    bench.drain();
    bench.receive({ flags: ACK, sequence: 101, acknowledgement: 1 + 3 * 1_152 });
    expect(bench.eventTypes()).not.toContain('writable');
    bench.receive({ flags: ACK, sequence: 101, acknowledgement: 1 + 5 * 1_152 });
    expect(bench.eventTypes().filter((type) => type === 'writable')).toHaveLength(1);
  });

  test('RST ends the stream, whatever its sequence; received data can still be read', () => {
    const bench = new StreamBench({}, 0);
    bench.accept();
    const connection = firstConnection(bench);
    bench.receive({ flags: ACK, sequence: 101, acknowledgement: 1, payload: text('hello') });
    expect(bench.receive({ flags: RST, sequence: 0 })).toEqual([]);
    expect(bench.events.at(-1)).toMatchObject({ type: 'closed', reason: 'reset' });
    expect([connection.read(bench.now)?.length, connection.write(text('x'), bench.now)]).toEqual([5, 0]);
  });
});
