import type { LedgerStage } from '../contract/status.ts';

/** Counts what came to one stage, what stayed and, by reason, what did not. */
export class LossLedger {
  readonly #stage: LedgerStage['stage'];
  readonly #reasons = new Map<string, number>();
  #kept = 0;

  constructor(stage: LedgerStage['stage']) {
    this.#stage = stage;
  }

  get kept(): number {
    return this.#kept;
  }

  keep(count: number): void {
    this.#kept += count;
  }

  drop(reason: string, count: number): void {
    if (count > 0) this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + count);
  }

  get figures(): LedgerStage {
    const dropped = [...this.#reasons.values()].reduce((sum, count) => sum + count, 0);
    const reasons = Object.fromEntries(this.#reasons);
    return { stage: this.#stage, received: this.#kept + dropped, kept: this.#kept, dropped, reasons };
  }
}
