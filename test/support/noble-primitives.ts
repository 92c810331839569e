import { gcm } from '@noble/ciphers/aes.js';
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import {
  AES_KEY_LENGTH,
  AES_NONCE_LENGTH,
  AES_TAG_LENGTH,
  ED25519_SEED_LENGTH,
  lowOrder,
  requireContributory,
  requireLength,
  X25519_KEY_LENGTH,
} from '../../node-core/crypto/key-bytes.ts';
import type { Primitives } from '../../node-core/crypto/primitives.ts';

/** The same primitives in plain TypeScript, by other hands: what the native ones are held against. */
export const noblePrimitives: Primitives = {
  sha256: (bytes) => sha256(bytes),
  hmacSha256: (key, bytes) => hmac(sha256, key, bytes),
  ed25519PublicKey: (seed) => ed25519.getPublicKey(privateKey(seed)),
  ed25519Sign: (seed, message) => ed25519.sign(message, privateKey(seed)),
  ed25519Verify: (publicKey, message, signature) => {
    try {
      return ed25519.verify(signature, message, publicKey, { zip215: false }); // RFC 8032, as the native one
    } catch {
      return false;
    }
  },
  x25519PublicKey: (key) => x25519.getPublicKey(privateKey(key)),
  x25519SharedSecret: (own, peer) => {
    requireLength(peer, X25519_KEY_LENGTH, 'an X25519 public key');
    return requireContributory(agree(privateKey(own), peer));
  },
  aes256GcmSeal: (key, nonce, associatedData, plaintext) => cipher(key, nonce, associatedData).encrypt(plaintext),
  aes256GcmOpen: (key, nonce, associatedData, ciphertext) => {
    const opener = cipher(key, nonce, associatedData);
    if (ciphertext.length < AES_TAG_LENGTH) return undefined;
    try {
      return opener.decrypt(ciphertext);
    } catch {
      return undefined;
    }
  },
};

function agree(own: Uint8Array, peer: Uint8Array): Uint8Array {
  try {
    return x25519.getSharedSecret(own, peer);
  } catch (cause) {
    throw lowOrder({ cause });
  }
}

function cipher(key: Uint8Array, nonce: Uint8Array, associatedData: Uint8Array) {
  requireLength(key, AES_KEY_LENGTH, 'an AES key');
  requireLength(nonce, AES_NONCE_LENGTH, 'a nonce');
  return gcm(key, nonce, associatedData);
}

function privateKey(raw: Uint8Array): Uint8Array {
  requireLength(raw, ED25519_SEED_LENGTH, 'a private key');
  return raw;
}
