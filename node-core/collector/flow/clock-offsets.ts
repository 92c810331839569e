import { BoundedMap } from '../../base/bounded-map.ts';
import type { UnixNano } from '../../base/clock.ts';

/** Whose clock it is. What is known of a clock is known of a key; the id is what the node is called by. */
export interface ClockOwner {
  /** 64 hex digits. */
  readonly publicKey: string;
  readonly nodeId: number;
}

/**
 * A stream's handshake as both ends stamped it, each with its own wall clock: an NTP exchange that came for free.
 *
 * ```
 *   dialler   t1 ─── SYN ──▶            ◀── SYN|ACK ─── t4
 *   acceptor              t2 ── … ── t3
 * ```
 */
export interface HandshakeTimes {
  readonly dialler: ClockOwner;
  readonly acceptor: ClockOwner;
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
  /** The nodes on whose word it rests, where the reference node shared no handshake with this one: one or two. */
  readonly through?: readonly number[];
}

/** How fast two clocks may drift apart: 100 parts in a million, twice what a poor quartz does. */
export const DRIFT_PER_MS = 1e-4;
const MOST_PAIRS = 20_000;
/** One node may be an end of so many pairs: its oldest go first, not those of others. */
const MOST_PAIRS_OF_ONE = 4_000;
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
  readonly low: string;
  readonly high: string;
  greatestLower: number;
  leastUpper: number;
  at: number;
}

interface NodeClock {
  readonly nodeId: number;
  epoch: number;
  at: number;
  startedAt?: UnixNano;
}

/** An interval, and for each of its ends the key of the node that it rests on. */
interface Bounds {
  readonly lower: number;
  readonly upper: number;
  readonly at: number;
  readonly through?: readonly [lower: string, upper: string];
}

/**
 * Puts nodes on one time axis. Keeps, for each pair of nodes that had a stream between them, the interval their clocks'
 * difference lies in. What the reference node measured itself stands, whatever others say. A node it shared no handshake
 * with is placed through those that it did share one with, and their names are told: each of them can shift it by lying. No
 * evidence means undefined, never zero.
 */
