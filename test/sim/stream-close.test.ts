import { describe, expect, test } from 'vitest';
import { FLAG, type Packet } from '../../node-core/wire/packet.ts';
import { pattern, type StreamEnd, StreamLink, sendAll } from '../support/stream-link.ts';

const isFin = (packet: Packet) => (packet.flags & FLAG.fin) !== 0;
const flagsOf = (end: StreamEnd) => end.sent.map((packet) => packet.flags);

/** Drops the first `count` packets that match. */
function dropFirst(count: number, matches: (packet: Packet, to: StreamEnd) => boolean) {
  let left = count;
  return (packet: Packet, to: StreamEnd) => {
    if (left === 0 || !matches(packet, to)) return false;
    left -= 1;
    return true;
  };
}

function bothClosed(link: StreamLink): boolean {
  return link.alice.closeReasons().length === 1 && link.bob.closeReasons().length === 1;
}

describe('close', () => {
  test('is one FIN, one FIN|ACK and one ACK', () => {
    const link = new StreamLink({ seed: 1 });
    const connection = link.connect();
    link.runUntil(() => link.bob.eventsOf('established').length === 1, 1_000);
    connection.close();
    link.runUntil(() => bothClosed(link), 1_000);
    link.run(60_000);
    expect(flagsOf(link.alice)).toEqual([FLAG.syn, FLAG.ack, FLAG.fin, FLAG.ack]);
    expect(flagsOf(link.bob)).toEqual([FLAG.syn | FLAG.ack, FLAG.fin | FLAG.ack]);
    const [fin, finAck] = [link.alice.sent.find(isFin), link.bob.sent.find(isFin)];
    expect(fin).toMatchObject({ acknowledgement: 0, window: 0 });
    expect(finAck?.acknowledgement).toBe(((fin?.sequence ?? 0) + 1) >>> 0);
    expect([link.alice.table.size, link.bob.table.size]).toEqual([0, 0]);
  });

  test.each([
    { lost: 'FIN', drop: (packet: Packet) => packet.flags === FLAG.fin },
    { lost: 'FIN|ACK', drop: (packet: Packet) => packet.flags === (FLAG.fin | FLAG.ack) },
  ])('survives two lost $lost', ({ drop }) => {
    const link = new StreamLink({ seed: 1, drop: dropFirst(2, drop) });
    const connection = link.connect();
    link.runUntil(() => link.bob.eventsOf('established').length === 1, 1_000);
    connection.close();
    link.runUntil(() => bothClosed(link), 10_000);
    link.run(60_000);
    expect([...link.alice.closeReasons(), ...link.bob.closeReasons()]).toEqual(['fin', 'fin']);
    expect(link.alice.sent.filter(isFin)).toHaveLength(3);
    expect([link.alice.table.size, link.bob.table.size]).toEqual([0, 0]);
  });

  test('gives up a FIN that nobody answers and counts the stream as closed', () => {
    const link = new StreamLink({ seed: 1, drop: (packet, to) => to === link.bob && packet.flags === FLAG.fin });
    const connection = link.connect();
    link.runUntil(() => link.bob.eventsOf('established').length === 1, 1_000);
    connection.close();
    link.runUntil(() => link.alice.closeReasons().length === 1, 60_000);
    expect(link.alice.closeReasons()).toEqual(['fin']);
    expect(link.alice.sent.filter(isFin)).toHaveLength(4);
  });

  test('of both ends at once ends both', () => {
    const link = new StreamLink({ seed: 1 });
    const connection = link.connect();
    link.runUntil(() => link.bob.eventsOf('established').length === 1, 1_000);
    connection.close();
    link.bob.accepted.close();
    link.runUntil(() => bothClosed(link), 5_000);
    link.run(60_000);
    expect([...link.alice.closeReasons(), ...link.bob.closeReasons()]).toEqual(['fin', 'fin']);
    expect(link.alice.sent.length + link.bob.sent.length).toBeLessThanOrEqual(10);
  });

  test.each([0, 0.05, 0.2])('delivers what both ends had queued, at loss %d', (loss) => {
    const link = new StreamLink({ seed: 11, loss });
    const [request, answer] = [pattern(50_000, 1), pattern(200_000, 2)];
    link.bob.behaviour = (event, end) => {
      if (event.type === 'accepted') end.behaviour = sendAll(link, event.connection, answer);
    };
    const connection = link.connect();
    link.alice.behaviour = sendAll(link, connection, request);
    link.runUntil(() => bothClosed(link), 60_000);
    expect(Buffer.compare(link.bob.bytes(link.bob.accepted), request)).toBe(0);
    expect(Buffer.compare(link.alice.bytes(connection), answer)).toBe(0);
  });

  test('a request and a FIN back to back still get their answer', () => {
    const link = new StreamLink({ seed: 1 });
    link.bob.behaviour = (event, end) => {
      if (event.type !== 'readable' || end.bytes(event.connection).length < 5_000) return;
      expect(event.connection.write(end.bytes(event.connection), link.now)).toBe(5_000);
    };
    const connection = link.connect();
    link.alice.behaviour = sendAll(link, connection, pattern(5_000));
    link.runUntil(() => bothClosed(link), 5_000);
    expect(Buffer.compare(link.alice.bytes(connection), pattern(5_000))).toBe(0);
  });

  test('a FIN that overtook data waits for it', () => {
    const lostOnce = dropFirst(1, (packet) => packet.payload.length > 0);
    const link = new StreamLink({ seed: 1, drop: lostOnce, config: { nagle: false } });
    const connection = link.connect();
    link.runUntil(() => connection.state.phase === 'established', 1_000);
    connection.write(pattern(3_000), link.now);
    link.drain();
    const last = link.alice.sent.at(-1);
    if (last === undefined) throw new Error('nothing was sent');
    const sequence = (last.sequence + last.payload.length) >>> 0;
    link.inject(
      { ...last, flags: FLAG.fin, sequence, acknowledgement: 0, window: 0, payload: new Uint8Array(0) },
      link.bob,
    );
    expect(link.bob.eventsOf('ended')).toHaveLength(0);
    link.runUntil(() => link.bob.eventsOf('ended').length === 1, 5_000);
    expect(Buffer.compare(link.bob.bytes(link.bob.accepted), pattern(3_000))).toBe(0);
  });

  test('an end that never reads does not keep the other waiting for ever', () => {
    const link = new StreamLink({ seed: 1 });
    link.bob.reads = false;
    const connection = link.connect();
    link.alice.behaviour = sendAll(link, connection, pattern(5_000));
    link.runUntil(() => bothClosed(link), 6_000);
    link.bob.readAll(link.bob.accepted, link.now);
    expect(link.bob.bytes(link.bob.accepted)).toHaveLength(5_000);
  });
});

