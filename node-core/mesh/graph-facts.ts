import type { ClockEstimate } from '../collector/flow/clock-offsets.ts';
import type { NodeKeys } from './node-keys.ts';
import type { PeerLiveness } from './peer-liveness.ts';
import type { Topology, TunnelFacts, TunnelSideFacts } from './topology.ts';

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

/** What the registry says of a node. */
export interface DirectoryNode {
  readonly nodeId: number;
  readonly hostname?: string;
  readonly groupIds: readonly number[];
  readonly tags: readonly string[];
  readonly public?: boolean;
  readonly publicKey?: string;
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
  readonly directory: ReadonlyMap<number, DirectoryNode>;
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
  return own ?? [...tunnel.sides.values()].reduce<TunnelSideFacts | undefined>(later, undefined);
}

function later(best: TunnelSideFacts | undefined, side: TunnelSideFacts): TunnelSideFacts {
  return best === undefined || side.at > best.at ? side : best;
}

/** The last sign of life of each node: its pongs, its reports, and when its peers say they heard it. */
export function lastHeardOf(facts: GraphFacts): Map<number, number> {
  const heard = new Map<number, number>();
  const note = (nodeId: number, at: number | undefined): void => {
    if (at !== undefined && at > (heard.get(nodeId) ?? Number.NEGATIVE_INFINITY)) heard.set(nodeId, at);
  };
  for (const [nodeId, liveness] of facts.liveness) note(nodeId, liveness.lastPongAt);
  for (const node of facts.topology.nodes.values()) note(node.nodeId, node.at);
  for (const tunnel of facts.topology.tunnels.values()) {
    for (const side of tunnel.sides.values()) {
      note(side.reporter, side.at);
      if (side.report.state === 'established') note(side.report.peerNodeId, side.lastHeard);
    }
  }
  return heard;
}
