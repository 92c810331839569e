import type { JoinedTrace } from '../flow-join.ts';

export interface FamilyLimits {
  /** Raw traces that are remembered in all. */
  readonly traces: number;
  /** Raw traces of one joined trace. */
  readonly tracesOfOne: number;
}

/** Which joined trace a raw one is part of. */
export interface FamilyMember {
  readonly traceId: string;
  readonly rootTraceId: string;
}

interface Family {
  readonly members: Set<string>;
  /** Members that are joined under no other. */
  readonly tops: Set<string>;
  /** Members of which nobody was told that they belong to `toldRoot`. */
  readonly untold: Set<string>;
  toldRoot: string | undefined;
  joined: JoinedTrace | undefined;
}

/**
 * Which raw traces are one: disjoint sets. Of two that become one the smaller moves, so n joins move each trace at most
 * log n times. The root is the member that is joined under no other; where joins run in a circle, or several are on top, the
 * lowest id. A set is forgotten as a whole, the one longest untouched first: what is left of it would be a wrong trace.
 */
export class TraceFamilies {
  readonly #limits: FamilyLimits;
  readonly #of = new Map<string, Family>();
  /** In order of use. */
  readonly #families = new Set<Family>();
  readonly #changed = new Set<Family>();

  constructor(limits: FamilyLimits) {
    this.#limits = limits;
  }

  /** Raw traces that are part of a joined one. */
  get size(): number {
    return this.#of.size;
  }

  /** Puts `lower` under `upper`. Returns false when together they would be more than one joined trace may be. */
  unite(upper: string, lower: string): boolean {
    if (upper === lower) return true;
    const [one, other] = [this.#familyOf(upper), this.#familyOf(lower)];
    if (one !== other && one.members.size + other.members.size > this.#limits.tracesOfOne) return false;
    const family = one === other ? one : this.#merge(one, other);
    const wasTop = family.tops.delete(lower);
    if (wasTop || one !== other) family.joined = undefined;
    this.#touch(family);
    while (this.#of.size > this.#limits.traces) this.#forgetOldest();
    return true;
  }

  /** The joined trace of a raw one, itself alone when nothing was joined to it. */
  of(traceId: string): JoinedTrace {
    const family = this.#of.get(traceId);
    return family === undefined ? { traceId, rawTraceIds: [traceId] } : joinedTrace(family);
  }

  /** Members that were not told where they belong now. */
  moved(): FamilyMember[] {
    const moved: FamilyMember[] = [];
    for (const family of this.#changed) {
      const { traceId: rootTraceId } = joinedTrace(family);
      const members = rootTraceId === family.toldRoot ? family.untold : family.members;
      for (const traceId of members) moved.push({ traceId, rootTraceId });
    }
    return moved;
  }

  told(): void {
    for (const family of this.#changed) {
      family.toldRoot = joinedTrace(family).traceId;
      family.untold.clear();
    }
    this.#changed.clear();
  }

  /** A trace that is in none gets a set of its own, which is remembered once it is united with another. */
  #familyOf(traceId: string): Family {
    const only = () => new Set([traceId]);
    return (
      this.#of.get(traceId) ?? { members: only(), tops: only(), untold: only(), toldRoot: undefined, joined: undefined }
    );
  }

  #merge(one: Family, other: Family): Family {
    const [large, small] = one.members.size >= other.members.size ? [one, other] : [other, one];
    if (!this.#families.has(large)) for (const traceId of large.members) this.#of.set(traceId, large);
    for (const traceId of small.members) {
      large.members.add(traceId);
      large.untold.add(traceId);
      this.#of.set(traceId, large);
    }
    for (const traceId of small.tops) large.tops.add(traceId);
    this.#families.delete(small);
    this.#changed.delete(small);
    return large;
  }

  #touch(family: Family): void {
    this.#families.delete(family);
    this.#families.add(family);
    this.#changed.add(family);
  }

  #forgetOldest(): void {
    for (const family of this.#families) {
      for (const traceId of family.members) this.#of.delete(traceId);
      this.#families.delete(family);
      this.#changed.delete(family);
      return;
    }
  }
}

function joinedTrace(family: Family): JoinedTrace {
  family.joined ??= compute(family);
  return family.joined;
}

function compute({ members, tops }: Family): JoinedTrace {
  const sorted = [...members].sort();
  const traceId = sorted.find((member) => tops.has(member)) ?? (sorted[0] as string);
  return { traceId, rawTraceIds: [traceId, ...sorted.filter((member) => member !== traceId)] };
}
