import { formatAddress } from '../wire/address.ts';
import type { GraphState } from './graph-state.ts';

/** What nodes and groups are called in words to an operator. */
export class GraphNames {
  readonly #state: GraphState;

  constructor(state: GraphState) {
    this.#state = state;
  }

  /** A node's hostname, or its address while nobody said one. */
  agent(nodeId: number): string {
    return this.#state.hostnameOf(nodeId) || formatAddress({ network: 0, node: nodeId });
  }

  group(groupId: number): string {
    return this.#state.picture.groups.get(groupId)?.name ?? `group ${groupId}`;
  }

  /** All members of a group; undefined for a group that is not known. */
  membersOf(groupId: number): { readonly nodeId: number; readonly hostname: string }[] | undefined {
    return this.#state.picture.groups
      .get(groupId)
      ?.memberIds.map((nodeId) => ({ nodeId, hostname: this.agent(nodeId) }));
  }
}
