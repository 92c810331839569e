import type { FlowJoin, JoinedTrace } from '../flow-join.ts';

/** More raw traces than this are not one request, whatever the joins say. */
const MOST_TRACES = 10_000;

/**
 * The joined trace that `traceId` is part of, itself alone when nothing was joined to it. `joins` holds at least the rows
 * that touch any trace of the family. Any raw id gives the same answer; where joins run in a circle, or several diallers
 * claim one trace, the lowest id stands for the root.
 */
export function joinedTrace(joins: Iterable<FlowJoin>, traceId: string): JoinedTrace {
  const neighbours = new Map<string, Set<string>>();
  const underAnother = new Set<string>();
  for (const join of joins) {
    if (join.kind !== 'joined' || join.diallerTraceId === join.acceptorTraceId) continue;
    connect(neighbours, join.diallerTraceId, join.acceptorTraceId);
    connect(neighbours, join.acceptorTraceId, join.diallerTraceId);
    underAnother.add(join.acceptorTraceId);
  }
  const family = new Set([traceId]);
  for (const member of family) {
    for (const neighbour of neighbours.get(member) ?? []) {
      if (family.size < MOST_TRACES) family.add(neighbour);
    }
  }
  const sorted = [...family].sort();
  const root = sorted.find((member) => !underAnother.has(member)) ?? sorted[0] ?? traceId;
  return { traceId: root, rawTraceIds: [root, ...sorted.filter((member) => member !== root)] };
}

function connect(neighbours: Map<string, Set<string>>, from: string, to: string): void {
  const known = neighbours.get(from);
  if (known === undefined) neighbours.set(from, new Set([to]));
  else known.add(to);
}
