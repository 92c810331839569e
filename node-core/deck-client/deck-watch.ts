import { setTimeout as sleep } from 'node:timers/promises';
import { type DeckFile, readDeckFile } from '../host/deck-file.ts';
import { connectDeck } from './deck-connection.ts';

const LOOK_MS = 1_000;
const PATIENCE_MS = 30_000;

export interface FleetNode {
  readonly nodeId: number;
  /** 64 hex digits. */
  readonly publicKey: string;
}

/** Follows the deck that runs in a data folder: it may come later, and come back with other addresses. */
export class DeckWatch {
  readonly #folder: string;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #trusted = new Map<number, FleetNode>();
  #current: DeckFile;
  /** Called when the deck has come back in another network, or at other addresses of it. */
  onMoved: (() => void) | undefined;

  private constructor(folder: string, current: DeckFile) {
    this.#folder = folder;
    this.#current = current;
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
  }

  /** Waits for a deck. @throws PilotError `config.invalid` when none comes in half a minute. */
  static async open(folder: string): Promise<DeckWatch> {
    for (const deadline = Date.now() + PATIENCE_MS; ; await sleep(LOOK_MS / 4)) {
      try {
        return new DeckWatch(folder, await readDeckFile(folder));
      } catch (error) {
        if (Date.now() > deadline) throw error;
      }
    }
  }

  get current(): DeckFile {
    return this.#current;
  }

  /** Asks the deck to trust these nodes under their keys, so that it takes their telemetry. */
  async trust(nodes: readonly FleetNode[]): Promise<void> {
    const deck = await connectDeck(this.#current);
    try {
      await deck.client.peer.trust({ peers: [...nodes] });
      for (const node of nodes) this.#trusted.set(node.nodeId, node);
    } finally {
      deck.close();
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** A deck under another key is another operator: it must be asked for trust again. */
  async #look(): Promise<void> {
    try {
      const found = await readDeckFile(this.#folder);
      const { nodeId, registry, beacon } = this.#current;
      const other = found.nodeId !== nodeId;
      const moved = found.registry !== registry || found.beacon !== beacon;
      this.#current = found;
      if (moved) return this.onMoved?.();
      if (other) await this.trust([...this.#trusted.values()]);
    } catch {
      // it is restarting, or gone for good: keep what was known
    }
  }
}
