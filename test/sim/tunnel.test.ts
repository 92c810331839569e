import { expect, test } from 'vitest';
import { TunnelWorld } from '../support/sim-tunnels.ts';

const STRAIGHT = ['direct', 'punched'];

test.each([
  { loss: 0, reorder: 0, duplicate: 0, withinMs: 60 },
  { loss: 0.05, reorder: 0.1, duplicate: 0.1, withinMs: 3_000 },
  { loss: 0.2, reorder: 0.1, duplicate: 0.1, withinMs: 8_000 },
])('exchanges keys at loss $loss within $withinMs virtual ms, then goes straight', ({ withinMs, ...link }) => {
  for (let seed = 1; seed <= 30; seed++) {
    const world = new TunnelWorld({ seed, ...link });
    const [alice, bob] = [world.addPeer(5), world.addPeer(9)];
    alice.say('hello', bob);
    const both = () => [alice, bob].every((peer) => peer.eventsOf('established').length === 1);
    world.network.runUntil(both, withinMs);
    const straight = () => [alice.pathTo(bob), bob.pathTo(alice)].every((path) => STRAIGHT.includes(path ?? ''));
    world.network.runUntil(straight, 20_000);
  }
});

test.each([{ loss: 0 }, { loss: 0.05 }, { loss: 0.2 }])('both ends may start at once, at loss $loss', ({ loss }) => {
  for (let seed = 1; seed <= 30; seed++) {
    const world = new TunnelWorld({ seed, loss });
    const [alice, bob] = [world.addPeer(5), world.addPeer(9)];
    alice.say('from alice', bob);
    bob.say('from bob', alice);
    const both = () => [alice, bob].every((peer) => peer.eventsOf('established').length === 1);
    world.network.runUntil(both, 8_000);
    world.network.runFor(10_000);
    expect([...alice.eventsOf('rekeyed'), ...bob.eventsOf('rekeyed')]).toEqual([]);
    if (loss === 0) expect([alice.received, bob.received]).toEqual([['from bob'], ['from alice']]);
  }
});

test('loses any one frame of the handshake and still gets there', () => {
  for (let lost = 0; lost < 12; lost++) {
    const world = new TunnelWorld({ seed: lost });
    const [alice, bob] = [world.addPeer(5), world.addPeer(9)];
    const before = world.network.crossed;
    world.network.filter = () => world.network.crossed - before !== lost + 1;
    alice.say('hello', bob);
    world.network.runUntil(() => bob.eventsOf('established').length === 1, 2_000);
    world.network.runUntil(() => alice.eventsOf('established').length === 1, 2_000);
    world.network.filter = undefined;
    alice.say('after', bob);
    world.network.runUntil(() => bob.received.includes('after'), 200);
  }
});

test.each([
  { loss: 0, withinMs: 400 },
  { loss: 0.05, withinMs: 6_000 },
  { loss: 0.2, withinMs: 12_000 },
])('relays where nothing goes straight, at loss $loss within $withinMs virtual ms', ({ loss, withinMs }) => {
  for (let seed = 1; seed <= 20; seed++) {
    const world = new TunnelWorld({ seed, loss });
    const alice = world.addPeer(5, { nat: world.network.createNat('symmetric', '7.0.0.1') });
    const bob = world.addPeer(9, { nat: world.network.createNat('port-restricted', '7.0.0.2') });
    alice.say('hello', bob);
    const both = () => [alice, bob].every((peer) => peer.eventsOf('established').length === 1);
    world.network.runUntil(both, withinMs);
    world.network.runFor(90_000);
    expect([alice.pathTo(bob), bob.pathTo(alice)]).toEqual(['relay', 'relay']);
    expect(world.beacon.relayed.datagrams).toBeGreaterThan(20);
  }
});

test.each([{ loss: 0 }, { loss: 0.05 }])(
  'a NAT that opens lets a relayed tunnel out within 30 s, at loss $loss',
  ({ loss }) => {
    for (let seed = 1; seed <= 10; seed++) {
      const world = new TunnelWorld({ seed, loss });
      const nat = world.network.createNat('symmetric', '7.0.0.1');
      const alice = world.addPeer(5, { nat });
      const bob = world.addPeer(9, { nat: world.network.createNat('port-restricted', '7.0.0.2') });
      alice.say('hello', bob);
      world.network.runFor(40_000);
      expect(alice.pathTo(bob)).toBe('relay');
      nat.setKind('full-cone');
      const straight = () => [alice.pathTo(bob), bob.pathTo(alice)].every((path) => STRAIGHT.includes(path ?? ''));
      world.network.runUntil(straight, 30_000);
    }
  },
);

