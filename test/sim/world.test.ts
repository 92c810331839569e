import { describe, expect, test } from 'vitest';
import { Identity } from '../../node-core/crypto/identity.ts';
import { Directory } from '../../node-core/rendezvous/directory.ts';
import { SimWorld } from '../support/sim-world.ts';

const SEEDS = [1, 2, 3, 4, 5];
const pattern = (length: number) => Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) & 0xff);

describe.each([
  { loss: 0, withinMs: 3_000 },
  { loss: 0.05, withinMs: 20_000 },
  { loss: 0.2, withinMs: 90_000 },
])('at $loss loss', ({ loss, withinMs }) => {
  test.each(SEEDS)('whole nodes meet and echo 64 KiB byte for byte (seed %i)', (seed) => {
    const world = new SimWorld({ seed, delayMs: 20, loss, reorder: loss, duplicate: loss / 2 });
    const [alice, bob] = [world.addNode(), world.addNode()];
    const connection = alice.dial(bob);
    const sent = pattern(65_536);
    alice.send(connection, sent);
    world.network.runUntil(() => alice.echoed(connection).length >= sent.length, withinMs);
    expect(Buffer.from(alice.echoed(connection)).equals(Buffer.from(sent))).toBe(true);
    connection.close();
    world.network.runUntil(() => alice.closeReason(connection) === 'fin', 60_000);
  });

  test.each(SEEDS)('two nodes that cannot punch echo through the beacon (seed %i)', (seed) => {
    const world = new SimWorld({ seed, delayMs: 20, loss });
    const alice = world.addNode({ nat: world.network.createNat('port-restricted', '7.0.0.1') });
    const bob = world.addNode({ nat: world.network.createNat('symmetric', '7.0.0.2') });
    const connection = alice.dial(bob);
    alice.send(connection, pattern(8_192));
    world.network.runUntil(() => alice.echoed(connection).length >= 8_192, 30_000 + withinMs);
    expect(world.pathBetween(alice, bob)).toBe('relay');
  });
});

test('an event that comes up while a node without a datagram is asked for one is heard at once', () => {
  const world = new SimWorld({ seed: 13 });
  const node = world.addNode();
  const nobody = node.nodeId + 1;
  node.core.dial({ nodeId: nobody, groupId: 0, port: 7 }, world.network.now);
  world.network.runFor(250); // the second SYN waits for a tunnel, as the first does
  const heard = node.events.flatMap((event) => (event.type === 'stream' ? [event.event] : []));
  expect(heard).toMatchObject([{ type: 'syn-retry', attempt: 2 }]);
});

test('nodes whose beacon dies meet again at the next that the registry lists', () => {
  const world = new SimWorld({ seed: 17, delayMs: 15 });
  const other = { host: '9.9.9.10', port: 9001 };
  world.addBeacon(2, other);
  const alice = world.addNode({ nat: world.network.createNat('port-restricted', '7.0.0.1') });
  const bob = world.addNode({ nat: world.network.createNat('symmetric', '7.0.0.2') });
  const connection = alice.dial(bob);
  alice.send(connection, pattern(100));
  world.network.runUntil(() => alice.echoed(connection).length === 100, 20_000);
  expect(alice.core.tunnelReport(bob.nodeId)).toMatchObject({ path: 'relay', relayBeacon: '9.9.9.9:9001' });
  world.beaconHost.attached = false;
  alice.send(connection, pattern(100));
  world.network.runUntil(() => alice.echoed(connection).length === 200, 60_000);
  expect(alice.core.tunnelReport(bob.nodeId)).toMatchObject({ path: 'relay', relayBeacon: '9.9.9.10:9001' });
  const beacons = alice.events.flatMap((event) => (event.type === 'beacon' ? [event] : []));
  expect(beacons.at(-1)).toMatchObject({ state: 'ok', endpoint: other });
  expect(beacons).toContainEqual(expect.objectContaining({ state: 'away', endpoint: { host: '9.9.9.9', port: 9001 } }));
});

test('a NAT that is opened lets the path go straight within 30 s, and the stream goes on', () => {
  const world = new SimWorld({ seed: 11, delayMs: 15 });
  const nat = world.network.createNat('symmetric', '7.0.0.2');
  const alice = world.addNode({ nat: world.network.createNat('port-restricted', '7.0.0.1') });
  const bob = world.addNode({ nat });
  const connection = alice.dial(bob);
  alice.send(connection, pattern(100));
  world.network.runUntil(() => alice.echoed(connection).length === 100, 20_000);
  expect(world.pathBetween(alice, bob)).toBe('relay');
  nat.setKind('full-cone');
  world.network.runUntil(() => ['punched', 'direct'].includes(world.pathBetween(alice, bob)), 30_000);
  alice.send(connection, pattern(100));
  world.network.runUntil(() => alice.echoed(connection).length === 200, 5_000);
});

