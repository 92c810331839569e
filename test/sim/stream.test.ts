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
