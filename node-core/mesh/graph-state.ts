import type { ReportRow } from '../base/report.ts';
import type { ClockEstimate } from '../collector/flow/clock-offsets.ts';
import type { Agent, Beacon, OpenFlow, Tunnel } from '../contract/graph.ts';
import type { Group } from '../contract/group.ts';
import { drawAgent, drawBeacons, drawFlow, drawGroup, drawTunnel } from './graph-drawing.ts';
import {
  type BeaconFact,
  type DirectoryNode,
  type GroupFact,
  lastHeardOf,
  type SelfFact,
  type TrustFact,
} from './graph-facts.ts';
import { NodeKeys } from './node-keys.ts';
import { PeerLiveness } from './peer-liveness.ts';
import { keepUnchanged } from './stable-map.ts';
import { Topology } from './topology.ts';

/** The graph as it is shown: plain data by key. A value that did not change is the same object as before. */
export interface GraphPicture {
  readonly agents: ReadonlyMap<number, Agent>;
  readonly tunnels: ReadonlyMap<string, Tunnel>;
  readonly flows: ReadonlyMap<string, OpenFlow>;
  readonly beacons: ReadonlyMap<string, Beacon>;
  readonly groups: ReadonlyMap<number, Group>;
}

/** A node the registry no longer lists, and that is quiet for this long, has left. */
const UNLISTED_QUIET_MS = 10_000;
/** A node that no registry lists has left when nothing was heard of it for this long. */
const SILENT_FOR_GOOD_MS = 5 * 60_000;
/** How long a node that left is still drawn. */
const FAREWELL_MS = 30_000;
const MOST_PEERS = 20_000;

/**
 * Merges what is known of the mesh from all sides: the nodes' reports (our own node's among them, under its own id), the
 * registry's directory, the beacons, our pings and the clocks. Facts come in at any time; `refresh` draws the picture.
 */
