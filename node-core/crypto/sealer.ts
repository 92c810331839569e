import { ByteWriter } from '../base/bytes.ts';
import { PilotError } from '../base/errors.ts';
import { NONCE_LENGTH, NONCE_PREFIX_LENGTH, type SealedFrame } from '../wire/tunnel-frame.ts';
import { sealFrame } from './aead.ts';
import { AES_KEY_LENGTH, requireLength } from './key-bytes.ts';

/** From here on a new key is due: 2^28 packets of a kilobyte stay within the safety margin TLS 1.3 keeps for AES-GCM. */
const REKEY_AT = 2 ** 28;
/** No frame is sealed above this. A peer that does not rekey for so long gets no more data under the old key. */
const LAST_COUNTER = 2 ** 48;

export interface SealerOptions {
  readonly key: Uint8Array;
  readonly senderNodeId: number;
  /** 4 random bytes, other than those the peer uses: both directions share the key. */
  readonly prefix: Uint8Array;
  /** The counter of the first frame; 1 unless a test wants to see the end. */
  readonly firstCounter?: number;
}

/**
 * One direction of a tunnel under one key. Nonce = prefix 4 | counter uint64, counted up by one with each frame and
 * never reset: stock nodes judge replays by the counter alone.
 */
export class Sealer {
  readonly prefix: Uint8Array;
  readonly #key: Uint8Array;
  readonly #senderNodeId: number;
  #nextCounter: number;

  /** @throws PilotError `key.invalid` for a key or a prefix of the wrong length. */
  constructor(options: SealerOptions) {
    requireLength(options.key, AES_KEY_LENGTH, 'an AES key');
    requireLength(options.prefix, NONCE_PREFIX_LENGTH, 'a nonce prefix');
    this.prefix = options.prefix;
    this.#key = options.key;
    this.#senderNodeId = options.senderNodeId;
    this.#nextCounter = options.firstCounter ?? 1;
  }

  /** How many frames were sealed, or would have been had the first counter been 1. */
  get sealed(): number {
    return this.#nextCounter - 1;
  }

  /** True long before the counter ends: the tunnel should agree on a new key. */
  get needsRekey(): boolean {
    return this.#nextCounter >= REKEY_AT;
  }

  /** @throws PilotError `nonce.exhausted` when the last counter was used. */
  seal(plaintext: Uint8Array): SealedFrame {
    if (this.#nextCounter > LAST_COUNTER) throw new PilotError('nonce.exhausted', 'this key has no nonce left');
    const nonce = new ByteWriter(NONCE_LENGTH).copy(this.prefix).uint64(BigInt(this.#nextCounter)).bytes;
    this.#nextCounter += 1; // before sealing, so that a failure cannot lead to the same nonce again
    return sealFrame(this.#key, this.#senderNodeId, nonce, plaintext);
  }
}
