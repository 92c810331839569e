import { expect, test } from 'vitest';
import { toHex } from '../../../../node-core/base/bytes.ts';
import { runCase } from '../../../../node-core/cli/conformance/run-case.ts';
import { A, B, sharedKey } from '../../../../node-core/cli/conformance/tunnel-bench.ts';
import { sealFrame } from '../../../../node-core/crypto/aead.ts';
import { nativePrimitives } from '../../../../node-core/crypto/native-primitives.ts';
import { encodePacket } from '../../../../node-core/wire/packet.ts';
import {
  encodeTunnelFrame,
  keyExchangeSignedBytes,
  type SealedFrame,
} from '../../../../node-core/wire/tunnel-frame.ts';
import { datagram } from '../../../support/sim-tunnels.ts';

/** One datagram to node 7, and what v1.9 makes of it. */
interface Step {
  readonly frame: string;
  readonly replies?: readonly string[];
  readonly delivered?: readonly string[];
}

const X25519 = nativePrimitives.x25519PublicKey(B.x25519PrivateKey);
const OWN_X25519 = nativePrimitives.x25519PublicKey(A.x25519PrivateKey);
const ASKS = '0001';

function pila(of: typeof B, x25519PublicKey: Uint8Array, nodeId = of.nodeId): string {
  const signature = of.identity.sign(keyExchangeSignedBytes(nodeId, x25519PublicKey));
  const keys = { x25519PublicKey, ed25519PublicKey: of.identity.publicKey, signature };
  return toHex(encodeTunnelFrame({ kind: 'key-exchange', senderNodeId: nodeId, ...keys }));
}

function pilk(nodeId: number): string {
  return toHex(encodeTunnelFrame({ kind: 'key-request', senderNodeId: nodeId, x25519PublicKey: X25519 }));
}

function sealed(counter: number, inner = packet(), changed: Partial<SealedFrame> = {}): string {
  const nonce = Uint8Array.of(0xb0, 0xb1, 0xb2, 0xb3, 0, 0, 0, 0, 0, 0, counter >> 8, counter & 255);
  return toHex(encodeTunnelFrame({ ...sealFrame(sharedKey(), B.nodeId, nonce, inner), ...changed }));
}

function forged(counter: number): string {
  return sealed(counter, packet(), { ciphertext: new Uint8Array(60) });
}

function packet(to: number = A.nodeId): Uint8Array {
  return encodePacket(datagram(B.nodeId, to, 'hello'));
}

const relayed = (frame: string) => `0600000009${frame}`;
const PACKET = toHex(packet());
const OURS = pila(A, OWN_X25519);
const THEIRS: Step = { frame: pila(B, X25519), replies: [`${OURS}0002`] };

async function play(config: string, steps: readonly Step[]) {
  let hasKey = false;
  const results = steps.map(({ frame, replies = [], delivered = [] }) => {
    hasKey ||= frame === THEIRS.frame && config === 'registry-knows-peer';
    const state = hasKey ? { has_key: true, authenticated: true, peer_x25519: toHex(X25519) } : { has_key: false };
    return { replies, delivered, state_for_peer_9: state };
  });
  const input = { config, steps: steps.map(({ frame }) => ({ frame })) };
  return runCase('tunnel', 'frame_handling', { id: 'mine', versions: ['v1.9'], in: input, out: { steps: results } });
}

const ASKED = [`${OURS}${ASKS}`];

