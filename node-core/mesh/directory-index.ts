import { sameData } from './same-data.ts';

/** What the registry says of a node. */
export interface DirectoryNode {
  readonly nodeId: number;
  readonly hostname?: string;
  readonly groupIds: readonly number[];
  readonly tags: readonly string[];
  readonly public?: boolean;
  readonly publicKey?: string;
}

export interface DirectoryPage {
  readonly nodes: readonly DirectoryNode[];
  /** How many match in all. */
  readonly matched: number;
}

/**
 * All that the registry lists, apart from the graph, which holds what is live or shown. Nodes are kept in the order of their
 * ids; a listing is compared with the last one, so that what did not change costs nothing further on.
 */
export class DirectoryIndex {
  readonly #nodes = new Map<number, DirectoryNode>();

  get size(): number {
    return this.#nodes.size;
  }

  has(nodeId: number): boolean {
    return this.#nodes.has(nodeId);
  }

  get(nodeId: number): DirectoryNode | undefined {
    return this.#nodes.get(nodeId);
  }

  /** All that is listed now. Returns the ids of those that are new, different or gone. */
  replace(nodes: Iterable<DirectoryNode>): number[] {
    const changed: number[] = [];
    const listed = new Set<number>();
    for (const node of nodes) {
      listed.add(node.nodeId);
      const known = this.#nodes.get(node.nodeId);
      if (known !== undefined && sameData(known, node)) continue;
      this.#nodes.set(node.nodeId, node);
      changed.push(node.nodeId);
    }
    for (const nodeId of this.#nodes.keys()) {
      if (listed.has(nodeId)) continue;
      this.#nodes.delete(nodeId);
      changed.push(nodeId);
    }
    return changed;
  }

  /** The nodes whose name, tag or id has the text, some at a time, in the order of their ids. */
  page({ text = '', offset = 0, limit }: { text?: string; offset?: number; limit: number }): DirectoryPage {
    const wanted = text.trim().toLowerCase();
    const matching = [...this.#nodes.values()].filter((node) => wanted === '' || mentions(node, wanted));
    matching.sort((one, other) => one.nodeId - other.nodeId);
    return { nodes: matching.slice(offset, offset + limit), matched: matching.length };
  }
}

function mentions({ nodeId, hostname = '', tags }: DirectoryNode, wanted: string): boolean {
  if (String(nodeId) === wanted || hostname.toLowerCase().includes(wanted)) return true;
  return tags.some((tag) => tag.toLowerCase().includes(wanted));
}
