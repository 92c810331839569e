import { equalBytes } from '../base/bytes.ts';
import type { Instant, RandomBytes } from '../base/clock.ts';
import { decoded } from '../base/errors.ts';
import { openFrame } from '../crypto/aead.ts';
import { createTunnelKeyPair, deriveTunnelKey, type TunnelKeyPair } from '../crypto/key-exchange.ts';
import { ReplayWindow } from '../crypto/replay-window.ts';
import { Sealer } from '../crypto/sealer.ts';
import { decodePacket, type Packet } from '../wire/packet.ts';
import { NONCE_PREFIX_LENGTH, type SealedFrame } from '../wire/tunnel-frame.ts';
import type { SessionKeys } from './tunnel-event.ts';

/**
 * One X25519 key pair of ours, for one peer. All sessions under it count their nonces on from one another, so that no
 * nonce returns even if a peer key does.
 */
export class OwnKey {
  readonly pair: TunnelKeyPair;
  readonly createdAt: Instant;
  #sealed = 0;

  constructor(random: RandomBytes, now: Instant) {
    this.pair = createTunnelKeyPair(random);
    this.createdAt = now;
  }

  get nextCounter(): number {
    return this.#sealed + 1;
  }

  note(sealed: number): void {
    this.#sealed = Math.max(this.#sealed, sealed);
  }
}

export interface SessionOptions {
  /** Counts the sessions of a peer. */
  readonly ordinal: number;
  readonly own: OwnKey;
  readonly ownNodeId: number;
  readonly peerX25519: Uint8Array;
  readonly peerIdentityKey: Uint8Array;
  readonly random: RandomBytes;
  readonly now: Instant;
}

export type OpenResult =
  | {
      readonly outcome: 'opened';
      readonly packet: Packet;
      /** The packet names us as its destination: the peer has these keys, and means us by them. */
      readonly isProof: boolean;
      /** The peer began to count anew under the same keys: it had lost this session and made it again. */
      readonly remade: boolean;
    }
  /** The peer sealed `malformed`, which is no packet, and `misaddressed`, which is one for another node. */
  | { readonly outcome: 'undecryptable' | 'replayed' | 'malformed' | 'misaddressed' };

/** Sealing and opening under one pair of keys. It lives as long as they do, and so does its memory of nonces. */
export class Session {
  readonly ordinal: number;
  readonly own: OwnKey;
  readonly since: Instant;
  readonly #key: Uint8Array;
  readonly #ownNodeId: number;
  readonly #random: RandomBytes;
  readonly #window = new ReplayWindow();
  #sealer: Sealer;
  #keys: SessionKeys;
  #proven = false;

  /** @throws PilotError `key.invalid` for a peer key of low order. */
  constructor(options: SessionOptions) {
    this.ordinal = options.ordinal;
    this.own = options.own;
    this.since = options.now;
    this.#key = deriveTunnelKey(options.own.pair, options.peerX25519);
    this.#ownNodeId = options.ownNodeId;
    this.#random = options.random;
    this.#keys = {
      peerIdentityKey: options.peerIdentityKey,
      ownX25519: options.own.pair.publicKey,
      peerX25519: options.peerX25519,
    };
    this.#sealer = this.#createSealer(options.random(NONCE_PREFIX_LENGTH));
  }

  get keys(): SessionKeys {
    return this.#keys;
  }

  /** True once a frame of the peer for us opened: only then it is sure that the peer has these keys now. */
  get proven(): boolean {
    return this.#proven;
  }

  get needsRekey(): boolean {
    return this.#sealer.needsRekey || this.#window.needsRekey;
  }

  /** The peer signs the same tunnel key with a new identity. */
  replaceIdentity(peerIdentityKey: Uint8Array): void {
    this.#keys = { ...this.#keys, peerIdentityKey };
  }

  /** @throws PilotError `nonce.exhausted` */
  seal(plaintext: Uint8Array): SealedFrame {
    const frame = this.#sealer.seal(plaintext);
    this.own.note(this.#sealer.sealed);
    return frame;
  }

  /**
   * Authenticates first: a forged or a replayed frame leaves no trace. Nor does one whose packet is for another node. A
   * node that shows the peer a key of ours as its own gets such frames sealed, and may pass them on to us. A packet for
   * node 0, as keepalives of stock are, is taken only under a nonce prefix that one for us came under before.
   */
  open(frame: SealedFrame): OpenResult {
    const plaintext = openFrame(this.#key, frame);
    if (plaintext === undefined) return { outcome: 'undecryptable' };
    if (this.#window.check(frame.nonce) !== 'fresh') return { outcome: 'replayed' };
    const packet = decoded(() => decodePacket(plaintext));
    if (packet === undefined) {
      this.#window.mark(frame.nonce);
      return { outcome: 'malformed' };
    }
    const prefix = frame.nonce.subarray(0, NONCE_PREFIX_LENGTH);
    const isNewPrefix = this.#window.highest(prefix) === 0n;
    const isProof = packet.destination.node === this.#ownNodeId;
    if (!isProof && (packet.destination.node !== 0 || isNewPrefix)) return { outcome: 'misaddressed' };
    const remade = this.#proven && isNewPrefix;
    this.#window.mark(frame.nonce);
    this.#proven = true;
    // Both directions share the key: two equal prefixes would meet in the same nonce.
    if (equalBytes(prefix, this.#sealer.prefix)) this.#sealer = this.#createSealer(this.#otherPrefix(prefix));
    return { outcome: 'opened', packet, isProof, remade };
  }

  #otherPrefix(taken: Uint8Array): Uint8Array {
    const prefix = this.#random(NONCE_PREFIX_LENGTH).slice();
    if (equalBytes(prefix, taken)) prefix.set([(taken[0] ?? 0) ^ 1]); // once in 2^32, and no loop for it
    return prefix;
  }

  #createSealer(prefix: Uint8Array): Sealer {
    return new Sealer({
      key: this.#key,
      senderNodeId: this.#ownNodeId,
      prefix,
      firstCounter: this.own.nextCounter,
    });
  }
}
