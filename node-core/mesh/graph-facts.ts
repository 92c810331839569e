import type { ClockEstimate } from '../collector/flow/clock-offsets.ts';
import type { DirectoryIndex } from './directory-index.ts';
import type { NodeKeys } from './node-keys.ts';
import type { PeerLiveness } from './peer-liveness.ts';
import { type Topology, type TunnelFacts, type TunnelSideFacts, tunnelId } from './topology.ts';

/** This node, as it is drawn in its own graph. */
export interface SelfFact {
  readonly nodeId: number;
  readonly hostname: string;
  readonly groupIds: readonly number[];
  readonly tags: readonly string[];
  readonly version: string;
  readonly public: boolean;
  /** 64 hex digits, Ed25519. */
  readonly publicKey: string;
}

export interface GroupFact {
  readonly groupId: number;
  readonly name: string;
  readonly joined: boolean;
  readonly joinRule: string;
  readonly memberIds: readonly number[];
}

export interface BeaconFact {
  /** host:port, as tunnels name the beacon they are relayed through. */
  readonly id: string;
  readonly name: string;
  readonly state: 'ok' | 'away' | 'connecting';
  readonly since: number;
  /** Round trip of its last answer, and when that came. */
  readonly rtt?: { readonly ms: number; readonly at: number };
}

/** Under which key this node trusts a peer, and which other one stands under its id now; 64 hex digits each. */
export interface TrustFact {
  readonly nodeId: number;
  readonly publicKey: string;
  readonly changedTo?: string;
}

/** Everything the graph is drawn from. */
export interface GraphFacts {
  readonly self: SelfFact | undefined;
  readonly directory: Pick<DirectoryIndex, 'get'>;
  readonly groups: ReadonlyMap<number, GroupFact>;
  readonly beacons: ReadonlyMap<string, BeaconFact>;
  readonly topology: Topology;
  readonly liveness: ReadonlyMap<number, PeerLiveness>;
  readonly keys: NodeKeys;
  readonly trust: ReadonlyMap<number, TrustFact>;
  /** Of each key, its node's clock minus ours. */
  readonly clocks: ReadonlyMap<string, ClockEstimate>;
}

export const MEASURED_HERE = 'measured here';

export function hostnameOf(facts: GraphFacts, nodeId: number): string | undefined {
  if (facts.self?.nodeId === nodeId) return facts.self.hostname;
  return facts.directory.get(nodeId)?.hostname ?? facts.topology.nodes.get(nodeId)?.report.hostname;
}

/** Who a value is from: this node's own measurement, or the node that told it, by its name or its number. */
export function sourceName(facts: GraphFacts, reporter: number): string {
  if (facts.self?.nodeId === reporter) return MEASURED_HERE;
  return hostnameOf(facts, reporter) ?? `node ${reporter}`;
}

/** Our own side of the tunnel if it is ours, else the one that spoke last. */
export function leadingSide(facts: GraphFacts, tunnel: TunnelFacts): TunnelSideFacts | undefined {
  const own = facts.self === undefined ? undefined : tunnel.sides.get(facts.self.nodeId);
  return own ?? [...tunnel.sides.values()].reduce<TunnelSideFacts | undefined>(newer, undefined);
}

function newer(best: TunnelSideFacts | undefined, side: TunnelSideFacts): TunnelSideFacts {
  return best === undefined || side.at > best.at ? side : best;
}

/** The last sign of life of a node: its pongs, its reports, and when its peers say they heard it. */
export function lastHeardOf(facts: GraphFacts, nodeId: number): number | undefined {
  let latest = lastProofOf(facts, nodeId);
  for (const id of facts.topology.tunnelsOf(nodeId)) {
    for (const side of facts.topology.tunnels.get(id)?.sides.values() ?? []) {
      if (side.reporter !== nodeId && side.report.state === 'established') latest = later(latest, side.lastHeard);
    }
  }
  return latest;
}

/** The last sign of life of a node that this node has itself: its pongs, its own reports, and our tunnel with it. */
export function lastProofOf(facts: GraphFacts, nodeId: number): number | undefined {
  const { topology, self } = facts;
  let latest = later(facts.liveness.get(nodeId)?.lastPongAt, topology.nodes.get(nodeId)?.at);
  for (const id of topology.tunnelsOf(nodeId)) latest = later(latest, topology.tunnels.get(id)?.sides.get(nodeId)?.at);
  const own = self === undefined ? undefined : topology.tunnels.get(tunnelId(self.nodeId, nodeId))?.sides;
  const ours = self === undefined ? undefined : own?.get(self.nodeId);
  return ours?.report.state === 'established' ? later(latest, ours.lastHeard) : latest;
}

function later(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.max(one, other);
}
