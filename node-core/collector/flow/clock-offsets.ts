import type { UnixNano } from '../../base/clock.ts';

/**
 * A stream's handshake as both ends stamped it, each with its own wall clock: an NTP exchange that came for free.
 *
 * ```
 *   dialler   t1 ─── SYN ──▶            ◀── SYN|ACK ─── t4
 *   acceptor              t2 ── … ── t3
 * ```
 */
export interface HandshakeTimes {
  readonly diallerNodeId: number;
  readonly acceptorNodeId: number;
  /** How often each end's wall clock had been stepped, at its first and its second event. */
  readonly diallerEpochs: readonly [number, number];
  readonly acceptorEpochs: readonly [number, number];
  readonly t1: UnixNano;
  readonly t2: UnixNano;
  readonly t3: UnixNano;
  readonly t4: UnixNano;
  /** When it happened, in Unix milliseconds of the collector's clock. */
  readonly at: number;
}

/** A node's clock minus the reference node's. The truth lies within `offsetMs` ± `boundMs`. */
export interface ClockEstimate {
  readonly offsetMs: number;
  readonly boundMs: number;
  /** Unix milliseconds of the last handshake that bears on the node. */
  readonly at: number;
}

/** How fast two clocks may drift apart: 100 parts in a million, twice what a poor quartz does. */
export const DRIFT_PER_MS = 1e-4;
/** Rounds of narrowing: enough for any fleet, and an end where evidence that contradicts itself would go on for ever. */
const MOST_ROUNDS = 16;
const MOST_PAIRS = 20_000;
const MOST_NODES = 20_000;
/** What sums of doubles may be off by. */
const ROUNDING_MS = 1e-6;
/** A lower epoch than the last one seen is a late report for this long, and a node that started again after that. */
const LATE_REPORT_MS = 60_000;
const NANOS_PER_MS = 1e6;

export type DroppedHandshake = 'empty-interval' | 'clock-stepped' | 'stale-epoch' | 'same-node';

/**
 * What all handshakes of two nodes say about clock(high) - clock(low), in constant space. An interval [lo, hi] seen at
 * time t has grown to [lo - d(now - t), hi + d(now - t)] by now. As all grow at the same rate d, the tightest ends stay
 * the tightest for ever: the greatest lo + dt and the least hi - dt.
 */
interface PairEvidence {
  readonly low: number;
  readonly high: number;
  greatestLower: number;
  leastUpper: number;
  at: number;
}

interface NodeClock {
  epoch: number;
  at: number;
  startedAt?: UnixNano;
}

interface Bounds {
  lower: number;
  upper: number;
  at: number;
}

/**
 * Puts nodes on one time axis. Keeps, for each pair of nodes that had a stream between them, the interval their clocks'
 * difference lies in, and intersects these over the graph of pairs. No evidence means undefined, never zero.
 */
