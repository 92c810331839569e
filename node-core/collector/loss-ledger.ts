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
    return stageFigures(this.#stage, this.#kept, Object.fromEntries(this.#reasons));
  }
}

/** A stage of which somebody else keeps count. Reasons that never were are left out. */
export function stageFigures(
  stage: LedgerStage['stage'],
  kept: number,
  counts: Readonly<Record<string, number>>,
): LedgerStage {
  const happened = Object.entries(counts).filter(([, count]) => count > 0);
  const dropped = happened.reduce((sum, [, count]) => sum + count, 0);
  const reasons = Object.fromEntries(happened);
  return { stage, received: kept + dropped, kept, dropped, reasons };
}