describe('FIN against a peer of another make', () => {
  function establishedBob() {
    const link = new StreamLink({ seed: 1, drop: (_packet, to) => to === link.alice });
    link.bob.table.listen(1001);
    const base = { protocol: 1, source: { network: 0, node: 5 }, destination: { network: 0, node: 9 } };
    const from = (flags: number, sequence: number, acknowledgement: number, payload = new Uint8Array(0)): Packet => ({
      ...base,
      flags,
      sourcePort: 50_000,
      destinationPort: 1001,
      sequence,
      acknowledgement,
      window: 512,
      payload,
    });
    link.inject(from(FLAG.syn, 100, 0), link.bob);
    const next = ((link.bob.sent[0]?.sequence ?? 0) + 1) >>> 0;
    link.inject(from(FLAG.ack, 101, next), link.bob);
    link.bob.sent.length = 0;
    return { link, from, next };
  }

  test('each FIN without ACK is answered with FIN|ACK, each FIN|ACK at most with an ACK', () => {
    const { link, from, next } = establishedBob();
    for (let repeat = 0; repeat < 3; repeat++) link.inject(from(FLAG.fin, 101, 0), link.bob);
    expect(flagsOf(link.bob)).toEqual([6, 6, 6]);
    expect(link.bob.sent.every((packet) => packet.acknowledgement === 102 && packet.sequence === next)).toBe(true);
    link.inject(from(FLAG.fin | FLAG.ack, 101, (next + 1) >>> 0), link.bob);
    expect(flagsOf(link.bob).slice(3)).toEqual([FLAG.ack]);
  });

  test('a FIN|ACK that opens the close gets ACK and then a FIN of ours, repeated until acknowledged', () => {
    const { link, from, next } = establishedBob();
    link.inject(from(FLAG.fin | FLAG.ack, 101, next), link.bob);
    link.run(2_500);
    expect(flagsOf(link.bob)).toEqual([FLAG.ack, FLAG.fin, FLAG.fin]);
    expect(link.bob.sent.map((packet) => packet.sequence)).toEqual([next, next, next]);
    link.inject(from(FLAG.ack, 102, (next + 1) >>> 0), link.bob);
    expect(link.bob.closeReasons()).toEqual(['fin']);
    link.run(60_000);
    expect(flagsOf(link.bob)).toHaveLength(3);
  });

  test('FIN with RST is a FIN', () => {
    const { link, from } = establishedBob();
    link.inject(from(FLAG.fin | FLAG.rst, 101, 0), link.bob);
    expect(flagsOf(link.bob)).toEqual([6]);
  });
});
