import type { Millis } from '../base/clock.ts';
import type { LogEntry } from '../contract/log.ts';

const WINDOW_MS = 10_000;
/** Lines of one kind that are told one by one in a window; of more, the count. */
const MOST_TOLD = 5;

/** Of what happens to many peers at once, the words for the rest. */
const COUNTED: Readonly<Record<string, (count: number) => string>> = {
  'tunnel.established': (count) => `${count} more tunnels are up`,
  'tunnel.rekeyed': (count) => `${count} more tunnels have a new key`,
  'tunnel.path': (count) => `${count} more changes of path`,
  'tunnel.key_exchange': (count) => `${count} more peers do not answer the key exchange`,
  'tunnel.closed': (count) => `${count} more tunnels closed`,
  'peer.silent': (count) => `${count} more peers are silent on every path`,
  'peer.recovered': (count) => `${count} more peers answer again`,
};
/** Said of a peer once, until it is heard of again. */
const GONE = new Set(['tunnel.key_exchange', 'peer.silent']);
const BACK = new Set(['tunnel.established', 'peer.recovered']);

interface Window {
  readonly since: Millis;
  told: number;
  readonly untold: LogEntry[];
}

/**
 * Thins out what the log says of tunnels. That a peer does not answer is told once, until it answers; what happens to many
 * peers within ten seconds is told of a few, and counted of the rest.
 */
export class TunnelNews {
  readonly #tell: (entry: LogEntry) => void;
  readonly #windows = new Map<string, Window>();
  readonly #gone = new Set<number>();

  constructor(tell: (entry: LogEntry) => void) {
    this.#tell = tell;
  }

  /** Tells it at once, or with the rest of its window. Lines about other things than tunnels are always told at once. */
  add(entry: LogEntry, nowMs: Millis): void {
    if (COUNTED[entry.kind] === undefined) return this.#tell(entry);
    if (entry.nodeId !== undefined && this.#isKnown(entry.kind, entry.nodeId)) return;
    this.flush(nowMs);
    const window = this.#windows.get(entry.kind) ?? { since: nowMs, told: 0, untold: [] };
    this.#windows.set(entry.kind, window);
    if (window.told < MOST_TOLD) {
      window.told += 1;
      this.#tell(entry);
    } else window.untold.push(entry);
  }

  /** Tells what windows that are over have left; to be called every few seconds. */
  flush(nowMs: Millis): void {
    for (const [kind, { since, untold }] of this.#windows) {
      if (nowMs - since < WINDOW_MS) continue;
      this.#windows.delete(kind);
      this.#tellRest(kind, untold);
    }
  }

  #isKnown(kind: string, nodeId: number): boolean {
    if (BACK.has(kind)) this.#gone.delete(nodeId);
    if (!GONE.has(kind)) return kind === 'tunnel.closed' && this.#gone.has(nodeId);
    if (this.#gone.has(nodeId)) return true;
    this.#gone.add(nodeId);
    return false;
  }

  #tellRest(kind: string, untold: readonly LogEntry[]): void {
    const [first] = untold;
    const words = COUNTED[kind];
    if (first === undefined || words === undefined) return;
    if (untold.length === 1) return this.#tell(first);
    const { level, source, actor } = first;
    this.#tell({ level, kind, source, actor, text: words(untold.length) });
  }
}
