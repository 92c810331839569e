import { concatBytes, utf8 } from '../base/bytes.ts';
import type { RandomBytes } from '../base/clock.ts';
import { X25519_KEY_LENGTH } from './key-bytes.ts';
import { nativePrimitives } from './native-primitives.ts';

const TUNNEL_INFO = 'pilot-tunnel-v1';
/** HKDF-Extract with no salt uses a key of hash-length zeros (RFC 5869, 2.2). */
const NO_SALT = new Uint8Array(32);
const FIRST_BLOCK = Uint8Array.of(1);

/** One X25519 key pair of a tunnel. It is never stored, and one pair serves one peer. */
export interface TunnelKeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

export function createTunnelKeyPair(random: RandomBytes): TunnelKeyPair {
  const privateKey = random(X25519_KEY_LENGTH);
  return { privateKey, publicKey: nativePrimitives.x25519PublicKey(privateKey) };
}

/**
 * The AES-256 key of a tunnel, the same at both ends and for both directions: HKDF-SHA256 (RFC 5869) over the X25519
 * secret, without salt, with info `pilot-tunnel-v1`, 32 bytes. Node ids are not mixed in.
 *
 * @throws PilotError `key.invalid` for a peer key of low order or another length than 32.
 * @see PROTOCOL.md, "Key derivation"
 */
export function deriveTunnelKey(own: Pick<TunnelKeyPair, 'privateKey'>, peerPublicKey: Uint8Array): Uint8Array {
  return expandTunnelKey(extractTunnelSecret(own, peerPublicKey));
}

/** HKDF-Extract over the X25519 secret: the pseudo-random key. */
export function extractTunnelSecret(own: Pick<TunnelKeyPair, 'privateKey'>, peerPublicKey: Uint8Array): Uint8Array {
  return nativePrimitives.hmacSha256(NO_SALT, nativePrimitives.x25519SharedSecret(own.privateKey, peerPublicKey));
}

/** HKDF-Expand to one block, which is the whole key. */
function expandTunnelKey(pseudoRandomKey: Uint8Array): Uint8Array {
  return nativePrimitives.hmacSha256(pseudoRandomKey, concatBytes(utf8(TUNNEL_INFO), FIRST_BLOCK));
}
