import type { Millis } from '../base/clock.ts';

export interface PingPace {
  /** A peer that answers is asked this often. */
  readonly periodMs: Millis;
  /** Peers asked at once; of more, each is asked more seldom, so that a large directory costs no more. */
  readonly most: number;
  /** After so many pings in a row without an answer the pause grows, doubled each time, up to the longest. */
  readonly patience: number;
  readonly longestPauseMs: Millis;
}

interface Peer {
  dueAt: Millis;
  unanswered: number;
  waiting: boolean;
}

/**
 * When to ping whom. Who is gone is asked less and less often, so that a fleet that died costs little; whoever is heard
 * again is asked at once.
 */
export class PingSchedule {
  readonly #pace: PingPace;
  #peers = new Map<number, Peer>();

  constructor(pace: PingPace) {
    this.#pace = pace;
  }

  /** Those that are new are due at once. True when there are such. */
  setPeers(nodeIds: Iterable<number>, nowMs: Millis): boolean {
    const peers = new Map<number, Peer>();
    for (const nodeId of nodeIds) {
      peers.set(nodeId, this.#peers.get(nodeId) ?? { dueAt: nowMs, unanswered: 0, waiting: false });
    }
    const hasNew = [...peers.keys()].some((nodeId) => !this.#peers.has(nodeId));
    this.#peers = peers;
    return hasNew;
  }

  /** Whom to ping now, the longest due first; each waits for `answered` or `unanswered`. */
  take(nowMs: Millis): number[] {
    const due = [...this.#peers].filter(([, { dueAt, waiting }]) => !waiting && dueAt <= nowMs);
    const chosen = due.sort(([, a], [, b]) => a.dueAt - b.dueAt).slice(0, this.#pace.most);
    for (const [, peer] of chosen) peer.waiting = true;
    return chosen.map(([nodeId]) => nodeId);
  }

  /** The next ping is one period after this one was sent. */
  answered(nodeId: number, sentAt: Millis): void {
    const peer = this.#peers.get(nodeId);
    if (peer === undefined) return;
    Object.assign(peer, { waiting: false, unanswered: 0, dueAt: sentAt + this.#pace.periodMs });
  }

  unanswered(nodeId: number, sentAt: Millis): void {
    const peer = this.#peers.get(nodeId);
    if (peer === undefined) return;
    const { periodMs, patience, longestPauseMs } = this.#pace;
    peer.waiting = false;
    peer.unanswered += 1;
    const doublings = Math.max(0, peer.unanswered - patience);
    peer.dueAt = sentAt + Math.min(longestPauseMs, periodMs * 2 ** Math.min(doublings, 30));
  }

  /** Something came from the peer by itself: it may be back. */
  heard(nodeId: number, nowMs: Millis): void {
    const peer = this.#peers.get(nodeId);
    if (peer === undefined || peer.unanswered === 0) return;
    peer.unanswered = 0;
    peer.dueAt = Math.min(peer.dueAt, nowMs);
  }
}
