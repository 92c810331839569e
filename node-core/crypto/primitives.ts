/**
 * The cryptographic functions the protocol stands on, on plain byte strings. `native-primitives.ts` has them from Node,
 * where AES-256-GCM is ten times, and a signature twenty times, faster than in TypeScript; tests hold it against another
 * implementation, byte by byte. None draws random numbers. Keys and nonces have their exact length; another is a
 * `key.invalid`.
 */
export interface Primitives {
  sha256(bytes: Uint8Array): Uint8Array;
  hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array;
  ed25519PublicKey(seed: Uint8Array): Uint8Array;
  /** Plain Ed25519 (RFC 8032): 64 bytes. */
  ed25519Sign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  /** False also for a key that is no point, and for any other malformed input. */
  ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  x25519PublicKey(privateKey: Uint8Array): Uint8Array;
  /** @throws PilotError `key.invalid` for a peer key of low order, which would make the secret known to all. */
  x25519SharedSecret(privateKey: Uint8Array, peerPublicKey: Uint8Array): Uint8Array;
  /** Returns ciphertext | 16-byte tag. */
  aes256GcmSeal(key: Uint8Array, nonce: Uint8Array, associatedData: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** Undefined when the tag does not verify. */
  aes256GcmOpen(
    key: Uint8Array,
    nonce: Uint8Array,
    associatedData: Uint8Array,
    ciphertext: Uint8Array,
  ): Uint8Array | undefined;
}
