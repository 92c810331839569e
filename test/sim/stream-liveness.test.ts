import { describe, expect, test } from 'vitest';
import { FLAG } from '../../node-core/wire/packet.ts';
import { pattern, StreamLink, sendAll } from '../support/stream-link.ts';

function established(options: Partial<ConstructorParameters<typeof StreamLink>[0]> = {}) {
  const link = new StreamLink({ seed: 3, ...options });
  const connection = link.connect();
  link.runUntil(() => link.bob.eventsOf('established').length === 1, 20_000);
  return { link, connection };
}

describe('an idle stream', () => {
  test('lives for ten minutes on 48 packets', () => {
    const { link, connection } = established();
    const before = link.alice.sent.length + link.bob.sent.length;
    link.run(600_000);
    const packets = link.alice.sent.length + link.bob.sent.length - before;
    expect(packets).toBeGreaterThanOrEqual(40);
    expect(packets).toBeLessThanOrEqual(48);
    expect([connection.state.phase, link.bob.accepted.state.phase]).toEqual(['established', 'established']);
    connection.write(pattern(1_000), link.now);
    link.run(1_000);
    expect(Buffer.compare(link.bob.bytes(link.bob.accepted), pattern(1_000))).toBe(0);
  });

  test('after a transfer and a close says nothing more', () => {
    const { link, connection } = established();
    link.alice.behaviour = sendAll(link, connection, pattern(100_000));
    link.runUntil(() => link.bob.closeReasons().length === 1 && link.alice.closeReasons().length === 1, 5_000);
    link.run(100);
    const before = link.alice.sent.length + link.bob.sent.length;
    link.run(600_000);
    expect(link.alice.sent.length + link.bob.sent.length).toBe(before);
    expect([link.alice.table.size, link.bob.table.size]).toEqual([0, 0]);
  });

  test('ends when both fall silent', () => {
    let cut = false;
    const { link } = established({ drop: () => cut });
    link.run(60_000);
    cut = true;
    link.run(200_000);
    expect([link.alice.closeReasons(), link.bob.closeReasons()]).toEqual([['silence'], ['silence']]);
  });

  test('stays open towards a peer that says nothing by itself', () => {
    const { link, connection } = established({
      drop: (packet, to) => to.name === 'alice' && packet.flags === FLAG.ack && packet.payload.length > 0,
    });
    link.run(600_000);
    expect(connection.state.phase).toBe('established');
    expect(link.alice.sent.length).toBeLessThanOrEqual(50);
  });

  test('ends 150 s after a peer whose one FIN was lost, and which is silent about what it forgot', () => {
    let gone = false;
    const { link } = established({
      drop: (packet, to) => {
        gone ||= to.name === 'alice' && (packet.flags & FLAG.fin) !== 0;
        return gone && to.name === 'alice';
      },
    });
    link.bob.accepted.close();
    link.drain();
    const took = link.runUntil(() => link.alice.closeReasons().length === 1, 200_000);
    expect(link.alice.closeReasons()).toEqual(['silence']);
    expect(Math.round(took / 1_000)).toBe(150);
  });
});

describe('a window of 0', () => {
  test('stops data, is probed, and opens again', () => {
    const { link, connection } = established();
    link.bob.reads = false;
    link.alice.behaviour = sendAll(link, connection, pattern(800_000));
    link.runUntil(() => connection.sender.peerWindow === 0, 5_000);
    const stoppedAt = link.alice.sent.length;
    link.run(20_000);
    const probes = link.alice.sent.slice(stoppedAt);
    expect(probes.map((packet) => packet.payload.length > 0)).toEqual([false, false, true, true, true]); // to 15.5 s
    expect(new Set(probes.slice(2).map((packet) => packet.sequence)).size).toBe(1); // always the same segment
    link.bob.reads = true;
    link.bob.readAll(link.bob.accepted, link.now);
    link.runUntil(() => link.bob.closeReasons().length === 1, 5_000);
    expect(Buffer.compare(link.bob.bytes(link.bob.accepted), pattern(800_000))).toBe(0);
  });

  test('opens at a peer that neither tells of it nor answers an empty ACK', () => {
    let silent = false;
    const { link, connection } = established({
      drop: (packet, to) => {
        if (to.name === 'bob' && packet.payload.length > 0) silent = false;
        return silent && to.name === 'alice';
      },
    });
    link.bob.reads = false;
    link.alice.behaviour = sendAll(link, connection, pattern(800_000));
    link.runUntil(() => connection.sender.peerWindow === 0, 5_000);
    link.run(1_000);
    silent = true;
    link.bob.reads = true;
    link.bob.readAll(link.bob.accepted, link.now);
    link.runUntil(() => link.bob.closeReasons().length === 1, 8_000);
    expect(Buffer.compare(link.bob.bytes(link.bob.accepted), pattern(800_000))).toBe(0);
  });

  test('opens although the update is lost', () => {
    let updates: 'pass' | 'lose' | 'lost' = 'pass';
    const { link, connection } = established({
      drop: (packet, to) => {
        if (updates !== 'lose' || to.name !== 'alice' || packet.window === 0) return false;
        updates = 'lost';
        return true;
      },
    });
    link.bob.reads = false;
    link.alice.behaviour = sendAll(link, connection, pattern(800_000));
    link.runUntil(() => connection.sender.peerWindow === 0, 5_000);
    link.run(2_000);
    updates = 'lose';
    link.bob.reads = true;
    link.bob.readAll(link.bob.accepted, link.now);
    link.runUntil(() => link.bob.closeReasons().length === 1, 5_000);
    expect(updates).toBe('lost');
  });

  test('for a quarter of an hour is given up', () => {
    const { link, connection } = established();
    link.bob.reads = false;
    link.alice.behaviour = sendAll(link, connection, pattern(800_000));
    link.run(900_000);
    expect(link.alice.closeReasons()).toEqual(['gave-up']);
    expect(link.bob.closeReasons()).toEqual(['reset']);
  });
});

