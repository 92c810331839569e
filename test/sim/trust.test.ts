import { expect, test } from 'vitest';
import { Identity } from '../../node-core/crypto/identity.ts';
import type { NodeEvent } from '../../node-core/node/node-event.ts';
import { base64 } from '../../node-core/wire/registry-message.ts';
import { type SimNode, SimWorld } from '../support/sim-world.ts';

type IdentityChanged = Extract<NodeEvent, { type: 'identity-changed' }>;

function changes(node: SimNode): IdentityChanged[] {
  return node.events.filter((event): event is IdentityChanged => event.type === 'identity-changed');
}

function trust(world: SimWorld, node: SimNode, peerNodeId: number, publicKey?: Uint8Array): void {
  let answered = false;
  node.core.trust(peerNodeId, () => (answered = true), world.network.now, publicKey);
  world.network.runUntil(() => answered, 6_000);
}

function untrust(world: SimWorld, node: SimNode, peerNodeId: number): void {
  let answered = false;
  node.core.untrust(peerNodeId, () => (answered = true), world.network.now);
  world.network.runUntil(() => answered, 6_000);
}

function pinned(node: SimNode): [number, Uint8Array][] {
  return node.core.trustedPeers().map(({ nodeId, publicKey }) => [nodeId, publicKey]);
}

function answersEcho(world: SimWorld, from: SimNode, to: SimNode, withinMs = 5_000): boolean {
  const connection = from.dial(to);
  from.send(connection, Uint8Array.of(1, 2, 3));
  try {
    world.network.runUntil(() => from.echoed(connection).length === 3, withinMs);
    return true;
  } catch {
    return false;
  }
}

/** Alice trusts Bob; then the registry loses everything, and Carol gets Bob's node id. */
function worldWithReusedId(seed: number) {
  const world = new SimWorld({ seed });
  const [aliceKeys, bobKeys, carolKeys] = [1, 2, 3].map(() => Identity.create(world.network.randomBytes));
  const alice = world.addNode({ identity: aliceKeys as Identity });
  const bob = world.addNode({ identity: bobKeys as Identity });
  trust(world, alice, bob.nodeId);
  world.network.runUntil(() => pinned(alice).length === 1, 1_000);
  world.network.hostOf(bob).attached = false;
  world.stopRegistry();
  world.startRegistry(world.createDirectory());
  const again = world.restart(alice, aliceKeys as Identity);
  const carol = world.addNode({ identity: carolKeys as Identity });
  return {
    world,
    alice: again,
    carol,
    bobKey: (bobKeys as Identity).publicKey,
    carolKey: (carolKeys as Identity).publicKey,
  };
}

test('a peer is trusted by its key, which is told to be kept, and pinned again in the next life', () => {
  const world = new SimWorld({ seed: 41 });
  const identity = Identity.create(world.network.randomBytes);
  const bobKeys = Identity.create(world.network.randomBytes);
  const alice = world.addNode({ identity });
  const bob = world.addNode({ identity: bobKeys });
  trust(world, alice, bob.nodeId);
  world.network.runUntil(() => alice.events.some((event) => event.type === 'trust'), 1_000);
  const [told] = alice.events.filter((event) => event.type === 'trust');
  expect(told?.peers).toEqual([{ nodeId: bob.nodeId, publicKey: bobKeys.publicKey, trustedAt: expect.any(Number) }]);
  const again = world.restart(alice, identity);
  expect(pinned(again)).toEqual([[bob.nodeId, bobKeys.publicKey]]);
  expect(answersEcho(world, bob, again)).toBe(true);
});

test('another identity under the id of a trusted peer is shut out, also after a restart, and that is said once', () => {
  const { world, alice, carol, bobKey, carolKey } = worldWithReusedId(42);
  expect([...alice.core.trustedPeers()].map(({ nodeId }) => nodeId)).toEqual([carol.nodeId]);
  expect(answersEcho(world, carol, alice, 20_000)).toBe(false);
  expect(answersEcho(world, alice, carol, 20_000)).toBe(false);
  expect(changes(alice)).toEqual([
    { type: 'identity-changed', nodeId: carol.nodeId, before: bobKey, after: carolKey, verdict: 'refused' },
  ]);
});

test('a trusted peer with another key gets in when that is trusted, and no third key does', () => {
  const { world, alice, carol, carolKey } = worldWithReusedId(43);
  expect(answersEcho(world, carol, alice)).toBe(false);
  trust(world, alice, carol.nodeId, carolKey);
  expect(pinned(alice)).toEqual([[carol.nodeId, carolKey]]);
  expect(answersEcho(world, carol, alice, 20_000)).toBe(true);
  expect(changes(alice)).toHaveLength(1);
});

test('a trusted peer with another key gets in as a stranger when the trust is taken back', () => {
  const { world, alice, carol, carolKey } = worldWithReusedId(44);
  expect(answersEcho(world, carol, alice)).toBe(false);
  untrust(world, alice, carol.nodeId);
  expect(pinned(alice)).toEqual([]);
  expect(alice.events.filter((event) => event.type === 'trust').at(-1)).toEqual({ type: 'trust', peers: [] });
  expect(answersEcho(world, carol, alice, 20_000)).toBe(true);
  expect(alice.core.peerKey(carol.nodeId)).toEqual(carolKey);
});

test('a new key that the trusted one signed for is trusted in its place, over several steps', () => {
  const world = new SimWorld({ seed: 45 });
  const identity = Identity.create(world.network.randomBytes);
  const alice = world.addNode({ identity });
  const keys = [1, 2, 3].map(() => Identity.create(world.network.randomBytes)) as [Identity, Identity, Identity];
  let bob = world.addNode({ identity: keys[0] });
  trust(world, alice, bob.nodeId);
  expect(answersEcho(world, alice, bob)).toBe(true);
  const { nodeId } = bob;
  for (const next of keys.slice(1)) {
    const publicKey = base64(next.publicKey);
    expect(world.ask(bob, 'rotate_key', { nodeId, newPublicKey: publicKey })).toMatchObject({ nodeId, publicKey });
    bob = world.restart(bob, next);
  }
  expect(bob.nodeId).toBe(nodeId);
  expect(answersEcho(world, bob, alice, 20_000)).toBe(true);
  expect(changes(alice)).toEqual([
    {
      type: 'identity-changed',
      nodeId,
      before: keys[0].publicKey,
      after: keys[2].publicKey,
      verdict: 'rotated',
    },
  ]);
  expect(pinned(alice)).toEqual([[nodeId, keys[2].publicKey]]);
});

test('another identity under the id of a peer that is not trusted is taken, and told', () => {
  const world = new SimWorld({ seed: 46 });
  const alice = world.addNode();
  const [before, after] = [1, 2].map(() => Identity.create(world.network.randomBytes)) as [Identity, Identity];
  const bob = world.addNode({ identity: before });
  expect(answersEcho(world, bob, alice)).toBe(true);
  world.ask(bob, 'rotate_key', { nodeId: bob.nodeId, newPublicKey: base64(after.publicKey) });
  const again = world.restart(bob, after);
  world.network.runFor(5_000);
  expect(answersEcho(world, again, alice, 20_000)).toBe(true);
  expect(changes(alice)).toMatchObject([{ nodeId: bob.nodeId, verdict: 'accepted', after: after.publicKey }]);
});
