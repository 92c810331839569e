import { z } from 'zod';
import { readStateFile, writeStateFile } from '../io/state-file.ts';
import type { TrustedPeer } from '../node/trusted-peers.ts';
import { base64, fromBase64 } from '../wire/registry-message.ts';

const KEY_LENGTH = 32;

const trustFile = z.object({
  trusted: z.array(
    z.object({
      node_id: z.number().int().min(1).max(0xffff_fffe),
      public_key: z.string(),
      /** Unix milliseconds. */
      trusted_at: z.number(),
    }),
  ),
});

/** The owner-only file with whom a node trusts, and under which keys: `{"trusted":[{node_id, public_key, trusted_at}]}`. */
export class TrustFile {
  readonly #path: string;
  #next: readonly TrustedPeer[] | undefined;
  #writing: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Nobody when there is no file, or one that does not read: that is set aside, and `onCorrupt` says where. */
  async read(onCorrupt: (asideAt: string) => void): Promise<readonly TrustedPeer[]> {
    return (await readStateFile(this.#path, parse, onCorrupt)) ?? [];
  }

  /**
   * Resolves when these peers, or those of a later call, are on disk. Calls that come while a write is under way share the
   * next one.
   */
  async write(peers: readonly TrustedPeer[]): Promise<void> {
    this.#next = peers;
    while (this.#next !== undefined || this.#writing !== undefined) {
      this.#writing ??= this.#writeNext().finally(() => {
        this.#writing = undefined;
      });
      await this.#writing;
    }
  }

  async #writeNext(): Promise<void> {
    const peers = this.#next ?? [];
    this.#next = undefined;
    const trusted = peers.map(({ nodeId, publicKey, trustedAt }) => {
      return { node_id: nodeId, public_key: base64(publicKey), trusted_at: trustedAt };
    });
    await writeStateFile(this.#path, `${JSON.stringify({ trusted }, null, 2)}\n`);
  }
}

function parse(content: string): TrustedPeer[] {
  return trustFile.parse(JSON.parse(content)).trusted.map(({ node_id, public_key, trusted_at }) => {
    const publicKey = fromBase64(public_key);
    if (publicKey?.length !== KEY_LENGTH) throw new Error('a public key is not 32 bytes in base64');
    return { nodeId: node_id, publicKey, trustedAt: trusted_at };
  });
}
