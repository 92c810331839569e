import { type Instant, type Millis, unixMillis } from '../base/clock.ts';
import { parseEndpoint } from '../base/transport.ts';
import { RegistryRefusal } from '../wire/registry-refusal.ts';
import { sourceOf } from '../wire/source-address.ts';
import type { Journal, NodeRecord } from './directory-state.ts';
import { checkHostname } from './names.ts';

export interface NodeBookRules {
  /** A node that sent no heartbeat so long is gone. */
  readonly staleAfterMs: Millis;
  readonly nodesPerAddress: number;
  /** Whether somebody counts on the node: a group, or trust. */
  isTied(nodeId: number): boolean;
}

const MAX_NODES = 100_000;
/** Ids are promised on disk in blocks, so that a registry which goes on from an old copy of its state repeats none. */
const IDS_AT_ONCE = 256;
/** From here a stock daemon takes some ids for agents it trusts from the start. */
const FIRST_RESERVED_NODE_ID = 16_000;
const AFTER_RESERVED_NODE_ID = 1_000_000;
/** Rotations of a key that are kept, so that peers who trusted an earlier one can follow. */
const MAX_ROTATIONS = 8;
const REAP_PAUSE_MS = 10_000;

/** The nodes that registered. A key keeps its node id while anybody counts on it; presence comes and goes. */
export class NodeBook {
  readonly #rules: NodeBookRules;
  readonly #note: Journal;
  readonly #nodes = new Map<number, NodeRecord>();
  readonly #idsByKey = new Map<string, number>();
  readonly #idsByName = new Map<string, number>();
  readonly #idsBySource = new Map<string, Set<number>>();
  /** When a node was last heard, by the monotonic clock; after a restart each present one has the whole time again. */
  readonly #heardAt = new Map<number, Millis>();
  #nextNodeId = 1;
  #reservedTo = 1;
  #reapAt: Millis = 0;
  /** When all were tied or present, looking again is not worth it for a while. */
  #nothingToReclaimUntil: Millis = 0;

  constructor(rules: NodeBookRules, note: Journal) {
    this.#rules = rules;
    this.#note = note;
  }

  /** Ids below may have been given away. */
  get reservedTo(): number {
    return this.#reservedTo;
  }

  /** Gives no id below this one to anybody new. */
  skipTo(nodeId: number): void {
    this.#nextNodeId = Math.max(this.#nextNodeId, nodeId);
    this.#reservedTo = Math.max(this.#reservedTo, nodeId);
  }

