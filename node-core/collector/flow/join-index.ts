import type { FlowJoin, JoinedTrace } from '../flow-join.ts';
import { joinedTrace } from './joined-trace.ts';

const NO_JOINS: readonly FlowJoin[] = [];

/** The joins of the traces that changed last, by trace. The oldest go first; what they said of families is in the store. */
export class JoinIndex {
  readonly #most: number;
  readonly #joins = new Map<string, FlowJoin>();
  readonly #ofTrace = new Map<string, Set<FlowJoin>>();

  constructor(most = 100_000) {
    this.#most = most;
  }

  /** Returns false for a join that is known. */
  add(join: FlowJoin): boolean {
    const key = keyOf(join);
    if (this.#joins.has(key)) return false;
    this.#joins.set(key, join);
    for (const traceId of tracesOf(join)) {
      const known = this.#ofTrace.get(traceId);
      if (known === undefined) this.#ofTrace.set(traceId, new Set([join]));
      else known.add(join);
    }
    if (this.#joins.size > this.#most) this.#forgetOldest();
    return true;
  }

  /** The joined trace that a raw one is part of. */
  familyOf(traceId: string): JoinedTrace {
    const seen = new Set([traceId]);
    const joins = new Set<FlowJoin>();
    for (const raw of seen) {
      for (const join of this.#ofTrace.get(raw) ?? NO_JOINS) {
        joins.add(join);
        if (join.kind === 'joined') seen.add(join.diallerTraceId).add(join.acceptorTraceId);
      }
    }
    return joinedTrace(joins, traceId);
  }

  /** All joins that touch one of the traces. */
  joinsOf(traceIds: Iterable<string>): FlowJoin[] {
    const joins = new Set<FlowJoin>();
    for (const traceId of traceIds) for (const join of this.#ofTrace.get(traceId) ?? NO_JOINS) joins.add(join);
    return [...joins];
  }

  #forgetOldest(): void {
    for (const [key, join] of this.#joins) {
      this.#joins.delete(key);
      for (const traceId of tracesOf(join)) {
        const left = this.#ofTrace.get(traceId);
        left?.delete(join);
        if (left?.size === 0) this.#ofTrace.delete(traceId);
      }
      return;
    }
  }
}

function keyOf(join: FlowJoin): string {
  return Object.values(join).join(' ');
}

function tracesOf(join: FlowJoin): Set<string> {
  return new Set([join.diallerTraceId, join.acceptorTraceId]);
}
