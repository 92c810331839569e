import { BoundedMap } from '../base/bounded-map.ts';
import { equalBytes } from '../base/bytes.ts';
import type { Instant, Millis } from '../base/clock.ts';
import type { KeyExchangeFrame, KeyRequestFrame } from '../wire/tunnel-frame.ts';
import type { Route } from './path.ts';

const MAX_PEERS = 4096;
const MAX_PINNED = 65_536;
/** "No such node" is believed for so long, and a known key is not asked for again sooner. */
const ASK_PAUSE_MS = 3000;
/** A question without an answer counts as none. */
const ANSWER_TIMEOUT_MS = 10_000;

/** A frame that waits for its sender's key: a key exchange, or a question for ours. */
export interface WaitingFrame {
  readonly frame: KeyExchangeFrame | KeyRequestFrame | 'recovery';
  readonly route: Route;
  readonly receivedAt: Instant;
}

interface Entry {
  key: Uint8Array | undefined;
  askedAt: Millis;
  /** A question is under way. */
  asking: boolean;
  /** At most one of each sort: the last. */
  waiting: WaitingFrame[];
}

/**
 * The identities of nodes as the registry tells them. Trusted peers are pinned: for them the registry is not asked and
 * not believed.
 */
export class PeerKeys {
  readonly #entries = new BoundedMap<number, Entry>(MAX_PEERS); // least recently asked first
  readonly #pinned = new Map<number, Uint8Array>();

  pin(nodeId: number, key: Uint8Array): void {
    if (this.#pinned.size < MAX_PINNED || this.#pinned.has(nodeId)) this.#pinned.set(nodeId, key);
  }

  unpin(nodeId: number): void {
    this.#pinned.delete(nodeId);
  }

  isPinned(nodeId: number): boolean {
    return this.#pinned.has(nodeId);
  }

  get(nodeId: number): Uint8Array | undefined {
    return this.#pinned.get(nodeId) ?? this.#entries.get(nodeId)?.key;
  }

  /** What `ask` would return. */
  peek(nodeId: number, now: Millis): 'ask' | 'asking' | 'refused' {
    const known = this.#entries.get(nodeId);
    if (known === undefined) return 'ask';
    if (known.asking && now - known.askedAt < ANSWER_TIMEOUT_MS) return 'asking';
    return now - known.askedAt < ASK_PAUSE_MS ? 'refused' : 'ask';
  }

  /**
   * Sees to it that the key is asked for, and lets a frame wait for the answer. `ask`: pass the question on. `asking`:
   * it is under way. `refused`: the registry was asked a moment ago, its answer stands.
   */
  ask(nodeId: number, now: Millis, frame?: WaitingFrame): 'ask' | 'asking' | 'refused' {
    const verdict = this.peek(nodeId, now);
    if (verdict === 'refused') return verdict;
    const entry = this.#entries.get(nodeId) ?? { key: undefined, askedAt: now, asking: false, waiting: [] };
    if (frame !== undefined)
      entry.waiting = [...entry.waiting.filter((other) => sortOf(other) !== sortOf(frame)), frame];
    if (verdict === 'asking') return verdict;
    entry.asking = true;
    entry.askedAt = now;
    this.#entries.set(nodeId, entry);
    return verdict;
  }

  /** Takes the registry's answer and returns the frames that waited for it. */
  provide(nodeId: number, key: Uint8Array | undefined, now: Millis): readonly WaitingFrame[] {
    const entry = this.#entries.get(nodeId) ?? { key, askedAt: now, asking: false, waiting: [] };
    const { waiting } = entry;
    const stale = waiting.filter((frame) => now - frame.receivedAt.monotonicMs >= ANSWER_TIMEOUT_MS);
    Object.assign(entry, { key: key ?? entry.key, askedAt: now, asking: false, waiting: [] } satisfies Partial<Entry>);
    if (!this.#entries.has(nodeId)) this.#entries.set(nodeId, entry);
    return waiting.filter((frame) => !stale.includes(frame));
  }

  matches(nodeId: number, key: Uint8Array): boolean {
    const known = this.get(nodeId);
    return known !== undefined && equalBytes(known, key);
  }
}

function sortOf(waiting: WaitingFrame): string {
  return waiting.frame === 'recovery' ? waiting.frame : waiting.frame.kind;
}