  /** Leaves out as many ids as may have been promised in what was lost. */
  skipBlock(): void {
    this.skipTo(this.#reservedTo + IDS_AT_ONCE);
  }

  get records(): readonly NodeRecord[] {
    return [...this.#nodes.values()];
  }

  get present(): readonly NodeRecord[] {
    return this.records.filter((node) => node.present);
  }

  /** The record of a key, whether its node is present or not. */
  ofKey(publicKey: string): NodeRecord | undefined {
    return this.#nodes.get(this.#idsByKey.get(publicKey) ?? 0);
  }

  /** @throws RegistryRefusal for a node that never registered, or is gone. */
  require(nodeId: number): NodeRecord {
    const node = this.find(nodeId);
    if (node === undefined) throw new RegistryRefusal('node-unknown', nodeId);
    return node;
  }

  find(nodeId: number): NodeRecord | undefined {
    const node = this.#nodes.get(nodeId);
    return node?.present === true ? node : undefined;
  }

  named(hostname: string): NodeRecord | undefined {
    return this.find(this.#idsByName.get(hostname) ?? 0);
  }

  /** Nodes registered from the source address of this one, itself included. */
  neighboursOf(node: NodeRecord): ReadonlySet<number> {
    return this.#idsBySource.get(sourceOfNode(node)) ?? new Set();
  }

  /**
   * A record for a new key, not present yet.
   *
   * @param host - The source address of its registration.
   * @throws RegistryRefusal when no more nodes are taken, of that address or at all.
   */
  add(publicKey: string, host: string, now: Instant): NodeRecord {
    this.#makeRoom(host, now);
    const nodeId = this.#takeId();
    const node: NodeRecord = {
      nodeId,
      publicKey,
      realAddress: '',
      lanAddresses: [],
      version: '',
      hostname: '',
      tags: [],
      public: false,
      relayOnly: false,
      signed: false,
      present: false,
      keyCreatedAt: unixMillis(now.unixNano),
      rotations: 0,
      rotationLog: [],
      keyExpiresAt: 0,
      lastSeen: unixMillis(now.unixNano),
    };
    this.put(node);
    return node;
  }

  /** Changes what is known of a node; what stays as it was is not written down. */
  update(node: NodeRecord, changes: Partial<Omit<NodeRecord, 'nodeId'>>): void {
    const current: Readonly<Record<string, unknown>> = node;
    const changed = Object.entries(changes).some(([key, value]) => !isSame(current[key], value));
    if (!changed) return;
    this.#unlist(node);
    Object.assign(node, changes);
    this.put(node);
    this.#note({ type: 'node', node });
  }

  /** @throws RegistryRefusal when another node has had that key. */
  changeKey(node: NodeRecord, publicKey: string, signature: string, now: Instant): void {
    if (this.#idsByKey.has(publicKey)) throw new RegistryRefusal('key-taken');
    const rotationLog = [...node.rotationLog, { publicKey, signature }].slice(-MAX_ROTATIONS);
    const rotations = node.rotations + 1;
    this.update(node, { publicKey, keyCreatedAt: unixMillis(now.unixNano), keyExpiresAt: 0, rotations, rotationLog });
  }

  /** @throws RegistryRefusal for a name that is not one, or somebody else's. An empty one gives the name up. */
  name(node: NodeRecord, hostname: string): void {
    checkHostname(hostname);
    const holder = hostname === '' ? undefined : this.named(hostname);
    if (holder !== undefined && holder !== node) throw new RegistryRefusal('hostname-taken', hostname, holder.nodeId);
    this.update(node, { hostname });
  }

  /** The node is there, and this is new about it. */
  heard(node: NodeRecord, now: Instant, changes: Partial<Omit<NodeRecord, 'nodeId'>> = {}): void {
    this.#heardAt.set(node.nodeId, now.monotonicMs);
    node.lastSeen = unixMillis(now.unixNano);
    this.update(node, { ...changes, present: true });
  }

  /** The node is gone and its name free; its id and key stay. */
  remove(node: NodeRecord): void {
    this.update(node, { present: false, hostname: '' });
    this.#heardAt.delete(node.nodeId);
  }

  /** Removes who has been silent for too long. */
  reap(now: Instant): void {
    if (now.monotonicMs < this.#reapAt) return;
    this.#reapAt = now.monotonicMs + REAP_PAUSE_MS;
    for (const node of this.present) if (this.#silenceMs(node, now) >= this.#rules.staleAfterMs) this.remove(node);
  }

  /** Takes in a record as it was written down. */
  put(node: NodeRecord): void {
    const before = this.#nodes.get(node.nodeId);
    if (before !== undefined) this.#unlist(before);
    this.#nodes.set(node.nodeId, node);
    this.#idsByKey.set(node.publicKey, node.nodeId);
    if (node.hostname !== '') this.#idsByName.set(node.hostname, node.nodeId);
    const source = sourceOfNode(node);
    this.#idsBySource.set(source, (this.#idsBySource.get(source) ?? new Set()).add(node.nodeId));
    this.skipTo(node.nodeId + 1);
  }

  /** Forgets a node and its key; the id is not used again. */
  drop(nodeId: number): void {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) return;
    this.#unlist(node);
    this.#nodes.delete(nodeId);
    this.#heardAt.delete(nodeId);
  }

  #unlist(node: NodeRecord): void {
    const { nodeId, publicKey, hostname } = node;
    if (this.#idsByKey.get(publicKey) === nodeId) this.#idsByKey.delete(publicKey);
    if (this.#idsByName.get(hostname) === nodeId) this.#idsByName.delete(hostname);
    const source = sourceOfNode(node);
    const neighbours = this.#idsBySource.get(source);
    neighbours?.delete(nodeId);
    if (neighbours?.size === 0) this.#idsBySource.delete(source);
  }

  #takeId(): number {
    const nodeId = usableId(this.#nextNodeId);
    this.#nextNodeId = nodeId + 1;
    if (nodeId >= this.#reservedTo) {
      this.#reservedTo = usableId(nodeId) + IDS_AT_ONCE;
      this.#note({ type: 'ids', node: this.#reservedTo, network: 1 });
    }
    return nodeId;
  }

  #makeRoom(host: string, now: Instant): void {
    const neighbours = this.#idsBySource.get(sourceOf(host)) ?? new Set();
    if (neighbours.size >= this.#rules.nodesPerAddress && !this.#reclaim([...neighbours], 1)) {
      throw new RegistryRefusal('registry-full', 'nodes of this address');
    }
    if (this.#nodes.size < MAX_NODES) return;
    const worthALook = now.monotonicMs >= this.#nothingToReclaimUntil;
    if (worthALook && this.#reclaim([...this.#nodes.keys()], MAX_NODES / 100)) return;
    if (worthALook) this.#nothingToReclaimUntil = now.monotonicMs + REAP_PAUSE_MS;
    throw new RegistryRefusal('registry-full', 'nodes');
  }

  /** Forgets nodes that are gone and on whom nobody counts, those first that were not seen for longest. */
  #reclaim(nodeIds: readonly number[], most: number): boolean {
    const gone = nodeIds.flatMap((nodeId) => this.#nodes.get(nodeId) ?? []).filter((node) => !node.present);
    const free = gone.filter(({ nodeId }) => !this.#rules.isTied(nodeId)).sort((a, b) => a.lastSeen - b.lastSeen);
    for (const { nodeId } of free.slice(0, most)) {
      this.drop(nodeId);
      this.#note({ type: 'reclaimed', nodeId });
    }
    return free.length > 0;
  }

  #silenceMs(node: NodeRecord, now: Instant): Millis {
    const heardAt = this.#heardAt.get(node.nodeId);
    if (heardAt === undefined) this.#heardAt.set(node.nodeId, now.monotonicMs);
    return now.monotonicMs - (heardAt ?? now.monotonicMs);
  }
}

function usableId(nodeId: number): number {
  return nodeId >= FIRST_RESERVED_NODE_ID && nodeId < AFTER_RESERVED_NODE_ID ? AFTER_RESERVED_NODE_ID : nodeId;
}

function sourceOfNode({ realAddress }: NodeRecord): string {
  const endpoint = parseEndpoint(realAddress);
  return endpoint === undefined ? '' : sourceOf(endpoint.host);
}

function isSame(a: unknown, b: unknown): boolean {
  return typeof a === 'object' ? JSON.stringify(a) === JSON.stringify(b) : a === b;
}

export function unixSeconds(now: Instant): number {
  return Number(now.unixNano / 1_000_000_000n);
}
