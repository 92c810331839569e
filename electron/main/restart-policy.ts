const WINDOW_MS = 60_000;
const EXITS_UNTIL_STOPPED = 3;
const DELAYS_MS = [250, 1_000];

export type RestartDecision = { readonly kind: 'restart'; readonly inMs: number } | { readonly kind: 'stop' };

/** Decides what follows an unexpected exit: the first two within a minute restart, the third stops. Times in ms. */
export class RestartPolicy {
  #exits: number[] = [];

  handleExit(now: number): RestartDecision {
    this.#exits = [...this.#exits.filter((at) => now - at < WINDOW_MS), now];
    if (this.#exits.length >= EXITS_UNTIL_STOPPED) return { kind: 'stop' };
    return { kind: 'restart', inMs: DELAYS_MS[this.#exits.length - 1] ?? 1_000 };
  }

  /** The operator asked to start again: the count begins anew. */
  reset(): void {
    this.#exits = [];
  }
}
