import { expect, test } from 'vitest';
import type { Endpoint } from '../../node-core/base/transport.ts';
import type { Crossing } from '../support/sim-network.ts';
import type { SimPeer } from '../support/sim-tunnels.ts';
import { TunnelWorld } from '../support/sim-tunnels.ts';

const STRANGER: Endpoint = { host: '6.6.6.6', port: 666 };

function endpoints(world: TunnelWorld, ...peers: SimPeer[]): Endpoint[] {
  return peers.map((peer) => world.hostOf(peer).endpoint);
}

/** Records what crosses between two peers while they talk. */
function talk(world: TunnelWorld, alice: SimPeer, bob: SimPeer, seconds: number): Crossing[] {
  const [a, b] = endpoints(world, alice, bob) as [Endpoint, Endpoint];
  const between = new Set([`${a.host}>${b.host}`, `${b.host}>${a.host}`]);
  const captured: Crossing[] = [];
  world.network.filter = (crossing) => {
    if (between.has(`${crossing.from.host}>${crossing.to.host}`)) captured.push(crossing);
    return true;
  };
  for (let second = 0; second < seconds; second++) {
    alice.say(`a${second}`, bob);
    bob.say(`b${second}`, alice);
    world.network.runFor(1_000);
  }
  world.network.filter = undefined;
  return captured;
}

test('all frames of a conversation, played again from a stranger and from the true addresses, change nothing', () => {
  const world = new TunnelWorld({ seed: 11 });
  const [alice, bob] = [world.addPeer(5), world.addPeer(9)];
  const captured = talk(world, alice, bob, 70);
  const before = [alice, bob].map((peer) => peer.received.length);
  const crossedBefore = world.network.crossed;
  for (const { from, to, bytes } of captured) {
    world.network.inject(STRANGER, to, bytes);
    world.network.inject(from, to, bytes);
    world.network.runFor(20);
  }
  const replays = 2 * captured.length;
  const elapsedMs = 20 * captured.length;
  // What the peers send besides: pings and pongs each second at most, a Discover now and then.
  expect(world.network.crossed - crossedBefore - replays).toBeLessThan((6 * elapsedMs) / 1_000 + 20);
  expect([alice, bob].map((peer) => peer.received.length)).toEqual(before);
  expect([alice, bob].map((peer) => peer.table.measure(peer === alice ? 9 : 5)?.epoch)).toEqual([1, 1]);
  expect([alice.pathTo(bob), bob.pathTo(alice)]).toEqual(['direct', 'direct']);
  alice.say('after', bob);
  world.network.runUntil(() => bob.received.includes('after'), 100);
});

test('the key exchange of an earlier life, played again, does not cut a conversation', () => {
  const world = new TunnelWorld({ seed: 12 });
  const [alice, bob] = [world.addPeer(5), world.addPeer(9)];
  const earlier = talk(world, alice, bob, 5).filter(({ bytes }) => bytes.length === 136);
  expect(earlier.length).toBeGreaterThan(1);
  const again = world.restart(bob);
  talk(world, alice, again, 10);
  expect(alice.eventsOf('rekeyed')).toHaveLength(1);
  for (let second = 0; second < 10; second++) {
    for (const { to, bytes } of earlier) world.network.inject(STRANGER, to, bytes);
    alice.say(`to bob ${second}`, again);
    again.say(`to alice ${second}`, alice);
    world.network.runFor(1_000);
  }
  expect(again.received.filter((text) => text.startsWith('to bob'))).toHaveLength(10);
  expect(alice.received.filter((text) => text.startsWith('to alice'))).toHaveLength(10);
  expect(alice.table.measure(9)?.epoch).toBe(2);
});

test('a stranger who passes frames on between two peers gets no path while they hear each other', () => {
  const world = new TunnelWorld({ seed: 13 });
  const [alice, bob] = [world.addPeer(5), world.addPeer(9)];
  const [, b] = endpoints(world, alice, bob) as [Endpoint, Endpoint];
  alice.say('hello', bob);
  world.network.runFor(2_000);
  // Everything for bob comes from the stranger first, and then as it was sent.
  world.network.filter = ({ from, to, bytes }) => {
    if (to.host === b.host && from.host !== STRANGER.host) world.network.inject(STRANGER, to, bytes);
    return true;
  };
  for (let second = 0; second < 30; second++) {
    alice.say(`a${second}`, bob);
    bob.say(`b${second}`, alice);
    world.network.runFor(1_000);
  }
  expect(alice.received.filter((text) => text.startsWith('b'))).toHaveLength(30);
  expect(bob.received.filter((text) => text.startsWith('a'))).toHaveLength(30);
});

test('a peer whose NAT gives it another port is found again within 3 s, and a conversation goes on', () => {
  const world = new TunnelWorld({ seed: 14 });
  const nat = world.network.createNat('full-cone', '7.0.0.1');
  const [alice, bob] = [world.addPeer(5), world.addPeer(9, { nat })];
  bob.say('hello', alice);
  world.network.runUntil(() => alice.pathTo(bob) !== 'unknown' && alice.pathTo(bob) !== 'relay', 5_000);
  world.network.runFor(20_000);
  nat.rebind();
  bob.say('from elsewhere', alice);
  world.network.runFor(500);
  const before = bob.received.length;
  world.network.runUntil(() => {
    alice.say('do you hear me', bob);
    return bob.received.length > before;
  }, 3_000);
  expect(alice.eventsOf('rekeyed')).toEqual([]);
});

test('a dead node costs little, and nothing when nobody waits for it', () => {
  const world = new TunnelWorld({ seed: 15 });
  const [alice, bob] = [world.addPeer(5), world.addPeer(9)];
  world.hostOf(bob).attached = false;
  alice.say('anybody there?', bob);
  const before = world.network.crossed;
  world.network.runFor(60_000);
  // Two or three rounds of six attempts, each relayed once more and with a punch.
  expect(world.network.crossed - before).toBeLessThan(160);
  world.network.runFor(120_000);
  const quiet = world.network.crossed;
  world.network.runFor(100_000);
  expect(world.network.crossed - quiet).toBeLessThan(20);
  expect(alice.table.peers()).toEqual([]);
});

test.each([{ loss: 0 }, { loss: 0.2 }])(
  'forty nodes that all talk to one get their keys within 8 s, at loss $loss',
  ({ loss }) => {
    const world = new TunnelWorld({ seed: 16, loss });
    const centre = world.addPeer(1);
    const others = Array.from({ length: 40 }, (_, index) => world.addPeer(100 + index));
    for (const other of others) centre.table.watch(other.nodeId, true, world.network.now);
    world.network.runUntil(() => centre.eventsOf('established').length === 40, 8_000);
    world.network.runFor(10_000);
    const measured = others.map((other) => centre.table.measure(other.nodeId));
    expect(measured.filter((each) => each?.rttMs !== undefined)).toHaveLength(40);
    if (loss === 0) expect(measured.map((each) => each?.path)).toEqual(others.map(() => 'direct'));
  },
);
