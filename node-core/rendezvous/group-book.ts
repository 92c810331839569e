import { RegistryRefusal } from '../wire/registry-refusal.ts';
import type { DirectoryChange, Journal, MemberRecord, NetworkRecord } from './directory-state.ts';
import { isGroupName } from './names.ts';

const MAX_NETWORK_ID = 0xffff;
/** Ids are promised on disk in blocks, as those of nodes are. */
const IDS_AT_ONCE = 8;
const MAX_TOKEN_BYTES = 256;
const JOIN_RULES = new Set(['open', 'token']);

export interface Group {
  readonly network: NetworkRecord;
  readonly members: ReadonlyMap<number, MemberRecord>;
}

type GroupChange = Extract<DirectoryChange, { type: 'network' | 'network-deleted' | 'member' | 'member-left' }>;

/** The groups ("networks" on the wire) besides the backbone, and their members. */
export class GroupBook {
  readonly #note: Journal;
  readonly #groups = new Map<
    number,
    { readonly network: NetworkRecord; readonly members: Map<number, MemberRecord> }
  >();
  readonly #idsByName = new Map<string, number>();
  readonly #idsByNode = new Map<number, Set<number>>();
  #nextNetworkId = 1;
  #reservedTo = 1;

  constructor(note: Journal) {
    this.#note = note;
  }

  get groups(): readonly Group[] {
    return [...this.#groups.values()];
  }

  /** Ids below may have been given away. */
  get reservedTo(): number {
    return this.#reservedTo;
  }

  /** Gives no id below this one to a new group. */
  skipTo(networkId: number): void {
    this.#nextNetworkId = Math.max(this.#nextNetworkId, networkId);
    this.#reservedTo = Math.max(this.#reservedTo, networkId);
  }

  /** Leaves out as many ids as may have been promised in what was lost. */
  skipBlock(): void {
    this.skipTo(this.#reservedTo + IDS_AT_ONCE);
  }

  /** @throws RegistryRefusal for an unknown group, the backbone included. */
  require(networkId: number): Group {
    const group = this.#groups.get(networkId);
    if (group === undefined) throw new RegistryRefusal('group-unknown', networkId);
    return group;
  }

  find(name: string): Group | undefined {
    return this.#groups.get(this.#idsByName.get(name) ?? 0);
  }

  /** The groups of a node in the order they were made, without the backbone. */
  idsOf(nodeId: number): number[] {
    return [...(this.#idsByNode.get(nodeId) ?? [])].sort((a, b) => a - b);
  }

  /** Whether a node is in any group. */
  hold(nodeId: number): boolean {
    return (this.#idsByNode.get(nodeId)?.size ?? 0) > 0;
  }

  /** Whether a node is in a group with the features of an enterprise. */
  inEnterprise(nodeId: number): boolean {
    return this.idsOf(nodeId).some((networkId) => this.#groups.get(networkId)?.network.enterprise);
  }

  share(a: number, b: number): boolean {
    const theirs = this.#idsByNode.get(b);
    return theirs !== undefined && this.idsOf(a).some((networkId) => theirs.has(networkId));
  }

  /** @throws RegistryRefusal for a bad or taken name, an unknown rule, a long token, or when ids are used up. */
  create(options: Omit<NetworkRecord, 'networkId'>, owner?: number): NetworkRecord {
    const { name, joinRule, token } = options;
    if (!isGroupName(name)) throw new RegistryRefusal('group-name-invalid');
    if (this.#idsByName.has(name)) throw new RegistryRefusal('group-name-taken', name);
    if (!JOIN_RULES.has(joinRule)) throw new RegistryRefusal('join-rule-invalid', joinRule.slice(0, 64));
    if (new TextEncoder().encode(token).length > MAX_TOKEN_BYTES) {
      throw new RegistryRefusal('token-too-long', MAX_TOKEN_BYTES);
    }
    const network: NetworkRecord = { ...options, networkId: this.#takeId() };
    this.#change({ type: 'network', network });
    if (owner !== undefined) this.#addMember(network.networkId, { nodeId: owner, role: 'owner', tags: [] });
    return network;
  }

  delete(networkId: number): void {
    this.require(networkId);
    this.#change({ type: 'network-deleted', networkId });
  }

  /** @throws RegistryRefusal when the rule does not let the node in, or it is in already. */
  join(networkId: number, nodeId: number, token: string): void {
    const { network, members } = this.require(networkId);
    if (network.joinRule === 'token' && network.token !== token) throw new RegistryRefusal('token-wrong', networkId);
    if (members.has(nodeId)) throw new RegistryRefusal('already-member', nodeId, networkId);
    this.#addMember(networkId, { nodeId, role: 'member', tags: [] });
  }

  leave(networkId: number, nodeId: number): void {
    const { members } = this.require(networkId);
    if (!members.has(nodeId)) throw new RegistryRefusal('not-a-member', nodeId, networkId);
    this.#change({ type: 'member-left', networkId, nodeId });
  }

  /** Takes in what was written down; of a group that is not there, nothing. */
  apply(change: GroupChange): void {
    switch (change.type) {
      case 'network': {
        const { network } = change;
        this.#groups.set(network.networkId, { network, members: new Map() });
        this.#idsByName.set(network.name, network.networkId);
        return this.skipTo(network.networkId + 1);
      }
      case 'network-deleted': {
        const group = this.#groups.get(change.networkId);
        this.#groups.delete(change.networkId);
        this.#idsByName.delete(group?.network.name ?? '');
        for (const nodeId of group?.members.keys() ?? []) this.#idsByNode.get(nodeId)?.delete(change.networkId);
        return;
      }
      case 'member': {
        const { networkId, member } = change;
        const group = this.#groups.get(networkId);
        if (group === undefined) return;
        group.members.set(member.nodeId, member);
        this.#idsByNode.set(member.nodeId, (this.#idsByNode.get(member.nodeId) ?? new Set()).add(networkId));
        return;
      }
      case 'member-left':
        this.#groups.get(change.networkId)?.members.delete(change.nodeId);
        this.#idsByNode.get(change.nodeId)?.delete(change.networkId);
        return;
      default:
        change satisfies never;
    }
  }

  /** All groups as changes from nothing. */
  everything(): DirectoryChange[] {
    return this.groups.flatMap(({ network, members }): DirectoryChange[] => [
      { type: 'network', network },
      ...[...members.values()].map((member): DirectoryChange => {
        return { type: 'member', networkId: network.networkId, member };
      }),
    ]);
  }

  #addMember(networkId: number, member: MemberRecord): void {
    this.#change({ type: 'member', networkId, member });
  }

  #change(change: GroupChange): void {
    this.apply(change);
    this.#note(change);
  }

  #takeId(): number {
    const networkId = this.#nextNetworkId;
    if (networkId > MAX_NETWORK_ID) throw new RegistryRefusal('groups-full', 'networks');
    this.#nextNetworkId += 1;
    if (networkId >= this.#reservedTo) {
      this.#reservedTo = networkId + IDS_AT_ONCE;
      this.#note({ type: 'ids', node: 1, network: this.#reservedTo });
    }
    return networkId;
  }
}
