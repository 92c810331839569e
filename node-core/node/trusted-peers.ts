import { BoundedMap } from '../base/bounded-map.ts';
import { equalBytes, utf8 } from '../base/bytes.ts';
import { verifySignature } from '../crypto/identity.ts';
import { base64, fromBase64, signedString } from '../wire/registry-message.ts';
import type { ReplyOf } from '../wire/registry-request.ts';

/** A peer that may reach this node, and the Ed25519 key that it was trusted under: an id without it is nobody. */
export interface TrustedPeer {
  readonly nodeId: number;
  readonly publicKey: Uint8Array;
  /** Unix milliseconds. */
  readonly trustedAt: number;
}

/** That a node replaced its key, said by the key before. */
export interface KeyRotation {
  /** The key from then on. */
  readonly publicKey: Uint8Array;
  /** By the key before, over `rotate:ID:NEW_PUBLIC_KEY`. */
  readonly signature: Uint8Array;
}

/**
 * Another key under a node id. `accepted`: the peer is not trusted, and whoever has the id is as good as another. `rotated`:
 * the trusted key signed for the new one, which is trusted now. `refused`: nobody signed for it; the peer is shut out until
 * its new key is trusted, or the trust in it is taken back.
 */
export interface IdentityChange {
  readonly nodeId: number;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  readonly verdict: 'accepted' | 'rotated' | 'refused';
}

/** Rotations of a key that are looked at: each costs a signature check. */
const MOST_ROTATIONS = 8;
/** Keys remembered of peers that are not trusted. */
const MAX_SEEN = 8_192;

/** Whom this node trusts, by id and key, and which keys the registry names for their ids and for others. */
export class TrustedPeers {
  readonly #peers = new Map<number, TrustedPeer>();
  readonly #refused = new Map<number, Uint8Array>();
  readonly #seen = new BoundedMap<number, Uint8Array>(MAX_SEEN);

  constructor(peers: readonly TrustedPeer[]) {
    for (const peer of peers) this.#peers.set(peer.nodeId, peer);
  }

  all(): readonly TrustedPeer[] {
    return [...this.#peers.values()];
  }

  /** The key that was refused for a trusted peer: the registry names it for its id. */
  refusedKeyOf(nodeId: number): Uint8Array | undefined {
    return this.#refused.get(nodeId);
  }

  keyOf(nodeId: number): Uint8Array | undefined {
    return this.#peers.get(nodeId)?.publicKey;
  }

  /** Trusts a node under this key alone. False when it did already. */
  trust(nodeId: number, publicKey: Uint8Array, unixMs: number): boolean {
    const before = this.keyOf(nodeId);
    if (before !== undefined && equalBytes(before, publicKey)) return false;
    this.#refused.delete(nodeId);
    this.#peers.set(nodeId, { nodeId, publicKey, trustedAt: unixMs });
    return true;
  }

  /** False when it was not trusted. */
  remove(nodeId: number): boolean {
    this.#refused.delete(nodeId);
    return this.#peers.delete(nodeId);
  }

  /** Takes in the key that the registry names for a node now. Undefined when that is no news. */
  observe(nodeId: number, publicKey: Uint8Array, rotations: readonly KeyRotation[]): IdentityChange | undefined {
    const trusted = this.#peers.get(nodeId);
    const before = trusted?.publicKey ?? this.#seen.get(nodeId);
    this.#see(nodeId, publicKey);
    if (before === undefined || equalBytes(before, publicKey)) {
      this.#refused.delete(nodeId);
      return undefined;
    }
    const change = { nodeId, before, after: publicKey };
    if (trusted === undefined) return { ...change, verdict: 'accepted' };
    if (leadsTo(nodeId, before, publicKey, rotations)) {
      this.#peers.set(nodeId, { ...trusted, publicKey });
      this.#refused.delete(nodeId);
      return { ...change, verdict: 'rotated' };
    }
    const told = this.#refused.get(nodeId);
    if (told !== undefined && equalBytes(told, publicKey)) return undefined;
    this.#refused.set(nodeId, publicKey);
    return { ...change, verdict: 'refused' };
  }

  #see(nodeId: number, publicKey: Uint8Array): void {
    this.#seen.set(nodeId, publicKey);
  }
}

/** What the registry says of how a node came to its key. */
export function rotationsOf({ keyRotations = [] }: ReplyOf<'lookup'>): KeyRotation[] {
  return keyRotations.slice(-MOST_ROTATIONS).flatMap(({ publicKey: key, signature: signed }) => {
    const [publicKey, signature] = [fromBase64(key), fromBase64(signed)];
    return publicKey === undefined || signature === undefined ? [] : [{ publicKey, signature }];
  });
}

/** Whether signatures lead from one key to the other, each by the key before. Rotations come oldest first. */
function leadsTo(nodeId: number, from: Uint8Array, to: Uint8Array, rotations: readonly KeyRotation[]): boolean {
  let key = from;
  for (const { publicKey, signature } of rotations) {
    const text = signedString('rotate_key', { node_id: nodeId, new_public_key: base64(publicKey) });
    if (text !== undefined && verifySignature(key, utf8(text), signature)) key = publicKey;
  }
  return equalBytes(key, to);
}
