import type { DirectoryNode } from '../mesh/directory-index.ts';
import type { GroupFact } from '../mesh/graph-facts.ts';
import type { RunningNode } from '../runtime/running-node.ts';
import type { ListedNode } from '../wire/registry-request.ts';

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
    for (const { networkId: id, name, joinRule } of networks) {
      if (id === 0 && this.#adminToken === undefined) continue;
      const admin = this.#adminToken === undefined ? {} : { adminToken: this.#adminToken };
      const reply = await this.#node.ask('list_nodes', { networkId: id, ...admin }, 'untraced');
      const members = reply.nodes.flatMap((member) => directoryNode(member));
      for (const member of members) nodes.set(member.nodeId, merge(nodes.get(member.nodeId), member, id));
      if (id === 0) continue;
      const memberIds = members.map(({ nodeId }) => nodeId);
      const joined = memberIds.includes(this.#node.nodeId);
      groups.push({ groupId: id, name, joined, joinRule, memberIds });
    }
    await this.#lookUpKeys([...nodes.keys()]);
    return { nodes: [...nodes.values()].map((node) => this.#withKey(node)), groups };
  }

  async #lookUpKeys(nodeIds: readonly number[]): Promise<void> {
    const missing = nodeIds.filter((nodeId) => !this.#keys.has(nodeId)).slice(0, LOOKUPS_PER_TURN);
    for (const nodeId of missing) {
      const { publicKey } = await this.#node.ask('lookup', { nodeId }, 'untraced');
      this.#keys.set(nodeId, Buffer.from(publicKey, 'base64').toString('hex'));
    }
  }

  #withKey(node: DirectoryNode): DirectoryNode {
    const publicKey = this.#keys.get(node.nodeId);
    return publicKey === undefined ? node : { ...node, publicKey };
  }
}

function directoryNode({ nodeId, hostname, tags = [], public: isPublic, offline }: ListedNode): DirectoryNode[] {
  if (nodeId === 0 || offline) return [];
  return [
    {
      nodeId,
      groupIds: [],
      tags,
      ...(hostname === undefined ? {} : { hostname }),
      ...(isPublic === undefined ? {} : { public: isPublic }),
    },
  ];
}

function merge(known: DirectoryNode | undefined, member: DirectoryNode, groupId: number): DirectoryNode {
  const groupIds = [...(known?.groupIds ?? []), ...(groupId === 0 ? [] : [groupId])];
  return { ...known, ...member, groupIds };
}
