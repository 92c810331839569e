import { expect, test } from 'vitest';
import type { Endpoint } from '../../node-core/base/transport.ts';
import type { Identity } from '../../node-core/crypto/identity.ts';
import {
  classifyDatagram,
  decodeTunnelFrame,
  encodeTunnelFrame,
  type KeyExchangeFrame,
  keyExchangeSignedBytes,
} from '../../node-core/wire/tunnel-frame.ts';
import type { SimMachine } from '../support/sim-network.ts';
import { type SimPeer, TunnelWorld } from '../support/sim-tunnels.ts';

const ALICE = 5;
const VICTIM = 9;
const MALLORY = 66;

/**
 * A registered node without keys of its own: it asks the victim for its key in Alice's name, offers that to Alice as its
 * own, and passes on to the victim all that Alice then signs and seals for it.
 */
class Splicer implements SimMachine {
  /** The victim's tunnel key for Alice, as soon as it was told. */
  stolen: Uint8Array | undefined;
  /** Alice's tunnel key for Mallory, which the victim gets as Alice's. */
  spliced: Uint8Array | undefined;
  passedOn = 0;
  readonly #world: TunnelWorld;
  readonly #identity: Identity;
  readonly #alice: Endpoint;
  readonly #victim: Endpoint;

  constructor(world: TunnelWorld, identity: Identity, alice: Endpoint, victim: Endpoint) {
    this.#world = world;
    this.#identity = identity;
    this.#alice = alice;
    this.#victim = victim;
  }

  attack(): void {
    const question = { kind: 'key-request', senderNodeId: ALICE, x25519PublicKey: new Uint8Array(32).fill(9) } as const;
    this.#send(this.#victim, encodeTunnelFrame(question));
  }

  handleDatagram(bytes: Uint8Array): void {
    if (classifyDatagram(bytes) !== 'tunnel') return;
    const frame = decodeTunnelFrame(bytes);
    if (frame.kind === 'key-exchange' && frame.senderNodeId === VICTIM) {
      this.stolen = frame.x25519PublicKey;
      this.#send(this.#alice, encodeTunnelFrame(this.#sign(frame.x25519PublicKey)));
    } else if ((frame.kind === 'key-exchange' || frame.kind === 'sealed') && frame.senderNodeId === ALICE) {
      this.passedOn += 1;
      if (frame.kind === 'key-exchange') this.spliced = frame.x25519PublicKey;
      this.#send(this.#victim, bytes);
    }
  }

  handleTimeout(): void {}

  nextTimeout(): undefined {
    return undefined;
  }

  drain(): void {}

  #sign(x25519PublicKey: Uint8Array): KeyExchangeFrame {
    return {
      kind: 'key-exchange',
      senderNodeId: MALLORY,
      x25519PublicKey,
      ed25519PublicKey: this.#identity.publicKey,
      signature: this.#identity.sign(keyExchangeSignedBytes(MALLORY, x25519PublicKey)),
    };
  }

  #send(to: Endpoint, bytes: Uint8Array): void {
    this.#world.network.inject(this.#world.network.hostOf(this).endpoint, to, bytes);
  }
}

function splicedWorld(seed: number) {
  const world = new TunnelWorld({ seed });
  const [alice, victim, mallory] = [world.addPeer(ALICE), world.addPeer(VICTIM), world.addPeer(MALLORY)];
  const host = world.hostOf(mallory);
  host.attached = false;
  const endpoint = (peer: SimPeer) => world.hostOf(peer).endpoint;
  const splicer = new Splicer(world, mallory.identity, endpoint(alice), endpoint(victim));
  world.network.attach(splicer, host.endpoint);
  const converse = (from: number, to: number, each = () => {}) => {
    for (let second = from; second < to; second++) {
      each();
      alice.say(`a${second}`, victim);
      victim.say(`v${second}`, alice);
      world.network.runFor(1_000);
    }
  };
  return { world, alice, victim, splicer, converse };
}

function numbered(letter: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${letter}${index}`);
}

test('a third node that offers the key of one peer to the other, and passes its frames on, cuts no conversation', () => {
  const { alice, victim, splicer, converse } = splicedWorld(21);
  converse(0, 10);
  converse(10, 60, () => splicer.attack());
  expect(splicer.stolen).toBeDefined();
  expect(victim.received).toEqual(numbered('a', 60));
  expect(alice.received).toEqual(numbered('v', 60));
  expect(alice.table.drops().get('key-of-another')).toBeGreaterThan(0);
  expect([alice, victim].map((peer) => peer.eventsOf('rekeyed'))).toEqual([[], []]);
});

test('a key that was spliced in before the first word gives way to the true one, and is refused from then on', () => {
  const { world, alice, victim, splicer, converse } = splicedWorld(22);
  splicer.attack();
  world.network.runFor(2_000);
  expect(splicer.passedOn).toBeGreaterThan(0);
  expect(victim.eventsOf('established')).toHaveLength(1);
  converse(0, 40, () => splicer.attack());
  // What was sealed for the spliced session before the true key proved itself went to the splicer.
  expect(victim.received.slice(-30)).toEqual(numbered('a', 40).slice(-30));
  expect(alice.received.slice(-30)).toEqual(numbered('v', 40).slice(-30));
});

test("frames that a peer sealed for another node prove no key, although this node's key opens them", () => {
  const { world, alice, victim, splicer } = splicedWorld(23);
  victim.say('hello', alice);
  world.network.runFor(2_000);
  // Alice forgot the victim: so she takes its key for Mallory's.
  alice.table.close(VICTIM, world.network.now);
  splicer.attack();
  world.network.runFor(10_000);
  expect(splicer.spliced).toBeDefined();
  expect(victim.table.drops().get('misaddressed')).toBeGreaterThan(0);
  expect(victim.eventsOf('rekeyed').map(({ keys }) => keys.peerX25519)).not.toContainEqual(splicer.spliced);
  alice.say('still here', victim);
  world.network.runUntil(() => victim.received.includes('still here'), 5_000);
});
