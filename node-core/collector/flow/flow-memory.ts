export interface MemoryLimits {
  /** How many are remembered. */
  readonly flows: number;
  /** Of these, how many that one node spoke of first. */
  readonly flowsOfOneNode: number;
}

/**
 * Remembers values by flow, up to a limit: the oldest is forgotten first. A node that brings more than its share loses its
 * own oldest, never another's.
 */
export class FlowMemory<T> {
  readonly #limits: MemoryLimits;
  readonly #create: () => T;
  readonly #entries = new Map<string, { readonly value: T; readonly owner: string }>();
  readonly #owned = new Map<string, Set<string>>();

  constructor(limits: MemoryLimits, create: () => T) {
    this.#limits = limits;
    this.#create = create;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** What is remembered under `id`, else something new that counts as brought by `owner`, a public key. */
  recall(id: string, owner: string): T {
    const known = this.#entries.get(id);
    if (known !== undefined) return known.value;
    const owned = this.#owned.get(owner) ?? new Set<string>();
    if (owned.size >= this.#limits.flowsOfOneNode) this.#forgetFirst(owned);
    if (this.#entries.size >= this.#limits.flows) this.#forgetFirst(this.#entries);
    const value = this.#create();
    this.#entries.set(id, { value, owner });
    this.#owned.set(owner, owned.add(id));
    return value;
  }

  #forgetFirst(ids: { keys(): IterableIterator<string> }): void {
    const first = ids.keys().next();
    if (first.done === true) return;
    const owner = this.#entries.get(first.value)?.owner;
    this.#entries.delete(first.value);
    if (owner === undefined) return;
    const owned = this.#owned.get(owner);
    owned?.delete(first.value);
    if (owned?.size === 0) this.#owned.delete(owner);
  }
}
