import { PilotError } from '../base/errors.ts';
import type { RunningNode } from '../runtime/running-node.ts';

const PERIOD_MS = 2_000;
const TIMEOUT_MS = 3_000;
/** More peers than this are pinged more slowly, so that a large directory costs no more. */
const PINGS_PER_PERIOD = 200;

export interface PingNews {
  readonly answered: (nodeId: number, rttMs: number, at: number) => void;
  readonly unanswered: (nodeId: number, sentAt: number) => void;
}

/** Pings every known peer in turn: an agent is live because it answered us, not because somebody lists it. */
export class PeerPinger {
  readonly #node: RunningNode;
  readonly #news: PingNews;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #waiting = new Set<number>();
  #peers: number[] = [];
  #next = 0;

  constructor(node: RunningNode, news: PingNews) {
    this.#node = node;
    this.#news = news;
    this.#timer = setInterval(() => this.#turn(), PERIOD_MS);
  }

  setPeers(nodeIds: Iterable<number>): void {
    const peers = [...nodeIds].filter((nodeId) => nodeId !== this.#node.nodeId);
    const fresh = peers.filter((nodeId) => !this.#peers.includes(nodeId));
    this.#peers = peers;
    for (const nodeId of fresh.slice(0, PINGS_PER_PERIOD)) void this.#ping(nodeId);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #turn(): void {
    const count = Math.min(this.#peers.length, PINGS_PER_PERIOD);
    for (let i = 0; i < count; i++) {
      const nodeId = this.#peers[(this.#next + i) % this.#peers.length];
      if (nodeId !== undefined && !this.#waiting.has(nodeId)) void this.#ping(nodeId);
    }
    this.#next = this.#peers.length === 0 ? 0 : (this.#next + count) % this.#peers.length;
  }

  async #ping(nodeId: number): Promise<void> {
    const sentAt = Date.now();
    this.#waiting.add(nodeId);
    try {
      const { rttMs } = await this.#node.ping(nodeId, TIMEOUT_MS);
      this.#news.answered(nodeId, rttMs, Date.now());
    } catch (error) {
      if (!(error instanceof PilotError)) throw error;
      this.#news.unanswered(nodeId, sentAt);
    } finally {
      this.#waiting.delete(nodeId);
    }
  }
}
