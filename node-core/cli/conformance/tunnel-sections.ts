import { z } from 'zod';
import { ByteReader, concatBytes, fromHex, toHex } from '../../base/bytes.ts';
import { openFrame, sealFrame } from '../../crypto/aead.ts';
import { Identity, verifySignature } from '../../crypto/identity.ts';
import { deriveTunnelKey, extractTunnelSecret } from '../../crypto/key-exchange.ts';
import { nativePrimitives } from '../../crypto/native-primitives.ts';
import { REPLAY_WINDOW_SIZE, ReplayWindow } from '../../crypto/replay-window.ts';
import { encodeBeaconMessage } from '../../wire/beacon-message.ts';
import { decodePacket } from '../../wire/packet.ts';
import { base64 } from '../../wire/registry-message.ts';
import {
  decodeTunnelFrame,
  encodeTunnelFrame,
  keyExchangeSignedBytes,
  NONCE_LENGTH,
  sealedFrameAssociatedData,
  type TunnelFrame,
} from '../../wire/tunnel-frame.ts';
import { describePacket, uint32 } from './packet-sections.ts';
import { hex, orRefused, type Section, section, uint, withoutError } from './section.ts';

const decimal = z.string().regex(/^\d+$/);
const identityKeys = z.object({ ed25519_seed: hex, x25519_private: hex });
const signer = z.object({ ed25519_seed: hex, x25519_private: hex, node_id: uint });

/** The sections of `tunnel.json` and `tunnel-1.18.json` that are about bytes; behaviour is in `frame-handling.ts`. */
export const tunnelSections: Readonly<Record<string, Section>> = {
  identities: section(identityKeys, describeIdentity),
  key_derivation: section(z.object({ own_x25519_private: hex, peer_x25519_public: hex }), derive, withoutError),
  pilk_frames: section(z.object({ node_id: uint, x25519_private: hex }), (input) => ({
    frame: encodeTunnelFrame({
      kind: 'key-request',
      senderNodeId: input.node_id,
      x25519PublicKey: nativePrimitives.x25519PublicKey(fromHex(input.x25519_private)),
    }),
  })),
  pila_frames: section(signer, signKeyExchange),
  pils_frames: section(
    z.object({
      counter: decimal,
      inner: hex,
      nonce_prefix: hex,
      sender_node_id: uint,
      sender_x25519_private: hex,
      receiver_x25519_public: hex,
      sender_x25519_public: hex,
      receiver_x25519_private: hex,
    }),
    sealAndOpen,
  ),
  replay_window: section(
    z.object({ counters: z.array(decimal), window_size: z.literal(REPLAY_WINDOW_SIZE) }),
    ({ counters }) => replay(counters.map(BigInt)),
  ),
  beacon_requests: section(
    z.discriminatedUnion('message', [
      z.object({ message: z.literal('discover'), node_id: uint }),
      z.object({ message: z.literal('punch_request'), node_id: uint, target: uint }),
      z.object({ message: z.literal('relay'), node_id: uint, target: uint, frame: hex }),
    ]),
    encodeBeaconRequest,
  ),
  pils_received: section(z.object({ frame: hex, own_x25519_private: hex, peer_x25519_public: hex }), openReceived),
  pila_received: section(z.object({ frame: hex, registry_public_key_base64: z.base64() }), describeKeyExchange),
  pilk_received: section(z.object({ frame: hex }), ({ frame }) => {
    const request = decodeAs('key-request', frame);
    return { length: frame.length / 2, node_id: request.senderNodeId, x25519_public: request.x25519PublicKey };
  }),
};

function describeIdentity(input: z.infer<typeof identityKeys>): unknown {
  const identity = Identity.fromSeed(fromHex(input.ed25519_seed));
  return {
    ed25519_public: identity.publicKey,
    ed25519_public_base64: base64(identity.publicKey),
    ed25519_private_base64: base64(identity.exportSecretKey()),
    x25519_public: nativePrimitives.x25519PublicKey(fromHex(input.x25519_private)),
  };
}

function derive(input: { own_x25519_private: string; peer_x25519_public: string }): unknown {
  const own = { privateKey: fromHex(input.own_x25519_private) };
  const peer = fromHex(input.peer_x25519_public);
  return orRefused(
    () => ({
      ok: true,
      shared_secret: nativePrimitives.x25519SharedSecret(own.privateKey, peer),
      hkdf_prk: extractTunnelSecret(own, peer),
      aes256_key: deriveTunnelKey(own, peer),
      nonce_size: NONCE_LENGTH,
    }),
    { ok: false },
  );
}

function signKeyExchange(input: z.infer<typeof signer>): unknown {
  const identity = Identity.fromSeed(fromHex(input.ed25519_seed));
  const x25519PublicKey = nativePrimitives.x25519PublicKey(fromHex(input.x25519_private));
  const signed = keyExchangeSignedBytes(input.node_id, x25519PublicKey);
  const signature = identity.sign(signed);
  const frame = encodeTunnelFrame({
    kind: 'key-exchange',
    senderNodeId: input.node_id,
    x25519PublicKey,
    ed25519PublicKey: identity.publicKey,
    signature,
  });
  return { frame, signature, signed_message: signed, trailer: '' };
}