describe('a peer with a new key', () => {
  test('keeps the streams it still knows', () => {
    const { link, connection } = established();
    link.run(7_000);
    link.alice.table.peerRekeyed(9, link.now);
    expect(connection.isUnproven).toBe(true);
    link.runUntil(() => !connection.isUnproven, 1_000);
    link.run(60_000);
    expect(connection.state.phase).toBe('established');
  });

  test('keeps a stream that was busy a moment ago, whichever end is told', () => {
    const { link, connection } = established();
    connection.write(pattern(10), link.now);
    link.run(100);
    link.alice.table.peerRekeyed(9, link.now);
    link.run(15_000);
    expect([connection.state.phase, connection.isUnproven]).toEqual(['established', false]);
  });

  test('is asked with an empty ACK at once, then with old bytes, which stock answers too', () => {
    let deaf = false; // to empty ACKs
    const { link, connection } = established({
      drop: (packet, to) => deaf && to.name === 'bob' && packet.payload.length === 0,
    });
    link.run(7_000);
    deaf = true;
    const from = link.alice.sent.length;
    link.alice.table.peerRekeyed(9, link.now);
    const took = link.runUntil(() => !connection.isUnproven, 11_000);
    const probes = link.alice.sent.slice(from).map((packet) => packet.payload.length);
    expect([probes, Math.round(took / 1_000)]).toEqual([[0, 1], 1]);
  });

  test('loses those it forgot: its RST ends them', () => {
    const { link, connection } = established();
    link.bob.table.peerGone(5); // bob forgets; nothing is sent
    link.run(10);
    link.alice.table.peerRekeyed(9, link.now);
    link.runUntil(() => link.alice.closeReasons().length === 1, 1_000);
    expect(link.alice.closeReasons()).toEqual(['reset']);
    expect(connection.isOver).toBe(true);
  });

  test('loses those it is silent about after 10 s', () => {
    let cut = false;
    const { link } = established({ drop: () => cut });
    cut = true;
    link.run(1);
    link.alice.table.peerRekeyed(9, link.now);
    const took = link.runUntil(() => link.alice.closeReasons().length === 1, 11_000);
    expect([link.alice.closeReasons()[0], Math.round(took)]).toEqual(['silence', 10_000]);
  });

  test.each([0, 10])('may open anew on the same ports, even with the same sequence, %d s later', (seconds) => {
    const { link } = established();
    const old = link.bob.accepted;
    const syn = link.alice.sent[0];
    if (syn === undefined) throw new Error('no SYN');
    link.bob.table.peerRekeyed(5, link.now);
    link.run(seconds * 1_000);
    expect(old.isUnproven).toBe(seconds === 0);
    link.inject(syn, link.bob);
    const accepted = link.bob.eventsOf('accepted').map((event) => 'connection' in event && event.connection);
    expect(accepted).toHaveLength(2);
    expect(accepted[0]).toBe(old);
    expect(old.state).toMatchObject({ phase: 'closed', reason: 'replaced' });
    const answers = link.bob.sent.filter((packet) => packet.flags === (FLAG.syn | FLAG.ack));
    expect(answers).toHaveLength(2);
    expect(answers[0]?.sequence).not.toBe(answers[1]?.sequence);
  });
});

describe('loss without end', () => {
  test('gives up data after eight transmissions, with RST', () => {
    let cut = false;
    const { link, connection } = established({ drop: () => cut });
    cut = true;
    connection.write(pattern(100), link.now);
    const from = link.alice.sent.length;
    link.run(120_000);
    const sent = link.alice.sent.slice(from);
    expect(sent.filter((packet) => packet.payload.length > 0)).toHaveLength(8);
    expect(sent.at(-1)).toMatchObject({ flags: FLAG.rst, sequence: 0, acknowledgement: 0 });
    expect(link.alice.closeReasons()).toEqual(['gave-up']);
  });

  test('a dial sends eight SYNs at the times of 1.18 and fails after 17.25 s', () => {
    const link = new StreamLink({ seed: 1, drop: () => true });
    const start = link.now.monotonicMs;
    const connection = link.connect();
    const times: number[] = [0];
    link.alice.behaviour = (event) => {
      if (event.type === 'syn-retry') times.push(link.now.monotonicMs - start);
    };
    const took = link.runUntil(() => connection.isOver, 20_000);
    expect(times).toEqual([0, 250, 750, 1_750, 2_250, 3_250, 5_250, 9_250]);
    expect([took, link.alice.closeReasons()[0]]).toEqual([17_250, 'timeout']);
    expect(new Set(link.alice.sent.map((packet) => packet.sequence)).size).toBe(1);
  });
});
