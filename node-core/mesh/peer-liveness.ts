import { LatencyHistory } from './latency-history.ts';

/** What this node's own encrypted pings say of one peer. */
export class PeerLiveness {
  readonly latency = new LatencyHistory();
  #lastPongAt: number | undefined;
  #lastRttMs: number | undefined;
  #unanswered: { readonly firstSentAt: number; count: number } | undefined;

  get lastPongAt(): number | undefined {
    return this.#lastPongAt;
  }

  get lastRttMs(): number | undefined {
    return this.#lastRttMs;
  }

  answered(rttMs: number, at: number): void {
    this.latency.add(at, rttMs);
    this.#lastPongAt = at;
    this.#lastRttMs = rttMs;
    this.#unanswered = undefined;
  }

  unanswered(sentAt: number): void {
    this.#unanswered ??= { firstSentAt: sentAt, count: 0 };
    this.#unanswered.count += 1;
  }

  /**
   * Since when the peer is silent although asked; undefined while it is not. A single lost ping counts from when it was
   * sent; with a second one the silence goes back to the last word.
   */
  silentSince(lastHeard: number | undefined): number | undefined {
    const unanswered = this.#unanswered;
    if (unanswered === undefined) return undefined;
    if (lastHeard === undefined) return unanswered.firstSentAt;
    if (lastHeard > unanswered.firstSentAt) return undefined;
    return unanswered.count > 1 ? lastHeard : unanswered.firstSentAt;
  }
}
