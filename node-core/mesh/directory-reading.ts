import type { Millis } from '../base/clock.ts';

/** How a reading of the directory ended. */
export interface ReadingResult {
  /** Whether it said something else than the one before. */
  readonly changed: boolean;
  readonly tookMs: Millis;
}

const SOONEST_MS = 2_000;
/** A directory in which nothing happens is read this rarely. */
const QUIET_MS = 6_000;
const SLOWER = 1.5;
/** Reading takes at most this share of the time: a large directory is read more rarely. */
const SHARE_OF_TIME = 20;
/** While the registry is away or refuses. */
const LONGEST_WAIT_MS = 30_000;

/** Keys that are asked for at one turn: first those that nobody knows, then those that were read longest ago. */
const MOST_NEW_KEYS = 32;
const MOST_OLD_KEYS = 8;
const KEY_IS_OLD_MS = 300_000;

interface KnownKey {
  readonly publicKey: string;
  readonly readAt: Millis;
  /** What the node was called when its key was read: another name may be another node. */
  readonly hostname: string | undefined;
}

/**
 * When the registry's directory is read again, and whose keys. The protocol has neither pages nor changes, so a listing is
 * whole: it is read soon after something changed, less often while nothing does, and rarely while it fails.
 */
export class DirectoryReading {
  readonly #keys = new Map<number, KnownKey>();
  #waitMs = SOONEST_MS;
  #dueAt: Millis = 0;

  get dueAt(): Millis {
    return this.#dueAt;
  }

  done({ changed, tookMs }: ReadingResult, now: Millis): void {
    const quiet = Math.min(QUIET_MS, Math.max(SOONEST_MS, this.#waitMs * SLOWER));
    this.#wait(Math.max(changed ? SOONEST_MS : quiet, Math.min(LONGEST_WAIT_MS, tookMs * SHARE_OF_TIME)), now);
  }

  failed(now: Millis): void {
    this.#wait(Math.min(LONGEST_WAIT_MS, this.#waitMs * 2), now);
  }

  /** Something was done that the next reading shows. */
  readSoon(now: Millis): void {
    this.#wait(SOONEST_MS, now);
    this.#dueAt = now;
  }

  keyOf(nodeId: number): string | undefined {
    return this.#keys.get(nodeId)?.publicKey;
  }

  /** Whose keys are asked for now. Who is not listed any more, or has another name, is asked anew when it is. */
  keysToRead(listed: readonly { readonly nodeId: number; readonly hostname?: string }[], now: Millis): number[] {
    const names = new Map(listed.map(({ nodeId, hostname }) => [nodeId, hostname]));
    for (const [nodeId, { hostname }] of this.#keys) {
      if (!names.has(nodeId) || names.get(nodeId) !== hostname) this.#keys.delete(nodeId);
    }
    const missing = listed.filter(({ nodeId }) => !this.#keys.has(nodeId)).slice(0, MOST_NEW_KEYS);
    const old = [...this.#keys]
      .filter(([, { readAt }]) => now - readAt >= KEY_IS_OLD_MS)
      .sort(([, one], [, other]) => one.readAt - other.readAt)
      .slice(0, MOST_OLD_KEYS);
    return [...missing.map(({ nodeId }) => nodeId), ...old.map(([nodeId]) => nodeId)];
  }

  keyRead(node: { readonly nodeId: number; readonly hostname?: string }, publicKey: string, now: Millis): void {
    this.#keys.set(node.nodeId, { publicKey, readAt: now, hostname: node.hostname });
  }

  #wait(ms: Millis, now: Millis): void {
    this.#waitMs = ms;
    this.#dueAt = now + ms;
  }
}
