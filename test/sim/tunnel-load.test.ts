import { expect, test } from 'vitest';
import type { Endpoint } from '../../node-core/base/transport.ts';
import { DEFAULT_LIMITS } from '../../node-core/tunnel/tunnel-config.ts';
import { encodeBeaconMessage } from '../../node-core/wire/beacon-message.ts';
import { decodeTunnelFrame, encodeTunnelFrame, type TunnelFrame } from '../../node-core/wire/tunnel-frame.ts';
import { BEACON, type SimPeer, TunnelWorld } from '../support/sim-tunnels.ts';

const FIRST_FORGED = 100_000;

/** A PILA that nobody signed, of a node that nobody knows. */
function forged(nodeId: number): Uint8Array {
  const frame: TunnelFrame = {
    kind: 'key-exchange',
    senderNodeId: nodeId,
    x25519PublicKey: new Uint8Array(32).fill(nodeId & 255),
    ed25519PublicKey: new Uint8Array(32).fill(1),
    signature: new Uint8Array(64),
  };
  return encodeTunnelFrame(frame);
}

/** Floods a peer each 10 ms while `act` runs; each frame has a sender of its own. */
function flood(world: TunnelWorld, target: Endpoint, perTick: number, via: 'direct' | 'relay', act: () => void): void {
  let [next, on] = [FIRST_FORGED, true];
  const tick = () => {
    if (!on) return;
    for (let count = 0; count < perTick; count++) {
      const nodeId = next++;
      const host = `77.${(nodeId >> 16) & 255}.${(nodeId >> 8) & 255}.${nodeId & 255}`;
      if (via === 'direct') world.network.inject({ host, port: 1 }, target, forged(nodeId));
      else {
        const message = { kind: 'relay-deliver', senderNodeId: nodeId, frame: forged(nodeId) } as const;
        world.network.inject(BEACON, target, encodeBeaconMessage(message));
      }
    }
    world.network.schedule(10, tick);
  };
  tick();
  act();
  on = false;
}

function lookups(peer: SimPeer): number {
  return peer.eventsOf('key-needed').length;
}

test('forged senders behind the relay cost few look-ups, and hinder neither newcomers nor known peers', () => {
  const world = new TunnelWorld({ seed: 31 });
  const [target, friend] = [world.addPeer(5), world.addPeer(9)];
  const { endpoint } = world.hostOf(target);
  friend.say('hello', target);
  world.network.runFor(1_000);
  const before = lookups(target);
  flood(world, endpoint, 20, 'relay', () => {
    world.network.runFor(10_000);
    expect(lookups(target) - before).toBeLessThan(10 * DEFAULT_LIMITS.keyExchangeRelayed + 20);
    const again = world.restart(friend);
    again.say('again', target);
    world.network.runUntil(() => target.received.includes('again'), 500);
    const newcomer = world.addPeer(20);
    newcomer.say('new here', target);
    world.network.runUntil(() => target.received.includes('new here'), 500);
  });
});

test('a newcomer that comes by relay through a flood of forged senders brings the cookie back, and gets in', () => {
  const world = new TunnelWorld({ seed: 32 });
  const target = world.addPeer(5);
  world.setEndpoints(target, { lan: [], relayOnly: true });
  flood(world, world.hostOf(target).endpoint, 20, 'relay', () => {
    world.network.runFor(2_000);
    const newcomer = world.addPeer(20);
    newcomer.say('new here', target);
    world.network.runUntil(() => target.received.includes('new here'), 2_000);
  });
  expect(lookups(target)).toBeLessThan(200);
});

test('a newcomer gets in through a flood from forged addresses', () => {
  const world = new TunnelWorld({ seed: 33 });
  const target = world.addPeer(5);
  flood(world, world.hostOf(target).endpoint, 20, 'direct', () => {
    world.network.runFor(2_000);
    const newcomer = world.addPeer(20);
    newcomer.say('new here', target);
    world.network.runUntil(() => target.received.includes('new here'), 2_000);
  });
});

test('without a flood nobody is asked for a proof', () => {
  const world = new TunnelWorld({ seed: 34 });
  const target = world.addPeer(5);
  let cookies = 0;
  world.network.filter = ({ bytes }) => {
    if (bytes.subarray(0, 4).toString() === '80,73,76,75') {
      const frame = decodeTunnelFrame(bytes);
      if (frame.kind === 'key-request' && frame.cookie !== undefined) cookies += 1;
    }
    return true;
  };
  const others = Array.from({ length: 30 }, (_, index) => world.addPeer(100 + index));
  for (const other of others) other.say('hello', target);
  world.network.runUntil(() => target.received.length === 30, 2_000);
  expect(cookies).toBe(0);
});
