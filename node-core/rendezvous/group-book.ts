import type { MemberRecord, NetworkRecord } from './directory-state.ts';
import { RequestError } from './request.ts';

const MAX_NETWORK_ID = 0xffff;
const JOIN_RULES = new Set(['open', 'token']);

/** The groups ("networks" on the wire) besides the backbone, and their members. */
export class GroupBook {
  readonly #networks = new Map<number, NetworkRecord>();
  #nextNetworkId = 1;

  restore(networks: readonly NetworkRecord[], nextNetworkId: number): void {
    for (const network of networks) this.#networks.set(network.networkId, network);
    this.#nextNetworkId = nextNetworkId;
  }

  get networks(): NetworkRecord[] {
    return [...this.#networks.values()];
  }

  get nextNetworkId(): number {
    return this.#nextNetworkId;
  }

  /** @throws RequestError for an unknown group, the backbone included. */
  require(networkId: number): NetworkRecord {
    const network = this.#networks.get(networkId);
    if (network === undefined) throw new RequestError(`network ${networkId}: network not found`);
    return network;
  }

  find(name: string): NetworkRecord | undefined {
    return this.networks.find((network) => network.name === name);
  }

  /** The groups of a node in the order they were made, without the backbone. */
  idsOf(nodeId: number): number[] {
    return this.networks.filter((network) => memberOf(network, nodeId) !== undefined).map(({ networkId }) => networkId);
  }

  share(a: number, b: number): boolean {
    return this.networks.some((network) => memberOf(network, a) !== undefined && memberOf(network, b) !== undefined);
  }

  /** @throws RequestError for a bad or taken name, an unknown rule, or when ids are used up. */
  create(
    options: Pick<NetworkRecord, 'name' | 'joinRule' | 'token' | 'enterprise' | 'created'>,
    owner?: number,
  ): NetworkRecord {
    const { name, joinRule } = options;
    if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name) || name === 'backbone') {
      throw new RequestError('invalid network name');
    }
    if (this.find(name) !== undefined) throw new RequestError(`network "${name}" already exists`);
    if (!JOIN_RULES.has(joinRule)) throw new RequestError(`invalid join rule "${joinRule.slice(0, 64)}"`);
    if (this.#nextNetworkId > MAX_NETWORK_ID) throw new RequestError('too many networks');
    const members: MemberRecord[] = owner === undefined ? [] : [{ nodeId: owner, role: 'owner', tags: [] }];
    const network: NetworkRecord = { ...options, networkId: this.#nextNetworkId, members };
    this.#networks.set(network.networkId, network);
    this.#nextNetworkId += 1;
    return network;
  }

  delete(networkId: number): void {
    this.require(networkId);
    this.#networks.delete(networkId);
  }

  /** @throws RequestError when the rule does not let the node in, or it is in already. */
  join(networkId: number, nodeId: number, token: string): void {
    const network = this.require(networkId);
    if (network.joinRule === 'token' && network.token !== token) {
      throw new RequestError(`invalid token for network ${networkId}`);
    }
    if (memberOf(network, nodeId) !== undefined)
      throw new RequestError(`node ${nodeId} already in network ${networkId}`);
    network.members.push({ nodeId, role: 'member', tags: [] });
  }

  leave(networkId: number, nodeId: number): void {
    const network = this.require(networkId);
    if (memberOf(network, nodeId) === undefined) {
      throw new RequestError(`node ${nodeId} is not a member of network ${networkId}`);
    }
    network.members = network.members.filter((member) => member.nodeId !== nodeId);
  }
}

export function memberOf(network: NetworkRecord, nodeId: number): MemberRecord | undefined {
  return network.members.find((member) => member.nodeId === nodeId);
}
