import { PilotError } from '../base/errors.ts';

export const ED25519_SEED_LENGTH = 32;
export const X25519_KEY_LENGTH = 32;
export const AES_KEY_LENGTH = 32;
export const AES_NONCE_LENGTH = 12;
export const AES_TAG_LENGTH = 16;

/** @throws PilotError `key.invalid` */
export function requireLength(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length === length) return;
  throw new PilotError('key.invalid', `${what} must have ${length} bytes`, { length: bytes.length });
}

/** @throws PilotError `key.invalid` for a shared secret of zeros: the peer's key had a low order (RFC 7748, 6.1). */
export function requireContributory(sharedSecret: Uint8Array): Uint8Array {
  let bits = 0;
  for (const byte of sharedSecret) bits |= byte;
  if (bits === 0) throw lowOrder();
  return sharedSecret;
}

export function lowOrder(options?: ErrorOptions): PilotError {
  return new PilotError('key.invalid', 'the X25519 public key has a low order', {}, options);
}
