import type { GroupFact } from './graph-facts.ts';
import { sameData } from './same-data.ts';

/** The registry's groups, and of each node those that it is in. */
export class GroupIndex {
  #groups: ReadonlyMap<number, GroupFact> = new Map();
  #ofNode = new Map<number, number[]>();

  get all(): ReadonlyMap<number, GroupFact> {
    return this.#groups;
  }

  /** The groups that a node is in. */
  of(nodeId: number): readonly number[] {
    return this.#ofNode.get(nodeId) ?? [];
  }

  /** Whether a node is in a group that this node has joined. */
  isOurs(nodeId: number): boolean {
    return this.of(nodeId).some((groupId) => this.#groups.get(groupId)?.joined);
  }

  /** All groups there are now. Returns those that are new, different or gone, with who was or is in them. */
  replace(groups: Iterable<GroupFact>): {
    readonly groupIds: readonly number[];
    readonly nodeIds: ReadonlySet<number>;
  } {
    const next = new Map([...groups].map((group) => [group.groupId, group]));
    const ids = new Set([...this.#groups.keys(), ...next.keys()]);
    const changed = [...ids].filter((id) => !sameData(this.#groups.get(id), next.get(id)));
    const nodeIds = new Set(
      changed.flatMap((id) => [...(this.#groups.get(id)?.memberIds ?? []), ...(next.get(id)?.memberIds ?? [])]),
    );
    if (changed.length > 0) this.#index(next);
    return { groupIds: changed, nodeIds };
  }

  #index(groups: ReadonlyMap<number, GroupFact>): void {
    this.#groups = groups;
    this.#ofNode = new Map();
    for (const { groupId, memberIds } of groups.values()) {
      for (const nodeId of memberIds) {
        const known = this.#ofNode.get(nodeId);
        if (known === undefined) this.#ofNode.set(nodeId, [groupId]);
        else known.push(groupId);
      }
    }
  }
}