export class GraphState {
  readonly #topology = new Topology();
  readonly #keys = new NodeKeys();
  readonly #liveness = new Map<number, PeerLiveness>();
  #self: SelfFact | undefined;
  #directory = new Map<number, DirectoryNode>();
  #everListed = new Set<number>();
  #groups = new Map<number, GroupFact>();
  #trust = new Map<number, TrustFact>();
  #beacons = new Map<string, BeaconFact>();
  #clocks: ReadonlyMap<string, ClockEstimate> = new Map();
  #firstSeen = new Map<number, number>();
  /** When each node left; kept after it went out of the picture, until something new is heard of it. */
  #left = new Map<number, number>();
  #picture: GraphPicture = {
    agents: new Map(),
    tunnels: new Map(),
    flows: new Map(),
    beacons: new Map(),
    groups: new Map(),
  };

  get picture(): GraphPicture {
    return this.#picture;
  }

  /** The fold of the reports, for counts of what it refused. */
  get topology(): Topology {
    return this.#topology;
  }

  /** What a node is called, by the registry or by itself; undefined while nobody said. */
  hostnameOf(nodeId: number): string | undefined {
    if (nodeId === this.#self?.nodeId) return this.#self.hostname;
    return this.#directory.get(nodeId)?.hostname ?? this.#topology.nodes.get(nodeId)?.report.hostname;
  }

  applyReport(row: ReportRow): void {
    this.#keys.prove(row.reporter, row.reporterKey, row.at);
    this.#topology.apply(row);
  }

  setSelf(self: SelfFact): void {
    this.#self = self;
    this.#keys.prove(self.nodeId, self.publicKey, Number.MAX_SAFE_INTEGER);
  }

  /** All that the registry lists now. A node listed before and not now has left, unless it still answers. */
  setDirectory(nodes: Iterable<DirectoryNode>): void {
    this.#directory = new Map([...nodes].map((node) => [node.nodeId, node]));
    for (const nodeId of this.#directory.keys()) this.#everListed.add(nodeId);
  }

  setGroups(groups: Iterable<GroupFact>): void {
    this.#groups = new Map([...groups].map((group) => [group.groupId, group]));
  }

  /** All peers that this node trusts. */
  setTrust(peers: Iterable<TrustFact>): void {
    this.#trust = new Map([...peers].map((peer) => [peer.nodeId, peer]));
  }

  setBeacons(beacons: Iterable<BeaconFact>): void {
    this.#beacons = new Map([...beacons].map((beacon) => [beacon.id, beacon]));
  }

  /** Each node's clock minus ours, by public key. */
  setClocks(clocks: ReadonlyMap<string, ClockEstimate>): void {
    this.#clocks = clocks;
  }

  pingAnswered(nodeId: number, rttMs: number, at: number): void {
    this.#livenessOf(nodeId)?.answered(rttMs, at);
  }

  /** A ping of ours, sent at `sentAt`, was given up. */
  pingUnanswered(nodeId: number, sentAt: number): void {
    this.#livenessOf(nodeId)?.unanswered(sentAt);
  }

  /** Draws the picture at `now`, in Unix milliseconds: times that pass (silence, farewells) change it too. */
  refresh(now: number): GraphPicture {
    this.#topology.expire(now);
    const facts = {
      self: this.#self,
      directory: this.#directory,
      groups: this.#groups,
      beacons: this.#beacons,
      topology: this.#topology,
      liveness: this.#liveness,
      keys: this.#keys,
      trust: this.#trust,
      clocks: this.#clocks,
    };
    const heard = lastHeardOf(facts);
    const present = this.#present(heard, now);
    const before = this.#picture;

    const tunnels = new Map<string, Tunnel>();
    for (const tunnel of this.#topology.tunnels.values()) {
      if (!present.has(tunnel.a) || !present.has(tunnel.b)) continue;
      tunnels.set(tunnel.id, drawTunnel(facts, tunnel, heard, before.tunnels.get(tunnel.id), now));
    }
    const agents = new Map<number, Agent>();
    for (const nodeId of present) {
      const drawn = drawAgent(facts, nodeId, heard.get(nodeId), before.agents.get(nodeId), now);
      const leftAt = this.#left.get(nodeId);
      agents.set(nodeId, leftAt === undefined ? drawn : { ...drawn, leftAt });
    }
    const flows = new Map<string, OpenFlow>();
    for (const flow of this.#topology.flows.values()) {
      if (present.has(flow.dialler) && present.has(flow.acceptor)) flows.set(flow.flowId, drawFlow(flow));
    }
    const groups = new Map([...this.#groups].map(([id, group]) => [id, drawGroup(group, agents, tunnels)]));
    this.#picture = {
      agents: keepUnchanged(before.agents, agents),
      tunnels: keepUnchanged(before.tunnels, tunnels),
      flows: keepUnchanged(before.flows, flows),
      beacons: keepUnchanged(before.beacons, drawBeacons(facts, tunnels, before.beacons, now)),
      groups: keepUnchanged(before.groups, groups),
    };
    return this.#picture;
  }

  /** Who is drawn: everyone that somebody knows, less those who left more than a farewell ago. */
  #present(heard: ReadonlyMap<number, number>, now: number): Set<number> {
    const known = new Set<number>([...this.#directory.keys(), ...this.#topology.nodes.keys()]);
    if (this.#self !== undefined) known.add(this.#self.nodeId);
    for (const tunnel of this.#topology.tunnels.values()) known.add(tunnel.a).add(tunnel.b);
    for (const nodeId of this.#picture.agents.keys()) known.add(nodeId);

    const present = new Set<number>();
    for (const nodeId of known) {
      if (!this.#firstSeen.has(nodeId)) this.#firstSeen.set(nodeId, now);
      if (!this.#hasLeft(nodeId, heard.get(nodeId), now)) this.#left.delete(nodeId);
      else if (!this.#left.has(nodeId)) this.#left.set(nodeId, now);
      if (now - (this.#left.get(nodeId) ?? now) <= FAREWELL_MS) present.add(nodeId);
      else this.#liveness.delete(nodeId);
    }
    this.#forgetStrangers(known);
    return present;
  }

  #hasLeft(nodeId: number, lastHeard: number | undefined, now: number): boolean {
    if (nodeId === this.#self?.nodeId || this.#directory.has(nodeId)) return false;
    const quietMs = now - (lastHeard ?? this.#firstSeen.get(nodeId) ?? now);
    return quietMs > (this.#everListed.has(nodeId) ? UNLISTED_QUIET_MS : SILENT_FOR_GOOD_MS);
  }

  /** Drops the notes about nodes that nobody mentions any more. */
  #forgetStrangers(known: ReadonlySet<number>): void {
    for (const nodeId of this.#firstSeen.keys()) {
      if (known.has(nodeId)) continue;
      this.#firstSeen.delete(nodeId);
      this.#left.delete(nodeId);
      this.#everListed.delete(nodeId);
      this.#liveness.delete(nodeId);
    }
  }

  #livenessOf(nodeId: number): PeerLiveness | undefined {
    const known = this.#liveness.get(nodeId);
    if (known !== undefined || this.#liveness.size >= MOST_PEERS) return known;
    const fresh = new PeerLiveness();
    this.#liveness.set(nodeId, fresh);
    return fresh;
  }
}
