import type { DirectoryNode, GroupFact } from '../mesh/graph-facts.ts';
import type { RunningNode } from '../runtime/running-node.ts';

export interface DirectoryPicture {
  readonly nodes: readonly DirectoryNode[];
  readonly groups: readonly GroupFact[];
}

const PERIOD_MS = 2_000;
/** Members whose key and groups are looked up anew at each turn; a large directory is read bit by bit. */
const LOOKUPS_PER_TURN = 32;

/** Reads groups and members from the registry again and again. Without an admin token the backbone is not listed. */
export class DirectoryWatch {
  readonly #node: RunningNode;
  readonly #adminToken: string | undefined;
  readonly #onPicture: (picture: DirectoryPicture) => void;
  readonly #keys = new Map<number, string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(node: RunningNode, adminToken: string | undefined, onPicture: (picture: DirectoryPicture) => void) {
    this.#node = node;
    this.#adminToken = adminToken;
    this.#onPicture = onPicture;
    void this.#turn();
  }

  /** Reads at once, after an act that changed something. */
  async refresh(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#turn();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #turn(): Promise<void> {
    try {
      const picture = await this.#read();
      if (!this.#stopped) this.#onPicture(picture);
    } catch {
      // the registry is away, which the node says by itself; what was read last stands
    }
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#turn(), PERIOD_MS);
  }

  async #read(): Promise<DirectoryPicture> {
    const { networks } = await this.#node.ask('list_networks', {}, 'untraced');
    const nodes = new Map<number, DirectoryNode>();
    const groups: GroupFact[] = [];
    for (const network of Array.isArray(networks) ? networks : []) {
      const { id, name, join_rule: joinRule } = network as Record<string, unknown>;
      if (typeof id !== 'number' || (id === 0 && this.#adminToken === undefined)) continue;
      const admin = this.#adminToken === undefined ? {} : { admin_token: this.#adminToken };
      const reply = await this.#node.ask('list_nodes', { network_id: id, ...admin }, 'untraced');
      const members = (Array.isArray(reply.nodes) ? reply.nodes : []).flatMap((member) => parseMember(member));
      for (const member of members) nodes.set(member.nodeId, merge(nodes.get(member.nodeId), member, id));
      if (id === 0) continue;
      const memberIds = members.map(({ nodeId }) => nodeId);
      const joined = memberIds.includes(this.#node.nodeId);
      groups.push({ groupId: id, name: String(name), joined, joinRule: String(joinRule), memberIds });
    }
    await this.#lookUpKeys([...nodes.keys()]);
    return { nodes: [...nodes.values()].map((node) => this.#withKey(node)), groups };
  }

  async #lookUpKeys(nodeIds: readonly number[]): Promise<void> {
    const missing = nodeIds.filter((nodeId) => !this.#keys.has(nodeId)).slice(0, LOOKUPS_PER_TURN);
    for (const nodeId of missing) {
      const { public_key: key } = await this.#node.ask('lookup', { node_id: nodeId }, 'untraced');
      if (typeof key === 'string') this.#keys.set(nodeId, Buffer.from(key, 'base64').toString('hex'));
    }
  }

  #withKey(node: DirectoryNode): DirectoryNode {
    const publicKey = this.#keys.get(node.nodeId);
    return publicKey === undefined ? node : { ...node, publicKey };
  }
}

function parseMember(value: unknown): DirectoryNode[] {
  if (typeof value !== 'object' || value === null) return [];
  const { node_id: nodeId, hostname, tags, public: isPublic, offline } = value as Record<string, unknown>;
  if (typeof nodeId !== 'number' || !Number.isInteger(nodeId) || nodeId < 1 || offline === true) return [];
  return [
    {
      nodeId,
      groupIds: [],
      tags: Array.isArray(tags) ? tags.map(String) : [],
      ...(typeof hostname === 'string' && hostname !== '' ? { hostname } : {}),
      ...(typeof isPublic === 'boolean' ? { public: isPublic } : {}),
    },
  ];
}

function merge(known: DirectoryNode | undefined, member: DirectoryNode, groupId: number): DirectoryNode {
  const groupIds = [...(known?.groupIds ?? []), ...(groupId === 0 ? [] : [groupId])];
  return { ...known, ...member, groupIds };
}