test('a node that restarts is found again, and a stream to its former self ends', () => {
  const world = new SimWorld({ seed: 12 });
  const identity = Identity.create(world.network.randomBytes);
  const [alice, bob] = [world.addNode(), world.addNode({ identity })];
  const former = alice.dial(bob);
  alice.send(former, pattern(10));
  world.network.runUntil(() => alice.echoed(former).length === 10, 5_000);
  const again = world.restart(bob, identity);
  expect(again.nodeId).toBe(bob.nodeId);
  const fresh = alice.dial(again);
  alice.send(fresh, pattern(10));
  world.network.runUntil(() => alice.echoed(fresh).length === 10, 20_000);
  world.network.runUntil(() => alice.closeReason(former) !== undefined, 30_000);
});

test('tunnels outlive the registry, and a registry without memory learns everything again', () => {
  const world = new SimWorld({ seed: 13 });
  world.directory.ensureGroup('travel', world.network.now);
  const alice = world.addNode({ profile: { hostname: 'alice', tags: ['fares'] }, memberships: new Map([[1, '']]) });
  const bob = world.addNode({ profile: { hostname: 'bob' } });
  world.ping(alice, bob, 5_000);
  world.stopRegistry();
  expect(world.ping(alice, bob, 5_000)).toBeLessThan(100);
  world.directory = new Directory();
  world.directory.ensureGroup('travel', world.network.now);
  world.registryUp = true;
  const changes = () => world.directory.everything();
  const known = () =>
    changes().filter((each) => each.type === 'node' && each.node.present && each.node.hostname !== '');
  world.network.runUntil(() => known().length === 2, 20_000);
  world.network.runFor(1_000);
  const members = changes().flatMap((each) => (each.type === 'member' ? [each.member.nodeId] : []));
  expect(members).toEqual([alice.nodeId]);
  expect(world.ping(bob, alice, 10_000)).toBeLessThan(10_000);
});

test('a private node opens to whom it trusts and to nobody else', () => {
  const world = new SimWorld({ seed: 14 });
  const alice = world.addNode();
  const bob = world.addNode({ profile: { public: false } });
  expect(world.ask(alice, 'resolve', { nodeId: bob.nodeId, requesterId: alice.nodeId })).toMatchObject({
    code: 'registry.refused',
  });
  const refused = alice.dial(bob);
  world.network.runUntil(() => alice.closeReason(refused) !== undefined, 30_000);
  expect(alice.closeReason(refused)).toBe('timeout');
  bob.core.trust(alice.nodeId, () => {}, world.network.now);
  world.network.runFor(5_000);
  const admitted = alice.dial(bob);
  alice.send(admitted, pattern(5));
  world.network.runUntil(() => alice.echoed(admitted).length === 5, 20_000);
});

test('ten quiet minutes cost little: no ping, pong or FIN storm among five nodes', () => {
  const world = new SimWorld({ seed: 15 });
  const nodes = Array.from({ length: 5 }, () => world.addNode());
  for (const from of nodes) for (const to of nodes) if (from !== to) world.ping(from, to, 5_000);
  for (const to of nodes.slice(1)) nodes[0]?.dial(to).close();
  world.network.runFor(60_000);
  const before = world.network.crossed;
  world.network.runFor(600_000);
  expect(world.network.crossed - before).toBeLessThan(3_000);
});

test('a tunnel that is closed is reported as closed once, with what was measured last', () => {
  const world = new SimWorld({ seed: 61 });
  const [alice, bob] = [world.addNode(), world.addNode()];
  world.ping(alice, bob, 1_000);
  world.network.runFor(1_000);
  const ofBob = () => alice.reports.flatMap(({ kind, report }) => (kind === 'tunnel' ? [report] : []));
  expect(ofBob().at(-1)).toMatchObject({ peerNodeId: bob.nodeId, state: 'established' });
  const { bytesSent } = ofBob().at(-1) ?? {};
  alice.core.tunnels.close(bob.nodeId, world.network.now);
  world.network.hostOf(bob).attached = false;
  world.network.runFor(12_000);
  const closed = ofBob().filter(({ state }) => state === 'closed');
  expect(closed).toMatchObject([{ peerNodeId: bob.nodeId, path: 'direct', openStreams: 0 }]);
  expect(closed[0]?.bytesSent).toBeGreaterThanOrEqual(bytesSent ?? 0);
  expect(ofBob().at(-1)?.state).toBe('closed');
});
