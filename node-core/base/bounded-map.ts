/**
 * A map of at most so many entries, in the order in which they were set last: of too many, the one that was set longest ago
 * goes. Reading an entry does not keep it: what is to stay is set again.
 */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #most: number;

  /** @param most - Entries that are kept; at least 1. */
  constructor(most: number) {
    super();
    this.#most = most;
  }

  override set(key: K, value: V): this {
    this.delete(key); // to the end
    super.set(key, value);
    if (this.size <= this.#most) return this;
    for (const oldest of this.keys()) {
      this.delete(oldest);
      break;
    }
    return this;
  }
}
