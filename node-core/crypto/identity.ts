import { concatBytes } from '../base/bytes.ts';
import type { RandomBytes } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import { ED25519_SEED_LENGTH, requireLength } from './key-bytes.ts';
import { nativePrimitives } from './native-primitives.ts';

/** A node's persistent Ed25519 key pair: who it is, whatever node id a registry gives it. */
export class Identity {
  readonly publicKey: Uint8Array;
  readonly #seed: Uint8Array;

  private constructor(seed: Uint8Array) {
    requireLength(seed, ED25519_SEED_LENGTH, 'an Ed25519 seed');
    this.#seed = seed;
    this.publicKey = nativePrimitives.ed25519PublicKey(seed);
  }

  static create(random: RandomBytes): Identity {
    return new Identity(random(ED25519_SEED_LENGTH));
  }

  /** @throws PilotError `key.invalid` for other than 32 bytes. */
  static fromSeed(seed: Uint8Array): Identity {
    return new Identity(seed.slice());
  }

  /**
   * Reads the 64-byte form that identity files hold: seed 32 | public key 32.
   *
   * @throws PilotError `key.invalid` for another length, or when the halves do not belong together.
   */
  static fromSecretKey(secretKey: Uint8Array): Identity {
    requireLength(secretKey, 2 * ED25519_SEED_LENGTH, 'an Ed25519 secret key');
    const identity = Identity.fromSeed(secretKey.subarray(0, ED25519_SEED_LENGTH));
    const stated = secretKey.subarray(ED25519_SEED_LENGTH);
    if (identity.publicKey.every((byte, index) => byte === stated[index])) return identity;
    throw new PilotError('key.invalid', 'the public half of the secret key does not belong to it');
  }

  /** Seed 32 | public key 32; for the owner-only identity file alone. */
  exportSecretKey(): Uint8Array {
    return concatBytes(this.#seed, this.publicKey);
  }

  sign(message: Uint8Array): Uint8Array {
    return nativePrimitives.ed25519Sign(this.#seed, message);
  }
}

export function verifySignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  return nativePrimitives.ed25519Verify(publicKey, message, signature);
}
