import { expect, test } from 'vitest';
import { pattern, StreamLink, sendAll } from '../support/stream-link.ts';

test.each([
  { bytes: 65_536, loss: 0, reorder: 0, duplicate: 0, withinMs: 400 },
  { bytes: 65_536, loss: 0.05, reorder: 0.1, duplicate: 0.05, withinMs: 6_000 },
  { bytes: 65_536, loss: 0.2, reorder: 0.1, duplicate: 0.05, withinMs: 15_000 },
  { bytes: 1_048_576, loss: 0, reorder: 0, duplicate: 0, withinMs: 1_500 },
  { bytes: 1_048_576, loss: 0.05, reorder: 0.1, duplicate: 0.05, withinMs: 15_000 },
  { bytes: 1_048_576, loss: 0.2, reorder: 0.1, duplicate: 0.05, withinMs: 60_000 },
])('delivers $bytes bytes in order at loss $loss within $withinMs virtual ms', (scenario) => {
  const { bytes, withinMs, ...link } = scenario;
  for (const seed of [1, 2, 3, 4, 5]) {
    const world = new StreamLink({ seed, ...link });
    const connection = world.connect();
    const sent = pattern(bytes);
    world.alice.behaviour = sendAll(world, connection, sent);
    world.runUntil(
      () => world.bob.eventsOf('closed').length === 1 && world.alice.eventsOf('closed').length === 1,
      withinMs,
    );
    expect(Buffer.compare(world.bob.bytes(world.bob.accepted), sent)).toBe(0);
    expect([...world.alice.closeReasons(), ...world.bob.closeReasons()]).toEqual(['fin', 'fin']);
  }
});

test.each([
  { alice: 0xffff_fff0, bob: 0xffff_ffff, loss: 0 },
  { alice: 0xffff_8000, bob: 0x7fff_f000, loss: 0.1 },
  { alice: 0xffff_ffff, bob: 0xffff_0000, loss: 0.2 },
])('carries both directions across the end of the number space, from $alice and $bob at loss $loss', (scenario) => {
  const { loss, ...initialSequences } = scenario;
  const link = new StreamLink({ seed: 4, loss, reorder: 0.1, duplicate: 0.05, initialSequences });
  const [there, back] = [pattern(150_000, 1), pattern(150_000, 2)];
  link.bob.behaviour = (event, end) => {
    if (event.type === 'accepted') end.behaviour = sendAll(link, event.connection, back);
  };
  const connection = link.connect();
  link.alice.behaviour = sendAll(link, connection, there);
  link.runUntil(() => connection.isOver && link.bob.accepted.isOver, 30_000);
  expect(Buffer.compare(link.bob.bytes(link.bob.accepted), there)).toBe(0);
  expect(Buffer.compare(link.alice.bytes(connection), back)).toBe(0);
});

test('both ends see the four times of the handshake in order, whatever is lost and repeated', () => {
  let synAcks = 0;
  const link = new StreamLink({
    seed: 1,
    drop: (packet) => (packet.flags & 3) === 3 && synAcks++ === 0, // the first SYN|ACK
  });
  const connection = link.connect();
  link.runUntil(() => link.bob.eventsOf('established').length === 1, 2_000);
  const [dialler, acceptor] = [connection.handshake, link.bob.accepted.handshake];
  expect(dialler).toMatchObject({ synSent: { monotonicMs: 1_000 }, synAckReceived: { monotonicMs: 1_290 } });
  expect(acceptor).toMatchObject({ synReceived: { monotonicMs: 1_020 }, synAckSent: { monotonicMs: 1_020 } });
  const sequences = (handshake: typeof dialler) => [handshake?.diallerSequence, handshake?.acceptorSequence];
  expect(sequences(dialler)).toEqual(sequences(acceptor));
});
