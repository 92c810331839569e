import { BoundedMap } from '../base/bounded-map.ts';
/** Another key stands under an id than before: another node. */
export interface KeyChange {
  readonly nodeId: number;
  /** 64 hex digits, Ed25519. */
  readonly from: string;
  readonly to: string;
  /** `tunnel`: the new key was proven to us. `registry`: so the registry says, and the old one was not heard lately. */
  readonly by: 'tunnel' | 'registry';
}

interface Holder {
  publicKey: string;
  /** When the key was last proven to us, in Unix milliseconds; undefined while only the registry says so. */
  provenAt: number | undefined;
}

/** A key that was proven within this time stands against the registry's word. */
const PROVEN_FOR_MS = 60_000;
const MOST_KEYS = 50_000;

/**
 * Which key stands under each id. The registry gives ids out, and gives one out again when it was restored from an old copy:
 * what is known of a node is known of its key. A proof counts more than the registry's word while it is fresh.
 */
export class NodeKeys {
  readonly #holders = new BoundedMap<number, Holder>(MOST_KEYS);

  keyOf(nodeId: number): string | undefined {
    return this.#holders.get(nodeId)?.publicKey;
  }

  /** Whether the node's key was proven to us, and not only listed. */
  isProven(nodeId: number): boolean {
    return this.#holders.get(nodeId)?.provenAt !== undefined;
  }

  /** The node's tunnel with us has proven its key. Returns the change when another one stood there. */
  prove(nodeId: number, publicKey: string, at: number): KeyChange | undefined {
    const holder = this.#holders.get(nodeId);
    if (holder?.publicKey === publicKey) {
      holder.provenAt = Math.max(at, holder.provenAt ?? at);
      return undefined;
    }
    this.#hold(nodeId, { publicKey, provenAt: at });
    return holder === undefined ? undefined : { nodeId, from: holder.publicKey, to: publicKey, by: 'tunnel' };
  }

  /** The registry lists the node with this key. Returns the change when another one stood there and was not heard lately. */
  list(nodeId: number, publicKey: string, now: number): KeyChange | undefined {
    const holder = this.#holders.get(nodeId);
    if (holder?.publicKey === publicKey) return undefined;
    if (holder?.provenAt !== undefined && now - holder.provenAt < PROVEN_FOR_MS) return undefined;
    this.#hold(nodeId, { publicKey, provenAt: undefined });
    return holder === undefined ? undefined : { nodeId, from: holder.publicKey, to: publicKey, by: 'registry' };
  }

  forget(nodeId: number): void {
    this.#holders.delete(nodeId);
  }

  #hold(nodeId: number, holder: Holder): void {
    this.#holders.set(nodeId, holder);
  }
}
