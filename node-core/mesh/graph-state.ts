import { DeadlineQueue } from '../base/deadline-queue.ts';
import type { ReportRow } from '../base/report.ts';
import type { ClockEstimate } from '../collector/flow/clock-offsets.ts';
import { DirectoryIndex, type DirectoryNode } from './directory-index.ts';
import { drawAgent, drawBeacon, drawFlow, drawGroup, drawTunnel } from './graph-drawing.ts';
import { agentChangesAt, tunnelChangesAt } from './graph-due.ts';
import {
  type BeaconFact,
  type GraphFacts,
  type GroupFact,
  hostnameOf,
  lastProofOf,
  type SelfFact,
  type TrustFact,
} from './graph-facts.ts';
import { type GraphChanges, GraphLayers, type GraphPicture } from './graph-layers.ts';
import { GroupIndex } from './group-index.ts';
import { type KeyChange, NodeKeys } from './node-keys.ts';
import { PeerLiveness } from './peer-liveness.ts';
import { Presence, type PresenceEvidence } from './presence.ts';
import { RelayIndex } from './relay-index.ts';
import { sameData } from './same-data.ts';
import { Topology, tunnelId } from './topology.ts';

const MOST_PEERS = 20_000;
/** In a larger directory only those are drawn that were heard, or are in a group of ours; the others are in the index. */
const MOST_LISTED_DRAWN = 2_000;
const MOST_KEY_CHANGES = 1_000;
/** How often what is no longer repeated is looked for. */
const EXPIRE_MS = 1_000;

/**
 * Merges what is known of the mesh from all sides: the nodes' reports (our own node's among them, under its own id), the
 * registry's directory, the beacons, our pings and the clocks. Facts come in at any time; `refresh` draws what they changed,
 * and what time alone changed: it costs what is different, not what there is.
 *
 * Ids change hands, keys do not: when another key stands under an id, all that is known under it begins afresh.
 */
export class GraphState {
  readonly #topology = new Topology();
  readonly #directory = new DirectoryIndex();
  readonly #keys = new NodeKeys();
  readonly #presence = new Presence();
  readonly #liveness = new Map<number, PeerLiveness>();
  #self: SelfFact | undefined;
  readonly #groups = new GroupIndex();
  #trust = new Map<number, TrustFact>();
  #beacons = new Map<string, BeaconFact>();
  #clocks = new Map<string, ClockEstimate>();
  #keyChanges: KeyChange[] = [];

  readonly #layers = new GraphLayers();
  readonly #agents = this.#layers.agents;
  readonly #tunnels = this.#layers.tunnels;
  readonly #flows = this.#layers.flows;
  readonly #beaconLayer = this.#layers.beacons;
  readonly #groupLayer = this.#layers.groups;
  readonly picture: GraphPicture = this.#layers.picture;

  /** Agents that are in the picture, or will be when they are drawn. */
  readonly #there = new Set<number>();
  readonly #staleAgents = new Set<number>();
  readonly #staleTunnels = new Set<string>();
  readonly #staleFlows = new Set<string>();
  readonly #staleGroups = new Set<number>();
  #beaconsStale = false;
  /** Nodes whose id another key took over: nothing of what was drawn before is gone on with. */
  readonly #afresh = new Set<number>();
  readonly #agentsDue = new DeadlineQueue<number>();
  readonly #tunnelsDue = new DeadlineQueue<string>();
  readonly #relays = new RelayIndex();
  #expiredAt = Number.NEGATIVE_INFINITY;
  #drawn = 0;

  /** The fold of the reports, for counts of what it refused. */
  get topology(): Topology {
    return this.#topology;
  }

  /** All that the registry lists, drawn or not. */
  get directory(): DirectoryIndex {
    return this.#directory;
  }

  /** How many agents and tunnels were drawn in all: what refreshing cost. */
  get drawn(): number {
    return this.#drawn;
  }

