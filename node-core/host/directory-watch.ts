import type { Clock } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import type { DirectoryNode } from '../mesh/directory-index.ts';
import { DirectoryReading } from '../mesh/directory-reading.ts';
import type { GroupFact } from '../mesh/graph-facts.ts';
import { sameData } from '../mesh/same-data.ts';
import type { RunningNode } from '../runtime/running-node.ts';
import { refusalCodeOf } from '../wire/registry-refusal.ts';
import type { ListedNode } from '../wire/registry-request.ts';

export interface DirectoryPicture {
  readonly nodes: readonly DirectoryNode[];
  readonly groups: readonly GroupFact[];
}

/** What of a running node the watch uses. */
export type AskingNode = Pick<RunningNode, 'ask' | 'nodeId'>;

export interface DirectoryWatchOptions {
  readonly node: AskingNode;
  readonly clock: Clock;
  /** Without it the backbone is not listed. */
  readonly adminToken: string | undefined;
  /** Hears of each reading, also of one that says the same. */
  readonly onPicture: (picture: DirectoryPicture) => void;
  /** Hears once, in words, why reading fails. That the registry is away the node says by itself. */
  readonly onProblem: (text: string) => void;
}

/** Reads groups and members from the registry, and reads them again as `DirectoryReading` says. */
export class DirectoryWatch {
  readonly #options: DirectoryWatchOptions;
  readonly #reading = new DirectoryReading();
  #last: DirectoryPicture | undefined;
  #problem: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #turning: Promise<void> | undefined;
  #stopped = false;

  constructor(options: DirectoryWatchOptions) {
    this.#options = options;
    this.#arm();
  }

  /** Reads at once, after an act that changed something; what is being read may be from before it. */
  async refresh(): Promise<void> {
    await this.#turning;
    this.#reading.readSoon(this.#nowMs());
    await this.#turn();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#turn(), this.#reading.dueAt - this.#nowMs());
  }

  #turn(): Promise<void> {
    clearTimeout(this.#timer);
    this.#turning ??= this.#readOnce().finally(() => {
      this.#turning = undefined;
      this.#arm();
    });
    return this.#turning;
  }

  async #readOnce(): Promise<void> {
    const startedAt = this.#nowMs();
    try {
      const picture = await this.#read();
      const changed = !sameData(this.#last, picture);
      this.#last = picture;
      this.#reading.done({ changed, tookMs: this.#nowMs() - startedAt }, this.#nowMs());
      this.#problem = undefined;
      if (!this.#stopped) this.#options.onPicture(picture);
    } catch (error) {
      this.#reading.failed(this.#nowMs());
      this.#tell(error as Error);
    }
  }

  /** That the registry is away is said by the node. Anything else is said here, once; what was read last stands. */
  #tell(error: Error): void {
    const isAway = error instanceof PilotError && error.code === 'registry.unavailable';
    if (this.#stopped || isAway || error.message === this.#problem) return;
    this.#problem = error.message;
    this.#options.onProblem(`The directory could not be read, what was read last stands: ${error.message}`);
  }

  async #read(): Promise<DirectoryPicture> {
    const { node, adminToken } = this.#options;
    const { networks } = await node.ask('list_networks', {}, 'untraced');
    const nodes = new Map<number, DirectoryNode>();
    const groups: GroupFact[] = [];
    for (const { networkId: id, name, joinRule } of networks) {
      if (id === 0 && adminToken === undefined) continue;
      const admin = adminToken === undefined ? {} : { adminToken };
      const reply = await node.ask('list_nodes', { networkId: id, ...admin }, 'untraced');
      const members = reply.nodes.flatMap((member) => directoryNode(member));
      for (const member of members) nodes.set(member.nodeId, merge(nodes.get(member.nodeId), member, id));
      if (id === 0) continue;
      const memberIds = members.map(({ nodeId }) => nodeId);
      groups.push({ groupId: id, name, joined: memberIds.includes(node.nodeId), joinRule, memberIds });
    }
    await this.#readKeys(nodes);
    return { nodes: [...nodes.values()].map((listed) => this.#withKey(listed)), groups };
  }

  async #readKeys(nodes: ReadonlyMap<number, DirectoryNode>): Promise<void> {
    for (const nodeId of this.#reading.keysToRead([...nodes.values()], this.#nowMs())) {
      const publicKey = await this.#keyOf(nodeId);
      const listed = nodes.get(nodeId);
      if (publicKey !== undefined && listed !== undefined) this.#reading.keyRead(listed, publicKey, this.#nowMs());
    }
  }

  /** A node that left since it was listed has no key, which keeps none of the others from being read. */
  async #keyOf(nodeId: number): Promise<string | undefined> {
    try {
      const { publicKey } = await this.#options.node.ask('lookup', { nodeId }, 'untraced');
      return Buffer.from(publicKey, 'base64').toString('hex');
    } catch (error) {
      if (refusalCodeOf(error) === undefined) throw error;
      return undefined;
    }
  }

  #withKey(node: DirectoryNode): DirectoryNode {
    const publicKey = this.#reading.keyOf(node.nodeId);
    return publicKey === undefined ? node : { ...node, publicKey };
  }

  #nowMs(): number {
    return this.#options.clock.now().monotonicMs;
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