function sealAndOpen(input: {
  counter: string;
  inner: string;
  nonce_prefix: string;
  sender_node_id: number;
  sender_x25519_private: string;
  receiver_x25519_public: string;
  sender_x25519_public: string;
  receiver_x25519_private: string;
}): unknown {
  const sendKey = keyOf(input.sender_x25519_private, input.receiver_x25519_public);
  const receiveKey = keyOf(input.receiver_x25519_private, input.sender_x25519_public);
  const nonce = nonceOf(fromHex(input.nonce_prefix), BigInt(input.counter));
  const sealed = sealFrame(sendKey, input.sender_node_id, nonce, fromHex(input.inner));
  const frame = encodeTunnelFrame(sealed);
  const opened = openFrame(receiveKey, decodeAs('sealed', toHex(frame)));
  return {
    frame,
    nonce,
    aad: sealedFrameAssociatedData(input.sender_node_id),
    ciphertext_and_tag: sealed.ciphertext,
    receiver_delivers_inner: opened !== undefined && orRefused(() => decodePacket(opened) !== undefined, false),
  };
}

function replay(counters: readonly bigint[]): unknown {
  const prefix = uint32(1);
  const window = new ReplayWindow();
  const accept = counters.map((counter) => {
    const nonce = nonceOf(prefix, counter);
    const fresh = window.check(nonce) === 'fresh';
    if (fresh) window.mark(nonce);
    return fresh;
  });
  return { accept, max: window.highest(prefix) };
}

function encodeBeaconRequest(
  input:
    | { message: 'discover'; node_id: number }
    | { message: 'punch_request'; node_id: number; target: number }
    | { message: 'relay'; node_id: number; target: number; frame: string },
): unknown {
  switch (input.message) {
    case 'discover':
      return { bytes: encodeBeaconMessage({ kind: 'discover', nodeId: input.node_id }) };
    case 'punch_request': {
      const ids = { requesterNodeId: input.node_id, targetNodeId: input.target };
      return { bytes: encodeBeaconMessage({ kind: 'punch-request', ...ids }) };
    }
    case 'relay': {
      const ids = { senderNodeId: input.node_id, destinationNodeId: input.target };
      return { bytes: encodeBeaconMessage({ kind: 'relay', ...ids, frame: fromHex(input.frame) }) };
    }
    default:
      throw input satisfies never;
  }
}

function openReceived(input: { frame: string; own_x25519_private: string; peer_x25519_public: string }): unknown {
  const frame = decodeAs('sealed', input.frame);
  const own = { privateKey: fromHex(input.own_x25519_private) };
  const peer = fromHex(input.peer_x25519_public);
  const key = deriveTunnelKey(own, peer);
  const inner = openFrame(key, frame);
  if (inner === undefined) return { inner: undefined };
  const nonce = new ByteReader(frame.nonce, 'nonce');
  return {
    sender_node_id: frame.senderNodeId,
    nonce: frame.nonce,
    nonce_prefix: nonce.view(4),
    counter: nonce.uint64(),
    aad: sealedFrameAssociatedData(frame.senderNodeId),
    shared_secret: nativePrimitives.x25519SharedSecret(own.privateKey, peer),
    aes256_key: key,
    inner,
    packet: describeInner(inner),
  };
}

function describeInner(inner: Uint8Array): unknown {
  const packet = decodePacket(inner);
  return {
    ...describePacket(packet),
    src_network: packet.source.network,
    src_node: packet.source.node,
    dst_network: packet.destination.network,
    dst_node: packet.destination.node,
    crc32: inner.subarray(30, 34),
  };
}

function describeKeyExchange(input: { frame: string; registry_public_key_base64: string }): unknown {
  const frame = decodeAs('key-exchange', input.frame);
  const signed = keyExchangeSignedBytes(frame.senderNodeId, frame.x25519PublicKey);
  const core = encodeTunnelFrame(frame);
  return {
    length: input.frame.length / 2,
    node_id: frame.senderNodeId,
    x25519_public: frame.x25519PublicKey,
    ed25519_public: frame.ed25519PublicKey,
    signature: frame.signature,
    signed_message: signed,
    trailer: fromHex(input.frame).subarray(core.length),
    signature_valid: verifySignature(frame.ed25519PublicKey, signed, frame.signature),
    equals_registry_key: base64(frame.ed25519PublicKey) === input.registry_public_key_base64,
  };
}

function decodeAs<Kind extends TunnelFrame['kind']>(kind: Kind, text: string): Extract<TunnelFrame, { kind: Kind }> {
  const frame = decodeTunnelFrame(fromHex(text));
  if (frame.kind !== kind) throw new Error(`a ${frame.kind} frame instead of ${kind}`);
  return frame as Extract<TunnelFrame, { kind: Kind }>;
}

function keyOf(privateKey: string, peerPublicKey: string): Uint8Array {
  return deriveTunnelKey({ privateKey: fromHex(privateKey) }, fromHex(peerPublicKey));
}

function nonceOf(prefix: Uint8Array, counter: bigint): Uint8Array {
  const suffix = new Uint8Array(8);
  new DataView(suffix.buffer).setBigUint64(0, counter);
  return concatBytes(prefix, suffix);
}