  /** What a node is called, by the registry or by itself; undefined while nobody said. */
  hostnameOf(nodeId: number): string | undefined {
    return hostnameOf(this.#facts(), nodeId);
  }

  /** The key that stands under an id, proven or listed. */
  keyOf(nodeId: number): string | undefined {
    return this.#keys.keyOf(nodeId);
  }

  applyReport(row: ReportRow): void {
    this.#proven(row.reporter, row.reporterKey, row.at);
    const nameBefore = row.kind === 'node' ? this.hostnameOf(row.reporter) : undefined;
    this.#topology.apply(row);
    if (row.kind === 'node' && nameBefore !== this.hostnameOf(row.reporter)) this.#renamed(row.reporter);
  }

  setSelf(self: SelfFact): void {
    if (this.#self !== undefined && sameData(this.#self, self)) return;
    if (this.#self !== undefined && this.#self.nodeId !== self.nodeId) {
      this.#keys.forget(this.#self.nodeId);
      this.#allStale();
    }
    this.#self = self;
    this.#proven(self.nodeId, self.publicKey, Number.MAX_SAFE_INTEGER);
    this.#renamed(self.nodeId);
  }

  /** All that the registry lists at `now`. A node listed before and not now has left, unless it still answers. */
  setDirectory(nodes: readonly DirectoryNode[], now: number): void {
    for (const { nodeId, publicKey } of nodes) {
      if (publicKey !== undefined) this.#changedHands(this.#keys.list(nodeId, publicKey, now));
    }
    for (const nodeId of this.#directory.replace(nodes)) this.#renamed(nodeId);
  }

  setGroups(groups: Iterable<GroupFact>): void {
    const { groupIds, nodeIds } = this.#groups.replace(groups);
    for (const groupId of groupIds) this.#staleGroups.add(groupId);
    for (const nodeId of nodeIds) this.#staleAgents.add(nodeId);
  }

  /** Our node has told that a peer has another key: the same peer's when it signed for it, else another node's. */
  keyReplaced(nodeId: number, publicKey: string, by: 'same-node' | 'another-node', at: number): void {
    if (by === 'same-node') this.#keys.forget(nodeId);
    if (this.#keys.keyOf(nodeId) === publicKey) return;
    this.#keys.prove(nodeId, publicKey, at);
    if (by === 'another-node') this.#beginAfresh(nodeId);
    else this.#staleAgents.add(nodeId);
  }

  /** All peers that this node trusts. */
  setTrust(peers: Iterable<TrustFact>): void {
    const next = new Map([...peers].map((peer) => [peer.nodeId, peer]));
    for (const nodeId of new Set([...this.#trust.keys(), ...next.keys()])) {
      if (!sameData(this.#trust.get(nodeId), next.get(nodeId))) this.#staleAgents.add(nodeId);
    }
    this.#trust = next;
  }

  setBeacons(beacons: Iterable<BeaconFact>): void {
    this.#beacons = new Map([...beacons].map((beacon) => [beacon.id, beacon]));
    this.#beaconsStale = true;
  }

  /** Each node's clock minus ours, by public key. */
  setClocks(clocks: ReadonlyMap<string, ClockEstimate>): void {
    const readable = new Map([...clocks].map(([key, estimate]) => [key, readableClock(estimate)]));
    for (const nodeId of this.#agents.values.keys()) {
      const key = this.#keys.keyOf(nodeId) ?? '';
      if (!sameData(this.#clocks.get(key), readable.get(key))) this.#staleAgents.add(nodeId);
    }
    this.#clocks = readable;
  }

  /** A ping of ours was answered, by the node with this key where it is known. */
  pingAnswered(nodeId: number, rttMs: number, at: number, publicKey?: string): void {
    if (publicKey !== undefined) this.#proven(nodeId, publicKey, at);
    this.#livenessOf(nodeId)?.answered(rttMs, at);
    this.#pinged(nodeId);
  }

  /** A ping of ours, sent at `sentAt`, was given up. */
  pingUnanswered(nodeId: number, sentAt: number): void {
    this.#livenessOf(nodeId)?.unanswered(sentAt);
    this.#pinged(nodeId);
  }

  /** Ids that another key took over since the last call, as far as our node has not told of them itself. */
  takeKeyChanges(): readonly KeyChange[] {
    const changes = this.#keyChanges;
    this.#keyChanges = [];
    return changes;
  }

  /** Brings the picture up to `now`, in Unix milliseconds: times that pass (silence, farewells) change it too. */
  refresh(now: number): GraphPicture {
    const sinceMs = now - this.#expiredAt;
    if (sinceMs < 0) this.#allStale(); // the clock went back: what is due by it is not due any more
    if (sinceMs < 0 || sinceMs >= EXPIRE_MS) {
      this.#topology.expire(now);
      this.#expiredAt = now;
    }
    this.#takeStale(now);
    const facts = this.#facts();
    const agents = [...this.#staleAgents];
    const drawn = agents.filter((nodeId) => this.#isDrawn(facts, nodeId, now));
    for (const id of this.#staleTunnels) this.#drawTunnel(facts, id, now);
    for (const nodeId of drawn) this.#drawAgent(facts, nodeId, now);
    for (const id of this.#staleFlows) this.#drawFlow(id);
    for (const id of this.#staleGroups) this.#drawGroup(id);
    if (this.#beaconsStale) this.#drawBeacons(facts, now);
    this.#staleAgents.clear();
    this.#staleTunnels.clear();
    this.#staleFlows.clear();
    this.#staleGroups.clear();
    this.#afresh.clear();
    this.#beaconsStale = false;
    return this.picture;
  }

  /** What is different in the picture since the last call. */
  takeChanges(): GraphChanges {
    return this.#layers.takeChanges();
  }

  #facts(): GraphFacts {
    return {
      self: this.#self,
      directory: this.#directory,
      groups: this.#groups.all,
      beacons: this.#beacons,
      topology: this.#topology,
      liveness: this.#liveness,
      keys: this.#keys,
      trust: this.#trust,
      clocks: this.#clocks,
    };
  }

  #proven(nodeId: number, publicKey: string, at: number): void {
    const before = this.#keys.isProven(nodeId);
    this.#changedHands(this.#keys.prove(nodeId, publicKey, at));
    if (!before) this.#staleAgents.add(nodeId);
  }

  /** Another node has the id: nothing that is known of the one before is shown for it. */
  #changedHands(change: KeyChange | undefined): void {
    if (change === undefined) return;
    if (this.#keyChanges.length < MOST_KEY_CHANGES) this.#keyChanges.push(change);
    this.#beginAfresh(change.nodeId);
  }

  #beginAfresh(nodeId: number): void {
    this.#topology.forget(nodeId);
    this.#presence.forget(nodeId);
    this.#liveness.delete(nodeId);
    this.#afresh.add(nodeId);
    this.#renamed(nodeId);
  }

  /** Who told a value is said by name. */
  #renamed(nodeId: number): void {
    this.#staleAgents.add(nodeId);
    for (const id of this.#topology.tunnelsOf(nodeId)) this.#staleTunnels.add(id);
  }

  #pinged(nodeId: number): void {
    this.#staleAgents.add(nodeId);
    if (this.#self !== undefined) this.#staleTunnels.add(tunnelId(this.#self.nodeId, nodeId));
  }

  #allStale(): void {
    for (const nodeId of this.#agents.values.keys()) this.#staleAgents.add(nodeId);
    for (const id of this.#topology.tunnels.keys()) this.#staleTunnels.add(id);
  }

  /** What the reports changed, and what is due. */
  #takeStale(now: number): void {
    const { nodes, tunnels, flows } = this.#topology.takeChanges();
    for (const nodeId of nodes) this.#staleAgents.add(nodeId);
    for (const id of tunnels) {
      this.#staleTunnels.add(id);
      for (const end of endsOf(id)) this.#staleAgents.add(end);
    }
    for (const id of flows) this.#staleFlows.add(id);
    for (let id = this.#agentsDue.takeDue(now); id !== undefined; id = this.#agentsDue.takeDue(now)) {
      this.#staleAgents.add(id);
    }
    for (let id = this.#tunnelsDue.takeDue(now); id !== undefined; id = this.#tunnelsDue.takeDue(now)) {
      this.#staleTunnels.add(id);
    }
  }

  /** Judges whether an agent is there, and takes it out if not. */
  #isDrawn(facts: GraphFacts, nodeId: number, now: number): boolean {
    const evidence = this.#evidenceFor(facts, nodeId);
    const there = this.#presence.judge(nodeId, evidence, now);
    if (there !== this.#there.has(nodeId)) this.#appears(nodeId);
    if (there) {
      this.#there.add(nodeId);
      const judgedAt = this.#presence.changesAt(nodeId, evidence);
      const drawnAt = agentChangesAt(facts, nodeId, now);
      this.#agentsDue.set(nodeId, Math.min(judgedAt ?? Infinity, drawnAt ?? Infinity));
      return true;
    }
    this.#there.delete(nodeId);
    this.#agents.remove(nodeId);
    this.#agentsDue.set(nodeId, undefined);
    this.#liveness.delete(nodeId);
    return false;
  }

  #evidenceFor(facts: GraphFacts, nodeId: number): PresenceEvidence {
    if (nodeId === facts.self?.nodeId) return { known: true, listed: true, lastHeard: undefined };
    const lastHeard = lastProofOf(facts, nodeId);
    const large = this.#directory.size > MOST_LISTED_DRAWN;
    const listed = this.#directory.has(nodeId) && (!large || lastHeard !== undefined || this.#groups.isOurs(nodeId));
    return { known: listed || lastHeard !== undefined, listed, lastHeard };
  }

  /** An agent came or went: what it is an end of, or a member, comes and goes with it. */
  #appears(nodeId: number): void {
    for (const id of this.#topology.tunnelsOf(nodeId)) this.#staleTunnels.add(id);
    for (const id of this.#topology.flowsOf(nodeId)) this.#staleFlows.add(id);
    for (const groupId of this.#groups.of(nodeId)) this.#staleGroups.add(groupId);
  }

  #drawAgent(facts: GraphFacts, nodeId: number, now: number): void {
    this.#drawn += 1;
    const known = this.#afresh.has(nodeId) ? undefined : this.#agents.values.get(nodeId);
    const agent = drawAgent(facts, nodeId, this.#presence.leftAt(nodeId), known, now);
    const before = this.#agents.put(nodeId, agent);
    if (before?.health.state === agent.health.state) return;
    for (const groupId of this.#groups.of(nodeId)) this.#staleGroups.add(groupId);
  }

  #drawTunnel(facts: GraphFacts, id: string, now: number): void {
    const tunnel = this.#topology.tunnels.get(id);
    const shown = tunnel !== undefined && this.#there.has(tunnel.a) && this.#there.has(tunnel.b);
    this.#tunnelsDue.set(id, shown ? tunnelChangesAt(facts, tunnel, now) : undefined);
    const known = this.#tunnels.values.get(id);
    const afresh = endsOf(id).some((end) => this.#afresh.has(end));
    const drawn = shown ? drawTunnel(facts, tunnel, afresh ? undefined : known, now) : undefined;
    if (drawn === undefined) this.#tunnels.remove(id);
    else {
      this.#drawn += 1;
      this.#tunnels.put(id, drawn);
    }
    if (known?.beacon !== undefined || drawn?.beacon !== undefined) this.#beaconsStale = true;
    this.#relays.move(id, known?.beacon, drawn?.beacon);
    if (known?.path === drawn?.path) return;
    for (const end of endsOf(id)) for (const groupId of this.#groups.of(end)) this.#staleGroups.add(groupId);
  }

  #drawFlow(id: string): void {
    const flow = this.#topology.flows.get(id);
    const shown = flow !== undefined && this.#there.has(flow.dialler) && this.#there.has(flow.acceptor);
    if (shown) this.#flows.put(id, drawFlow(flow));
    else this.#flows.remove(id);
  }

  #drawGroup(groupId: number): void {
    const group = this.#groups.all.get(groupId);
    if (group === undefined) {
      this.#groupLayer.remove(groupId);
      return;
    }
    const members = new Set(group.memberIds);
    const inner = [...members].flatMap((nodeId) =>
      [...this.#topology.tunnelsOf(nodeId)].flatMap((id) => {
        const tunnel = this.#tunnels.values.get(id);
        return tunnel?.a === nodeId && members.has(tunnel.b) ? [tunnel] : [];
      }),
    );
    this.#groupLayer.put(groupId, drawGroup(group, this.#agents.values, inner));
  }

  #drawBeacons(facts: GraphFacts, now: number): void {
    const ids = new Set([...this.#beacons.keys(), ...this.#relays.beacons]);
    for (const id of ids) {
      const through = [...this.#relays.through(id)].flatMap((tunnel) => this.#tunnels.values.get(tunnel) ?? []);
      this.#beaconLayer.put(id, drawBeacon(facts, id, through, this.#beaconLayer.values.get(id), now));
    }
    for (const id of this.#beaconLayer.values.keys()) if (!ids.has(id)) this.#beaconLayer.remove(id);
  }

  #livenessOf(nodeId: number): PeerLiveness | undefined {
    const known = this.#liveness.get(nodeId);
    if (known !== undefined || this.#liveness.size >= MOST_PEERS) return known;
    const fresh = new PeerLiveness();
    this.#liveness.set(nodeId, fresh);
    return fresh;
  }
}

/** Bounds grow with time: told in two figures, upwards, so that a clock is not another one each second. */
function readableClock(estimate: ClockEstimate): ClockEstimate {
  const step = 10 ** Math.floor(Math.log10(Math.max(estimate.boundMs, 0.01)) - 1);
  return { ...estimate, boundMs: Math.ceil(estimate.boundMs / step) * step };
}

function endsOf(id: string): readonly number[] {
  return id.split('-').map(Number);
}
