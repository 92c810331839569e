import { NONCE_PREFIX_LENGTH } from '../wire/tunnel-frame.ts';

/** How far behind the highest counter of its prefix a frame may be. */
export const REPLAY_WINDOW_SIZE = 256;
/** Prefixes with a window of their own. Stock restarts at counter 1 with a new prefix when it dropped a session. */
const MAX_WINDOWS = 8;
/** Prefixes remembered as used up. A key that has seen half as many is due for replacement. */
const MAX_RETIRED = 4096;

/** `fresh` may be delivered once authenticated; the others name why not. */
export type ReplayVerdict = 'fresh' | 'replayed' | 'too-old' | 'retired-prefix' | 'zero-counter';

/**
 * Which nonces were already opened under one key: one sliding window per nonce prefix. It lives as long as the key, also
 * when the session is made again, and no forged frame can move it: `mark` only what the tag has verified.
 *
 *     highest - 255 ............. highest
 *     too old | seen or fresh, a bit each | fresh
 *
 * The windows of the latest prefixes are kept. Older prefixes are retired: a frame of theirs is never fresh again.
 */
export class ReplayWindow {
  readonly #windows = new Map<number, PrefixWindow>(); // least recently marked first
  readonly #retired = new Set<number>();

  /** True when so many prefixes came by that soon no new one can be told from an old one: make a new key. */
  get needsRekey(): boolean {
    return this.#retired.size >= MAX_RETIRED / 2;
  }

  /** Judges a nonce and changes nothing. */
  check(nonce: Uint8Array): ReplayVerdict {
    const { prefix, counter } = split(nonce);
    if (counter === 0n) return 'zero-counter';
    const window = this.#windows.get(prefix);
    if (window !== undefined) return window.check(counter);
    return this.#retired.has(prefix) || this.#retired.size >= MAX_RETIRED ? 'retired-prefix' : 'fresh';
  }

  /** Records a nonce that was `fresh` and whose frame was opened. */
  mark(nonce: Uint8Array): void {
    const { prefix, counter } = split(nonce);
    const window = this.#windows.get(prefix) ?? new PrefixWindow();
    window.mark(counter);
    this.#windows.delete(prefix);
    this.#windows.set(prefix, window);
    if (this.#windows.size > MAX_WINDOWS) this.#retireOldest();
  }

  /** The highest counter opened under a prefix; 0 when there was none. */
  highest(prefix: Uint8Array): bigint {
    return this.#windows.get(viewOf(prefix).getUint32(0))?.highest ?? 0n;
  }

  #retireOldest(): void {
    for (const prefix of this.#windows.keys()) {
      this.#windows.delete(prefix);
      this.#retired.add(prefix);
      return;
    }
  }
}

class PrefixWindow {
  highest = 0n;
  readonly #seen = new Uint8Array(REPLAY_WINDOW_SIZE); // by counter modulo the size; right for the window's counters only

  check(counter: bigint): ReplayVerdict {
    if (counter > this.highest) return 'fresh';
    if (this.highest - counter >= BigInt(REPLAY_WINDOW_SIZE)) return 'too-old';
    return this.#seen[slot(counter)] === 1 ? 'replayed' : 'fresh';
  }

  mark(counter: bigint): void {
    if (counter > this.highest) this.#advance(counter);
    this.#seen[slot(counter)] = 1;
  }

  #advance(counter: bigint): void {
    const skipped = counter - this.highest;
    if (skipped >= BigInt(REPLAY_WINDOW_SIZE)) this.#seen.fill(0);
    else for (let passed = this.highest + 1n; passed <= counter; passed += 1n) this.#seen[slot(passed)] = 0;
    this.highest = counter;
  }
}

function slot(counter: bigint): number {
  return Number(counter % BigInt(REPLAY_WINDOW_SIZE));
}

function split(nonce: Uint8Array): { readonly prefix: number; readonly counter: bigint } {
  const view = viewOf(nonce);
  return { prefix: view.getUint32(0), counter: view.getBigUint64(NONCE_PREFIX_LENGTH) };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
