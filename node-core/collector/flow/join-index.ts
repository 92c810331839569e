import type { FlowJoin, FoundJoin, JoinedTrace } from '../flow-join.ts';
import { type FamilyMember, TraceFamilies } from './trace-families.ts';

export interface JoinLimits {
  /** Joins that are remembered. */
  readonly joins: number;
  /** Of these, how many that rest on the word of one node. */
  readonly joinsOfOneNode: number;
  /** Raw traces of one joined trace: more are not one request, whatever the joins say. */
  readonly tracesOfOne: number;
}

const LIMITS: JoinLimits = { joins: 100_000, joinsOfOneNode: 20_000, tracesOfOne: 2_000 };
const NO_JOINS: readonly FlowJoin[] = [];

interface Entry {
  readonly join: FlowJoin;
  readonly by: string | undefined;
}

/** What is to be written of joins that came: themselves, and where raw traces belong that moved. */
export interface JoinNews {
  readonly joins: readonly FlowJoin[];
  readonly members: readonly FamilyMember[];
}

/**
 * The joins that came last, and the joined traces they make. The oldest go first, of a node that brings more than its share
 * its own; what they said of joined traces is in the store. A join that would make a joined trace too large only points.
 */
export class JoinIndex {
  readonly #limits: JoinLimits;
  readonly #entries = new Map<string, Entry>();
  readonly #ofTrace = new Map<string, Set<FlowJoin>>();
  readonly #owned = new Map<string, Set<string>>();
  readonly #families: TraceFamilies;
  readonly #untold = new Map<string, FlowJoin>();
  #tooLarge = 0;

  constructor(limits: Partial<JoinLimits> = {}) {
    this.#limits = { ...LIMITS, ...limits };
    this.#families = new TraceFamilies({ traces: 2 * this.#limits.joins, tracesOfOne: this.#limits.tracesOfOne });
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Joins that only point, because the joined trace was full. */
  get tooLarge(): number {
    return this.#tooLarge;
  }

  /** Takes in joins that are stored, in the order in which they were found: they are nobody's news. */
  recall(joins: Iterable<FlowJoin>): void {
    for (const join of joins) this.#add(join, undefined);
    this.told();
  }

  /** Takes in joins that were found. What is new of them is among the news until it is told. */
  add(joins: Iterable<FoundJoin>): void {
    for (const { by, ...join } of joins) {
      const fresh = this.#add(join, by);
      if (fresh !== undefined) this.#untold.set(keyOf(fresh), fresh);
    }
  }

  /** What is new since `told`: each moved trace once, however many joins there were. */
  news(): JoinNews {
    return { joins: [...this.#untold.values()], members: this.#families.moved() };
  }

  /** The news are stored. */
  told(): void {
    this.#untold.clear();
    this.#families.told();
  }

  /** The joined trace that a raw one is part of. */
  familyOf(traceId: string): JoinedTrace {
    return this.#families.of(traceId);
  }

  /** All joins that touch one of the traces. */
  joinsOf(traceIds: Iterable<string>): FlowJoin[] {
    const joins = new Set<FlowJoin>();
    for (const traceId of traceIds) for (const join of this.#ofTrace.get(traceId) ?? NO_JOINS) joins.add(join);
    return [...joins];
  }

  #add(join: FlowJoin, by: string | undefined): FlowJoin | undefined {
    const key = keyOf(join);
    if (this.#entries.has(key)) return undefined;
    const kept = this.#place(join);
    this.#entries.set(key, { join: kept, by });
    for (const traceId of tracesOf(kept)) {
      const known = this.#ofTrace.get(traceId);
      if (known === undefined) this.#ofTrace.set(traceId, new Set([kept]));
      else known.add(kept);
    }
    if (by !== undefined) this.#own(by, key);
    if (this.#entries.size > this.#limits.joins) this.#forgetFirst(this.#entries);
    return kept;
  }

  /** Makes one trace of both, or says that the join can only point. */
  #place(join: FlowJoin): FlowJoin {
    if (join.kind === 'linked' || join.diallerTraceId === join.acceptorTraceId) return join;
    if (this.#families.unite(join.diallerTraceId, join.acceptorTraceId)) return join;
    this.#tooLarge += 1;
    return { ...join, kind: 'linked' };
  }

  #own(by: string, key: string): void {
    const owned = this.#owned.get(by) ?? new Set<string>();
    this.#owned.set(by, owned.add(key));
    if (owned.size > this.#limits.joinsOfOneNode) this.#forgetFirst(owned);
  }

  #forgetFirst(keys: { keys(): IterableIterator<string> }): void {
    const first = keys.keys().next();
    if (first.done === true) return;
    const entry = this.#entries.get(first.value);
    if (entry === undefined) return;
    this.#entries.delete(first.value);
    this.#untold.delete(first.value);
    for (const traceId of tracesOf(entry.join)) {
      const left = this.#ofTrace.get(traceId);
      left?.delete(entry.join);
      if (left?.size === 0) this.#ofTrace.delete(traceId);
    }
    if (entry.by === undefined) return;
    const owned = this.#owned.get(entry.by);
    owned?.delete(first.value);
    if (owned?.size === 0) this.#owned.delete(entry.by);
  }
}

/** Without the kind: a join that could only point is known when it is found again. */
function keyOf({ flowId, diallerTraceId, diallerSpanId, acceptorTraceId, acceptorSpanId }: FlowJoin): string {
  return `${flowId} ${diallerTraceId} ${diallerSpanId} ${acceptorTraceId} ${acceptorSpanId}`;
}

function tracesOf(join: FlowJoin): Set<string> {
  return new Set([join.diallerTraceId, join.acceptorTraceId]);
}