test.each<[string, string, readonly Step[]]>([
  ['a PILK of a node that no registry knows', 'registry-empty', [{ frame: pilk(B.nodeId), replies: [OURS] }]],
  [
    'frames of a node that no registry knows, with a key that v1.9 took unsigned',
    'registry-empty',
    [
      { frame: pilk(B.nodeId), replies: [OURS] },
      { frame: sealed(1), delivered: [PACKET] },
      { frame: THEIRS.frame },
      { frame: forged(2), replies: ASKED },
      { frame: relayed(forged(3)), replies: [] },
    ],
  ],
  ['a PILK under another node id', 'registry-knows-peer', [THEIRS, { frame: pilk(8), replies: [OURS] }]],
  [
    'a PILS under another node id, and under our own',
    'registry-knows-peer',
    [
      THEIRS,
      { frame: sealed(1, packet(), { senderNodeId: 8 }), replies: ASKED },
      { frame: sealed(1, packet(), { senderNodeId: 7 }), replies: ASKED },
      { frame: sealed(1, packet(), { senderNodeId: 0 }), replies: ASKED },
      { frame: sealed(1), delivered: [PACKET] },
    ],
  ],
  [
    'a PILS under another node id before there is any session',
    'registry-knows-peer',
    [{ frame: sealed(1, packet(), { senderNodeId: 8 }), replies: ASKED }, THEIRS],
  ],
  [
    'counter 0 first, repeated and late',
    'registry-knows-peer',
    [
      THEIRS,
      { frame: sealed(0), delivered: [PACKET] },
      { frame: sealed(0), delivered: [PACKET] },
      { frame: sealed(1), delivered: [PACKET] },
      { frame: sealed(0) },
      { frame: sealed(2), delivered: [PACKET] },
    ],
  ],
  [
    'a forged frame after counter 0, which we do not count as hearing the peer',
    'registry-knows-peer',
    [THEIRS, { frame: sealed(0), delivered: [PACKET] }, { frame: forged(5) }, { frame: forged(6) }],
  ],
  ['a forged frame first of all', 'registry-knows-peer', [{ frame: forged(1), replies: ASKED }, { frame: forged(2) }]],
  [
    'forged frames, repeated, before and after the key and a genuine one',
    'registry-knows-peer',
    [
      { frame: forged(1), replies: ASKED },
      { frame: forged(1) },
      THEIRS,
      { frame: forged(2) },
      { frame: sealed(3), delivered: [PACKET] },
      { frame: forged(4) },
      { frame: forged(4) },
    ],
  ],
  [
    'a forged frame by the relay while the session is straight',
    'registry-knows-peer',
    [THEIRS, { frame: relayed(forged(1)) }],
  ],
  [
    'a PILS without a key from a peer whose registered key is another',
    'registry-has-other-key',
    [
      { frame: forged(1), replies: ASKED },
      { frame: THEIRS.frame },
      { frame: pilk(B.nodeId), replies: [`${OURS}0002`] },
    ],
  ],
  [
    'a packet for another node, and one for node 0 before and after one for us',
    'registry-knows-peer',
    [
      THEIRS,
      { frame: sealed(1, packet(8)), delivered: [toHex(packet(8))] },
      { frame: sealed(2, packet(0)), delivered: [toHex(packet(0))] },
      { frame: sealed(3), delivered: [PACKET] },
      { frame: sealed(4, packet(0)), delivered: [toHex(packet(0))] },
    ],
  ],
  [
    'bytes that are no packet, and then a forged frame',
    'registry-knows-peer',
    [THEIRS, { frame: sealed(1, Uint8Array.of(1, 2)) }, { frame: sealed(1) }, { frame: forged(2) }],
  ],
  [
    'frames to a node whose encryption is off, where v1.9 keeps no key',
    'encryption-off',
    [{ frame: pilk(9) }, { frame: THEIRS.frame }, { frame: sealed(1) }, { frame: forged(2) }, { frame: pilk(9) }],
  ],
  [
    'sealed frames first to a node whose encryption is off',
    'encryption-off',
    [{ frame: forged(1) }, { frame: relayed(THEIRS.frame) }, { frame: relayed(sealed(1)) }],
  ],
])('%s: we do what the rules say', async (_what, config, steps) => {
  const verdict = await play(config, steps);
  expect(verdict, JSON.stringify(verdict)).not.toMatchObject({ kind: 'failed' });
});
