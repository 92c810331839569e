import { toHex } from '../base/bytes.ts';
import type { SessionKeys } from './tunnel-event.ts';

/** Keys remembered of one peer: the one in use and the last it had. */
const MAX_PER_PEER = 4;

interface Owner {
  readonly nodeId: number;
  readonly identity: string;
}

/**
 * Which X25519 key is whose, as frames have proved: a signature on a PILA shows who offers a key, not who has it. A key
 * that one node proved is not taken from another, unless it has the same identity: a node that got another id.
 */
export class ProvenKeys {
  readonly #owners = new Map<string, Owner>();
  readonly #byNode = new Map<number, string[]>(); // oldest first

  prove(nodeId: number, { peerX25519, peerIdentityKey }: SessionKeys): void {
    const key = toHex(peerX25519);
    this.#owners.set(key, { nodeId, identity: toHex(peerIdentityKey) });
    const keys = [...(this.#byNode.get(nodeId) ?? []).filter((other) => other !== key), key];
    if (keys.length > MAX_PER_PEER) this.#drop(nodeId, keys.shift());
    this.#byNode.set(nodeId, keys);
  }

  isOfAnother(nodeId: number, x25519PublicKey: Uint8Array, identityKey: Uint8Array): boolean {
    const owner = this.#owners.get(toHex(x25519PublicKey));
    return owner !== undefined && owner.nodeId !== nodeId && owner.identity !== toHex(identityKey);
  }

  /** The tunnel with this node is no more. */
  forget(nodeId: number): void {
    for (const key of this.#byNode.get(nodeId) ?? []) this.#drop(nodeId, key);
    this.#byNode.delete(nodeId);
  }

  #drop(nodeId: number, key: string | undefined): void {
    if (key !== undefined && this.#owners.get(key)?.nodeId === nodeId) this.#owners.delete(key);
  }
}
