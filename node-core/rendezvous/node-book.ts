import type { Instant, Millis } from '../base/clock.ts';
import type { NodeRecord } from './directory-state.ts';
import { checkHostname } from './names.ts';
import { RequestError } from './request.ts';

const MAX_NODES = 100_000;
/** From here a stock daemon takes some ids for agents it trusts from the start. */
const FIRST_RESERVED_NODE_ID = 16_000;
const AFTER_RESERVED_NODE_ID = 1_000_000;
/** Rotations of a key that are kept, so that peers who trusted an earlier one can follow. */
const MAX_ROTATIONS = 8;
const REAP_PAUSE_MS = 10_000;

/** Every node that ever registered. A key keeps its node id for ever; presence comes and goes. */
export class NodeBook {
  readonly #staleAfterMs: Millis;
  readonly #nodes = new Map<number, NodeRecord>();
  readonly #idsByKey = new Map<string, number>();
  /** When a node was last heard, by the monotonic clock; after a restart each present one has the whole time again. */
  readonly #heardAt = new Map<number, Millis>();
  #nextNodeId = 1;
  #reapAt: Millis = 0;

  /** @param staleAfterMs - A node that sent no heartbeat so long is gone. */
  constructor(staleAfterMs: Millis) {
    this.#staleAfterMs = staleAfterMs;
  }

  restore(nodes: readonly NodeRecord[], nextNodeId: number): void {
    for (const node of nodes) {
      this.#nodes.set(node.nodeId, node);
      this.#idsByKey.set(node.publicKey, node.nodeId);
    }
    this.#nextNodeId = nextNodeId;
  }

  get nextNodeId(): number {
    return this.#nextNodeId;
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

  /** @throws RequestError for a node that never registered, or is gone. */
  require(nodeId: number): NodeRecord {
    const node = this.find(nodeId);
    if (node === undefined) throw new RequestError(`node ${nodeId}: node not found`);
    return node;
  }

  find(nodeId: number): NodeRecord | undefined {
    const node = this.#nodes.get(nodeId);
    return node?.present === true ? node : undefined;
  }

  named(hostname: string): NodeRecord | undefined {
    return this.present.find((node) => node.hostname === hostname);
  }

  /** @throws RequestError when no more nodes are taken. */
  add(publicKey: string, now: Instant): NodeRecord {
    if (this.#nodes.size >= MAX_NODES) throw new RequestError('registry full: too many nodes');
    const nodeId = this.#nextNodeId;
    this.#nextNodeId = nodeId + 1 === FIRST_RESERVED_NODE_ID ? AFTER_RESERVED_NODE_ID : nodeId + 1;
    const node: NodeRecord = {
      nodeId,
      publicKey,
      owner: '',
      realAddress: '',
      lanAddresses: [],
      version: '',
      hostname: '',
      tags: [],
      public: false,
      relayOnly: false,
      signed: false,
      present: true,
      keyCreatedAt: unixMs(now),
      rotations: 0,
      rotationLog: [],
      lastSeen: unixMs(now),
    };
    this.#nodes.set(nodeId, node);
    this.#idsByKey.set(publicKey, nodeId);
    return node;
  }

  /**
   * @param signature - By the key before, base64.
   * @throws RequestError when another node has had that key.
   */
  changeKey(node: NodeRecord, publicKey: string, signature: string, now: Instant): void {
    if (this.#idsByKey.has(publicKey)) throw new RequestError('public key already in use');
    this.#idsByKey.delete(node.publicKey);
    this.#idsByKey.set(publicKey, node.nodeId);
    const rotationLog = [...node.rotationLog, { publicKey, signature }].slice(-MAX_ROTATIONS);
    Object.assign(node, { publicKey, keyCreatedAt: unixMs(now), rotations: node.rotations + 1, rotationLog });
  }

  /** @throws RequestError for a name that is not one, or somebody else's. An empty one gives the name up. */
  name(node: NodeRecord, hostname: string): void {
    checkHostname(hostname);
    const holder = hostname === '' ? undefined : this.named(hostname);
    if (holder !== undefined && holder !== node) {
      throw new RequestError(`hostname "${hostname}" already in use by node ${holder.nodeId}`);
    }
    node.hostname = hostname;
  }

  heard(node: NodeRecord, now: Instant): void {
    node.present = true;
    node.lastSeen = unixMs(now);
    this.#heardAt.set(node.nodeId, now.monotonicMs);
  }

  /** The node is gone and its name free; its id and key stay. */
  remove(node: NodeRecord): void {
    node.present = false;
    node.hostname = '';
    this.#heardAt.delete(node.nodeId);
  }

  /** Removes who has been silent for too long; true when somebody was. */
  reap(now: Instant): boolean {
    if (now.monotonicMs < this.#reapAt) return false;
    this.#reapAt = now.monotonicMs + REAP_PAUSE_MS;
    const silent = this.present.filter((node) => this.#silenceMs(node, now) >= this.#staleAfterMs);
    for (const node of silent) this.remove(node);
    return silent.length > 0;
  }

  #silenceMs(node: NodeRecord, now: Instant): Millis {
    const heardAt = this.#heardAt.get(node.nodeId);
    if (heardAt === undefined) this.#heardAt.set(node.nodeId, now.monotonicMs);
    return now.monotonicMs - (heardAt ?? now.monotonicMs);
  }
}

export function unixMs(now: Instant): number {
  return Number(now.unixNano / 1_000_000n);
}

export function unixSeconds(now: Instant): number {
  return Number(now.unixNano / 1_000_000_000n);
}