export class ClockOffsets {
  /** In order of use. */
  readonly #pairs = new Map<string, PairEvidence>();
  readonly #pairsOf = new Map<string, Set<PairEvidence>>();
  readonly #clocks = new BoundedMap<string, NodeClock>(MOST_NODES);
  readonly #dropped: Record<DroppedHandshake, number> = {
    'empty-interval': 0,
    'clock-stepped': 0,
    'stale-epoch': 0,
    'same-node': 0,
  };
  #taken = 0;
  #contradictions = 0;
  #origin: number | undefined;

  /** Pairs of nodes that evidence is kept of. */
  get pairs(): number {
    return this.#pairs.size;
  }

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
    const { dialler, acceptor, at } = times;
    this.#taken += 1;
    if (acceptor.publicKey > dialler.publicKey) {
      this.#narrow(dialler.publicKey, acceptor.publicKey, lower, upper, at);
    } else this.#narrow(acceptor.publicKey, dialler.publicKey, -upper, -lower, at);
    return true;
  }

  /**
   * A node says how often its clock was stepped. A count not seen before makes all that is known of its clock void; so
   * does a new start, after which the count begins again.
   */
  noteEpoch(owner: ClockOwner, epoch: number, at: number, startedAt?: UnixNano): void {
    const known = this.#clocks.get(owner.publicKey);
    const restarted = startedAt !== undefined && known?.startedAt !== undefined && startedAt !== known.startedAt;
    if (restarted) this.#forget(owner.publicKey);
    if (known === undefined || restarted) {
      this.#meet(owner, { epoch, at, ...(startedAt === undefined ? {} : { startedAt }) });
    } else {
      this.#advanceEpoch(owner, epoch, at);
      if (startedAt !== undefined) known.startedAt = startedAt;
    }
  }

  /** The clocks by public key of all nodes that evidence reaches from the one with the key `reference`, itself at 0 ± 0. */
  estimates(reference: string, now: number): Map<string, ClockEstimate> {
    const result = new Map<string, ClockEstimate>([[reference, { offsetMs: 0, boundMs: 0, at: now }]]);
    const direct = this.#intervalsFrom(reference, now);
    for (const [publicKey, bounds] of direct) result.set(publicKey, estimateOf(bounds));
    for (const [publicKey, bounds] of this.#indirect(reference, direct, now)) {
      if (bounds.lower > bounds.upper + ROUNDING_MS) continue; // the ways to this node contradict each other
      const through = new Set(bounds.through?.flatMap((key) => this.#clocks.get(key)?.nodeId ?? []));
      result.set(publicKey, { ...estimateOf(bounds), through: [...through] });
    }
    return result;
  }

  #reasonToDrop(times: HandshakeTimes): DroppedHandshake | undefined {
    if (times.dialler.publicKey === times.acceptor.publicKey) return 'same-node';
    const { diallerEpochs, acceptorEpochs } = times;
    if (diallerEpochs[0] !== diallerEpochs[1] || acceptorEpochs[0] !== acceptorEpochs[1]) return 'clock-stepped';
    if (times.t4 < times.t1 || times.t3 < times.t2 || times.t3 - times.t4 > times.t2 - times.t1) {
      return 'empty-interval';
    }
    const current =
      this.#advanceEpoch(times.dialler, diallerEpochs[0], times.at) &&
      this.#advanceEpoch(times.acceptor, acceptorEpochs[0], times.at);
    return current ? undefined : 'stale-epoch';
  }

  /** Returns false for an epoch that is over. */
  #advanceEpoch(owner: ClockOwner, epoch: number, at: number): boolean {
    const known = this.#clocks.get(owner.publicKey);
    if (known === undefined) {
      this.#meet(owner, { epoch, at });
      return true;
    }
    if (epoch < known.epoch && at <= known.at + LATE_REPORT_MS) return false;
    if (epoch !== known.epoch) this.#forget(owner.publicKey);
    known.epoch = epoch;
    known.at = Math.max(known.at, at);
    return true;
  }

  #meet({ publicKey, nodeId }: ClockOwner, clock: Omit<NodeClock, 'nodeId'>): void {
    this.#clocks.set(publicKey, { ...clock, nodeId });
  }

  #forget(publicKey: string): void {
    for (const pair of this.#pairsOf.get(publicKey) ?? []) this.#forgetPair(pair);
  }

  #forgetPair(pair: PairEvidence): void {
    this.#pairs.delete(keyOf(pair));
    for (const end of [pair.low, pair.high]) {
      const pairs = this.#pairsOf.get(end);
      pairs?.delete(pair);
      if (pairs?.size === 0) this.#pairsOf.delete(end);
    }
  }

  /** Puts a pair last in all orders of use, and makes room for it. */
  #remember(pair: PairEvidence): void {
    this.#forgetPair(pair);
    for (const end of [pair.low, pair.high]) {
      const pairs = this.#pairsOf.get(end);
      if (pairs !== undefined && pairs.size >= MOST_PAIRS_OF_ONE) this.#forgetFirstOf(pairs);
    }
    if (this.#pairs.size >= MOST_PAIRS) this.#forgetFirstOf(this.#pairs.values());
    this.#pairs.set(keyOf(pair), pair);
    for (const end of [pair.low, pair.high]) {
      this.#pairsOf.set(end, (this.#pairsOf.get(end) ?? new Set<PairEvidence>()).add(pair));
    }
  }

  #forgetFirstOf(pairs: Iterable<PairEvidence>): void {
    for (const oldest of pairs) return this.#forgetPair(oldest);
  }

  #narrow(low: string, high: string, lower: number, upper: number, at: number): void {
    const drift = this.#drift(at);
    const fresh = { greatestLower: lower + drift, leastUpper: upper - drift };
    const known = this.#pairs.get(keyOf({ low, high })) ?? { low, high, ...fresh, at };
    this.#remember(known);

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

  /** What the handshakes of one node say of those it had them with: their clocks minus its own. */
  #intervalsFrom(publicKey: string, now: number): Map<string, Bounds> {
    const intervals = new Map<string, Bounds>();
    for (const pair of this.#pairsOf.get(publicKey) ?? []) {
      const drift = this.#drift(Math.max(now, pair.at));
      const [lower, upper] = [pair.greatestLower - drift, pair.leastUpper + drift];
      if (pair.low === publicKey) intervals.set(pair.high, { lower, upper, at: pair.at });
      else intervals.set(pair.low, { lower: -upper, upper: -lower, at: pair.at });
    }
    return intervals;
  }

  /** Where those nodes are that only others had a handshake with: where all ways to them agree. */
  #indirect(reference: string, direct: ReadonlyMap<string, Bounds>, now: number): Map<string, Bounds> {
    const found = new Map<string, Bounds>();
    for (const [middle, known] of direct) {
      for (const [publicKey, step] of this.#intervalsFrom(middle, now)) {
        if (publicKey === reference || direct.has(publicKey)) continue;
        const way: Bounds = {
          lower: known.lower + step.lower,
          upper: known.upper + step.upper,
          at: step.at,
          through: [middle, middle],
        };
        found.set(publicKey, intersect(found.get(publicKey), way));
      }
    }
    return found;
  }
}

function keyOf({ low, high }: Pick<PairEvidence, 'low' | 'high'>): string {
  return `${low} ${high}`;
}

function estimateOf({ lower, upper, at }: Bounds): ClockEstimate {
  return { offsetMs: (lower + upper) / 2, boundMs: Math.max(0, (upper - lower) / 2), at };
}

function intersect(known: Bounds | undefined, way: Bounds): Bounds {
  if (known?.through === undefined || way.through === undefined) return way;
  const [lowest, highest] = [way.lower > known.lower ? way : known, way.upper < known.upper ? way : known];
  return {
    lower: lowest.lower,
    upper: highest.upper,
    at: Math.max(known.at, way.at),
    through: [(lowest.through ?? known.through)[0], (highest.through ?? known.through)[1]],
  };
}