export class ClockOffsets {
  readonly #pairs = new Map<string, PairEvidence>();
  readonly #epochs = new Map<number, NodeClock>();
  readonly #dropped: Record<DroppedHandshake, number> = {
    'empty-interval': 0,
    'clock-stepped': 0,
    'stale-epoch': 0,
    'same-node': 0,
  };
  #taken = 0;
  #contradictions = 0;
  #origin: number | undefined;

  /** Handshakes that said something. */
  get taken(): number {
    return this.#taken;
  }

  get dropped(): Readonly<Record<DroppedHandshake, number>> {
    return this.#dropped;
  }

  /** How often the evidence about a pair excluded what was believed before, which was then forgotten. */
  get contradictions(): number {
    return this.#contradictions;
  }

  /** Returns false for an exchange that says nothing; its reason is counted. */
  addHandshake(times: HandshakeTimes): boolean {
    const reason = this.#reasonToDrop(times);
    if (reason !== undefined) {
      this.#dropped[reason] += 1;
      return false;
    }
    // acceptor minus dialler; both differences are exact before they become numbers
    const lower = Number(times.t3 - times.t4) / NANOS_PER_MS;
    const upper = Number(times.t2 - times.t1) / NANOS_PER_MS;
    const { diallerNodeId: dialler, acceptorNodeId: acceptor, at } = times;
    this.#taken += 1;
    if (acceptor > dialler) this.#narrow(dialler, acceptor, lower, upper, at);
    else this.#narrow(acceptor, dialler, -upper, -lower, at);
    return true;
  }

  /**
   * A node says how often its clock was stepped. A count not seen before makes all that is known of its clock void; so
   * does a new start, after which the count begins again.
   */
  noteEpoch(nodeId: number, epoch: number, at: number, startedAt?: UnixNano): void {
    const known = this.#epochs.get(nodeId);
    const restarted = startedAt !== undefined && known?.startedAt !== undefined && startedAt !== known.startedAt;
    if (restarted) this.#forget(nodeId);
    if (known === undefined || restarted) {
      this.#meet(nodeId, { epoch, at, ...(startedAt === undefined ? {} : { startedAt }) });
    } else {
      this.#advanceEpoch(nodeId, epoch, at);
      if (startedAt !== undefined) known.startedAt = startedAt;
    }
  }

  /** The clocks of all nodes that evidence reaches from `reference`, which is itself at 0 ± 0. */
  estimates(reference: number, now: number): Map<number, ClockEstimate> {
    const bounds = this.#spread(reference, now);
    const result = new Map<number, ClockEstimate>();
    for (const [nodeId, { lower, upper, at }] of bounds) {
      if (lower > upper + ROUNDING_MS) continue; // the ways to this node contradict each other, and none of them is ours
      result.set(nodeId, { offsetMs: (lower + upper) / 2, boundMs: Math.max(0, (upper - lower) / 2), at });
    }
    return result;
  }

  #reasonToDrop(times: HandshakeTimes): DroppedHandshake | undefined {
    if (times.diallerNodeId === times.acceptorNodeId) return 'same-node';
    const { diallerEpochs, acceptorEpochs } = times;
    if (diallerEpochs[0] !== diallerEpochs[1] || acceptorEpochs[0] !== acceptorEpochs[1]) return 'clock-stepped';
    if (times.t4 < times.t1 || times.t3 < times.t2 || times.t3 - times.t4 > times.t2 - times.t1) {
      return 'empty-interval';
    }
    const current =
      this.#advanceEpoch(times.diallerNodeId, diallerEpochs[0], times.at) &&
      this.#advanceEpoch(times.acceptorNodeId, acceptorEpochs[0], times.at);
    return current ? undefined : 'stale-epoch';
  }

  /** Returns false for an epoch that is over. */
  #advanceEpoch(nodeId: number, epoch: number, at: number): boolean {
    const known = this.#epochs.get(nodeId);
    if (known === undefined) {
      this.#meet(nodeId, { epoch, at });
      return true;
    }
    if (epoch < known.epoch && at <= known.at + LATE_REPORT_MS) return false;
    if (epoch !== known.epoch) this.#forget(nodeId);
    known.epoch = epoch;
    known.at = Math.max(known.at, at);
    return true;
  }

  #meet(nodeId: number, clock: NodeClock): void {
    if (this.#epochs.size >= MOST_NODES) dropFirst(this.#epochs);
    this.#epochs.set(nodeId, clock);
  }

  #forget(nodeId: number): void {
    for (const [key, pair] of this.#pairs) {
      if (pair.low === nodeId || pair.high === nodeId) this.#pairs.delete(key);
    }
  }

  #narrow(low: number, high: number, lower: number, upper: number, at: number): void {
    const key = `${low}-${high}`;
    const drift = this.#drift(at);
    const fresh = { greatestLower: lower + drift, leastUpper: upper - drift };
    const known = this.#pairs.get(key) ?? { low, high, ...fresh, at };
    this.#pairs.delete(key); // set again below: the map stays in order of use, for eviction
    if (this.#pairs.size >= MOST_PAIRS) dropFirst(this.#pairs);
    this.#pairs.set(key, known);

    const both = {
      greatestLower: Math.max(known.greatestLower, fresh.greatestLower),
      leastUpper: Math.min(known.leastUpper, fresh.leastUpper),
    };
    const grown = this.#drift(Math.max(at, known.at));
    if (both.greatestLower - grown <= both.leastUpper + grown) {
      Object.assign(known, both);
    } else {
      this.#contradictions += 1; // a clock was moved and nobody said so: the newest evidence stands alone
      if (at >= known.at) Object.assign(known, fresh);
    }
    known.at = Math.max(known.at, at);
  }

  /** Drift since the first evidence: relative, so that the sums keep their precision. */
  #drift(at: number): number {
    this.#origin ??= at;
    return DRIFT_PER_MS * (at - this.#origin);
  }

  /** Shortest paths of interval ends from the reference (Bellman-Ford, as ends may be negative), in few rounds. */
  #spread(reference: number, now: number): Map<number, Bounds> {
    const bounds = new Map<number, Bounds>([[reference, { lower: 0, upper: 0, at: now }]]);
    const intervals = [...this.#pairs.values()].map((pair) => this.#intervalOf(pair, now));
    const direct = new Map<number, { lower: number; upper: number }>();
    for (const { low, high, lower, upper } of intervals) {
      if (low === reference) direct.set(high, { lower, upper });
      if (high === reference) direct.set(low, { lower: -upper, upper: -lower });
    }
    let changed = true;
    for (let round = 0; changed && round < MOST_ROUNDS; round++) {
      changed = false;
      for (const { low, high, lower, upper, at } of intervals) {
        changed = relax(bounds, low, high, { lower, upper, at }, reference) || changed;
        changed = relax(bounds, high, low, { lower: -upper, upper: -lower, at }, reference) || changed;
      }
    }
    // what was measured here stands above what others' evidence makes of it
    for (const [nodeId, interval] of direct) {
      const known = bounds.get(nodeId);
      if (known !== undefined && known.lower > known.upper) Object.assign(known, interval);
    }
    return bounds;
  }

  #intervalOf(pair: PairEvidence, now: number): Bounds & { low: number; high: number } {
    const drift = this.#drift(Math.max(now, pair.at));
    return {
      low: pair.low,
      high: pair.high,
      lower: pair.greatestLower - drift,
      upper: pair.leastUpper + drift,
      at: pair.at,
    };
  }
}

/** Takes what is known of `from` along one interval to `to`. Returns whether a bound there became tighter. */
function relax(bounds: Map<number, Bounds>, from: number, to: number, step: Bounds, reference: number): boolean {
  const start = bounds.get(from);
  if (start === undefined || to === reference) return false;
  const lower = start.lower + step.lower;
  const upper = start.upper + step.upper;
  const known = bounds.get(to);
  if (known === undefined) {
    bounds.set(to, { lower, upper, at: step.at });
    return true;
  }
  known.at = Math.max(known.at, step.at);
  const changed = lower > known.lower + ROUNDING_MS || upper < known.upper - ROUNDING_MS;
  known.lower = Math.max(known.lower, lower);
  known.upper = Math.min(known.upper, upper);
  return changed;
}

function dropFirst(map: Map<unknown, unknown>): void {
  const first = map.keys().next();
  if (first.done !== true) map.delete(first.value);
}
