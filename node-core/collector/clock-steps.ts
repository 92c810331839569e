import { type Instant, unixMillis } from '../base/clock.ts';

const STEP_MS = 10_000;
const UNITS: readonly (readonly [string, number])[] = [
  ['days', 86_400_000],
  ['hours', 3_600_000],
  ['minutes', 60_000],
  ['seconds', 1_000],
];

/** Notices when the wall clock of this machine was set, or the machine slept: the other clock has not run on as far. */
export class ClockSteps {
  #aheadMs: number | undefined;

  /** What an operator should know of the clock since it was read last; undefined when it just ran on. */
  handle({ unixNano, monotonicMs }: Instant): string | undefined {
    const aheadMs = unixMillis(unixNano) - monotonicMs;
    const stepMs = aheadMs - (this.#aheadMs ?? aheadMs);
    this.#aheadMs = aheadMs;
    if (Math.abs(stepMs) < STEP_MS) return undefined;
    const way = stepMs > 0 ? 'ahead' : 'back';
    return `The clock of this machine went ${way} by ${lengthOf(Math.abs(stepMs))}; nothing that is stored is deleted for that`;
  }
}

function lengthOf(ms: number): string {
  const [name, unitMs] = UNITS.find(([, unit]) => ms >= unit) ?? ['seconds', 1_000];
  return `${(ms / unitMs).toFixed(1).replace(/\.0$/, '')} ${name}`;
}
