import type { Clock } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import type { RunningNode } from '../runtime/running-node.ts';
import { type PingPace, PingSchedule } from './ping-schedule.ts';

const TURN_MS = 500;
/** At most 100 a second. Three misses in a row make an agent silent in the graph; from then on it is asked more seldom. */
const PACE: PingPace = { periodMs: 2_000, most: 50, patience: 3, longestPauseMs: 60_000 };
const TIMEOUT_MS = 3_000;

export interface PingNews {
  readonly answered: (nodeId: number, rttMs: number, at: number) => void;
  readonly unanswered: (nodeId: number, sentAt: number) => void;
}

/** Pings every known peer in turn: an agent is live because it answered us, not because somebody lists it. */
export class PeerPinger {
  readonly #node: RunningNode;
  readonly #clock: Clock;
  readonly #news: PingNews;
  readonly #schedule = new PingSchedule(PACE);
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(node: RunningNode, clock: Clock, news: PingNews) {
    this.#node = node;
    this.#clock = clock;
    this.#news = news;
    this.#timer = setInterval(() => this.#turn(), TURN_MS);
  }

  setPeers(nodeIds: Iterable<number>): void {
    const peers = [...nodeIds].filter((nodeId) => nodeId !== this.#node.nodeId);
    if (this.#schedule.setPeers(peers, this.#nowMs)) this.#turn();
  }

  /** Something came from a peer by itself: if it did not answer before, it is asked at once. */
  heard(nodeId: number): void {
    this.#schedule.heard(nodeId, this.#nowMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  get #nowMs(): number {
    return this.#clock.now().monotonicMs;
  }

  #turn(): void {
    for (const nodeId of this.#schedule.take(this.#nowMs)) void this.#ping(nodeId);
  }

  async #ping(nodeId: number): Promise<void> {
    const sentAt = { wall: Date.now(), monotonic: this.#nowMs };
    try {
      const { rttMs } = await this.#node.ping(nodeId, TIMEOUT_MS);
      this.#schedule.answered(nodeId, sentAt.monotonic);
      this.#news.answered(nodeId, rttMs, Date.now());
    } catch (error) {
      if (!(error instanceof PilotError)) throw error;
      this.#schedule.unanswered(nodeId, sentAt.monotonic);
      this.#news.unanswered(nodeId, sentAt.wall);
    }
  }
}
