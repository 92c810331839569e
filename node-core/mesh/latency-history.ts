const SLOT_MS = 5 * 60_000;
const SLOTS = 13; // the slot that fills now, and the last hour before it
const BUCKETS = 64;
const FIRST_BUCKET_MS = 0.05;
const GROWTH = 1.2;
const FEWEST_FOR_NOW = 20;
const FEWEST_FOR_HOUR = 60;

interface Slot {
  readonly number: number;
  readonly counts: Uint16Array;
}

/**
 * Round trips of the last hour as logarithmic histograms of 5 min each: percentiles within 20 %, in constant space
 * however often a peer is pinged. Too few samples give undefined, so that one slow answer is not a trend.
 */
export class LatencyHistory {
  readonly #slots: Slot[] = [];

  add(at: number, rttMs: number): void {
    const number = Math.floor(at / SLOT_MS);
    let slot = this.#slots.at(-1);
    if (slot === undefined || slot.number < number) {
      slot = { number, counts: new Uint16Array(BUCKETS) };
      this.#slots.push(slot);
      if (this.#slots.length > SLOTS) this.#slots.shift();
    }
    const bucket = bucketOf(rttMs);
    slot.counts[bucket] = Math.min(0xffff, (slot.counts[bucket] ?? 0) + 1);
  }

  /** Over the last 5 to 10 min. */
  p95Ms(now: number): number | undefined {
    const current = Math.floor(now / SLOT_MS);
    return percentile(
      this.#slots.filter((slot) => slot.number >= current - 1),
      0.95,
      FEWEST_FOR_NOW,
    );
  }

  /** Over the hour before that. */
  p95HourMs(now: number): number | undefined {
    const current = Math.floor(now / SLOT_MS);
    const hour = this.#slots.filter((slot) => slot.number < current - 1 && slot.number >= current - SLOTS);
    return percentile(hour, 0.95, FEWEST_FOR_HOUR);
  }
}

function bucketOf(rttMs: number): number {
  const bucket = Math.ceil(Math.log(Math.max(rttMs, FIRST_BUCKET_MS) / FIRST_BUCKET_MS) / Math.log(GROWTH));
  return Math.min(BUCKETS - 1, Math.max(0, bucket));
}

function percentile(slots: readonly Slot[], share: number, fewest: number): number | undefined {
  const sums = Array.from({ length: BUCKETS }, (_, bucket) =>
    slots.reduce((sum, slot) => sum + (slot.counts[bucket] ?? 0), 0),
  );
  const total = sums.reduce((sum, count) => sum + count, 0);
  if (total < fewest) return undefined;
  let seen = 0;
  const bucket = sums.findIndex((count) => {
    seen += count;
    return seen >= share * total;
  });
  return FIRST_BUCKET_MS * GROWTH ** bucket;
}
