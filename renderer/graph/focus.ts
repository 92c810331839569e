import type { Tunnel } from '../../node-core/contract/graph.ts';

/** Every node within `hops` tunnels of `from`, with how far it is. */
export function nodesWithin(from: number, hops: number, tunnels: Iterable<Tunnel>): Map<number, number> {
  const neighbours = new Map<number, number[]>();
  for (const { a, b } of tunnels) {
    neighbours.set(a, [...(neighbours.get(a) ?? []), b]);
    neighbours.set(b, [...(neighbours.get(b) ?? []), a]);
  }
  const distance = new Map([[from, 0]]);
  let edge = [from];
  for (let hop = 1; hop <= hops; hop++) {
    const next: number[] = [];
    for (const nodeId of edge.flatMap((each) => neighbours.get(each) ?? [])) {
      if (distance.has(nodeId)) continue;
      distance.set(nodeId, hop);
      next.push(nodeId);
    }
    edge = next;
  }
  return distance;
}