test.each([
  { a: 'port-restricted', b: 'port-restricted' },
  { a: 'restricted', b: 'symmetric' },
  { a: 'full-cone', b: 'symmetric' },
] as const)('$a and $b punch through', ({ a, b }) => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = new TunnelWorld({ seed });
    const alice = world.addPeer(5, { nat: world.network.createNat(a, '7.0.0.1') });
    const bob = world.addPeer(9, { nat: world.network.createNat(b, '7.0.0.2') });
    alice.say('hello', bob);
    const straight = () => alice.pathTo(bob) === 'punched' && STRAIGHT.includes(bob.pathTo(alice) ?? '');
    world.network.runUntil(straight, 5_000);
  }
});

test('falls back to the relay when the straight path dies, and comes back when it heals', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = new TunnelWorld({ seed });
    const [alice, bob] = [world.addPeer(5), world.addPeer(9)];
    alice.say('hello', bob);
    world.network.runUntil(() => alice.pathTo(bob) === 'direct' && bob.pathTo(alice) === 'direct', 1_000);
    world.network.runFor(6_000);
    const [a, b] = [alice, bob].map((peer) => world.hostOf(peer).endpoint.host) as [string, string];
    world.network.partition(a, b);
    world.network.runUntil(() => alice.pathTo(bob) === 'relay' && bob.pathTo(alice) === 'relay', 10_000);
    alice.say('by relay', bob);
    world.network.runUntil(() => bob.received.includes('by relay'), 100);
    expect(alice.eventsOf('silent')).toEqual([]);
    world.network.heal(a, b);
    const straight = () => [alice.pathTo(bob), bob.pathTo(alice)].every((path) => STRAIGHT.includes(path ?? ''));
    world.network.runUntil(straight, 16_000);
  }
});

test('tells a silent peer within 15 s, and its return', () => {
  const world = new TunnelWorld({ seed: 1 });
  const [alice, bob] = [world.addPeer(5), world.addPeer(9)];
  alice.table.watch(9, true, world.network.now);
  world.network.runUntil(() => bob.eventsOf('established').length === 1, 1_000);
  world.network.runFor(200_000);
  expect(alice.eventsOf('silent')).toEqual([]);
  const host = world.hostOf(bob);
  host.attached = false;
  world.network.runUntil(() => alice.eventsOf('silent').length === 1, 15_000);
  world.network.runFor(60_000);
  host.attached = true;
  world.network.runUntil(() => alice.eventsOf('recovered').length === 1, 6_000);
  expect(alice.eventsOf('silent').length).toBe(1);
});

test.each([{ loss: 0 }, { loss: 0.2 }])('a peer that restarted gets new keys, at loss $loss', ({ loss }) => {
  for (let seed = 1; seed <= 20; seed++) {
    const world = new TunnelWorld({ seed, loss });
    const [alice, bob] = [world.addPeer(5), world.addPeer(9)];
    alice.say('hello', bob);
    world.network.runFor(20_000);
    const again = world.restart(bob);
    for (let second = 0; second < 20; second++) {
      alice.say(`after ${second}`, again);
      world.network.runFor(1_000);
    }
    expect(again.eventsOf('established').length).toBe(1);
    expect(alice.eventsOf('rekeyed').map((event) => event.by)).toEqual(['peer']);
    expect(again.received.includes('after 19') || loss > 0).toBe(true);
    world.network.runUntil(() => {
      alice.say('still there', again);
      return again.received.includes('still there');
    }, 5_000);
  }
});

test('a quiet tunnel stays quiet', () => {
  const world = new TunnelWorld({ seed: 3, loss: 0.05, duplicate: 0.1 });
  const [alice, bob] = [world.addPeer(5), world.addPeer(9)];
  alice.say('hello', bob);
  world.network.runFor(130_000);
  const before = world.network.crossed;
  world.network.runFor(100_000);
  // Keepalives of both ends each 20 s, and each one's Discover and its answer each 25 s.
  expect(world.network.crossed - before).toBeLessThan(2 * (5 + 2 * 5) + 6);
  world.network.runFor(600_000);
  expect([alice, bob].map((peer) => peer.eventsOf('closed').map((event) => event.reason))).toEqual([
    ['idle'],
    ['idle'],
  ]);
});
