import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { concatBytes } from '../base/bytes.ts';
import {
  AES_KEY_LENGTH,
  AES_NONCE_LENGTH,
  AES_TAG_LENGTH,
  ED25519_SEED_LENGTH,
  lowOrder,
  requireContributory,
  requireLength,
  X25519_KEY_LENGTH,
} from './key-bytes.ts';
import type { Primitives } from './primitives.ts';

// RFC 8410 wraps: node:crypto takes and gives raw keys only inside these.
const PKCS8 = { ed25519: '302e020100300506032b657004220420', x25519: '302e020100300506032b656e04220420' } as const;
const SPKI = { ed25519: '302a300506032b6570032100', x25519: '302a300506032b656e032100' } as const;
type Curve = keyof typeof SPKI;

/** The primitives of `node:crypto`, as OpenSSL and Electron's BoringSSL both have them. */
export const nativePrimitives: Primitives = {
  sha256: (bytes) => plain(createHash('sha256').update(bytes).digest()),
  hmacSha256: (key, bytes) => plain(createHmac('sha256', key).update(bytes).digest()),
  ed25519PublicKey: (seed) => publicBytes(privateKey('ed25519', seed)),
  ed25519Sign: (seed, message) => plain(sign(null, message, privateKey('ed25519', seed))),
  ed25519Verify: verifyEd25519,
  x25519PublicKey: (key) => publicBytes(privateKey('x25519', key)),
  x25519SharedSecret: agreeX25519,
  aes256GcmSeal: seal,
  aes256GcmOpen: open,
};

function verifyEd25519(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (key.length !== ED25519_SEED_LENGTH || signature.length !== 64) return false;
  try {
    return verify(null, message, publicKey('ed25519', key), signature);
  } catch {
    return false; // BoringSSL refuses keys that are no point when they are read, OpenSSL when they are used
  }
}

function agreeX25519(own: Uint8Array, peer: Uint8Array): Uint8Array {
  const keys = { privateKey: privateKey('x25519', own), publicKey: publicKey('x25519', peer) };
  let secret: Buffer;
  try {
    secret = diffieHellman(keys);
  } catch (cause) {
    throw lowOrder({ cause }); // the one failure that keys of the right length have
  }
  return requireContributory(plain(secret));
}

function seal(key: Uint8Array, nonce: Uint8Array, associatedData: Uint8Array, plaintext: Uint8Array): Uint8Array {
  requireLength(key, AES_KEY_LENGTH, 'an AES key');
  requireLength(nonce, AES_NONCE_LENGTH, 'a nonce');
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(associatedData);
  const body = cipher.update(plaintext);
  return concatBytes(body, cipher.final(), cipher.getAuthTag());
}

function open(
  key: Uint8Array,
  nonce: Uint8Array,
  associatedData: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array | undefined {
  requireLength(key, AES_KEY_LENGTH, 'an AES key');
  requireLength(nonce, AES_NONCE_LENGTH, 'a nonce');
  const split = ciphertext.length - AES_TAG_LENGTH;
  if (split < 0) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: AES_TAG_LENGTH })
    .setAAD(associatedData)
    .setAuthTag(ciphertext.subarray(split));
  const plaintext = plain(decipher.update(ciphertext.subarray(0, split)));
  try {
    decipher.final();
    return plaintext;
  } catch {
    return undefined;
  }
}

function privateKey(curve: Curve, raw: Uint8Array): KeyObject {
  requireLength(raw, ED25519_SEED_LENGTH, `an ${curve} private key`);
  return createPrivateKey({ key: wrap(PKCS8[curve], raw), format: 'der', type: 'pkcs8' });
}

function publicKey(curve: Curve, raw: Uint8Array): KeyObject {
  requireLength(raw, X25519_KEY_LENGTH, `an ${curve} public key`);
  return createPublicKey({ key: wrap(SPKI[curve], raw), format: 'der', type: 'spki' });
}

function publicBytes(key: KeyObject): Uint8Array {
  return plain(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-X25519_KEY_LENGTH));
}

function wrap(prefix: string, raw: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(prefix, 'hex'), raw]);
}

/** A Uint8Array over the same memory: a Buffer's methods differ (`slice` aliases), and it compares unequal in tests. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
