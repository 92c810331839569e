import { sameData } from './same-data.ts';

/** One kind of thing in the picture, by key, with what is different since it was last asked. */
export class PictureLayer<K, V> {
  readonly #values = new Map<K, V>();
  #changes = new Map<K, V | undefined>();

  get values(): ReadonlyMap<K, V> {
    return this.#values;
  }

  /** Puts a value in place. What only repeats the one before is no change, and that one stays. Returns what was before. */
  put(key: K, value: V): V | undefined {
    const before = this.#values.get(key);
    if (before !== undefined && sameData(before, value)) return before;
    this.#values.set(key, value);
    this.#changes.set(key, value);
    return before;
  }

  /** Returns what was there. */
  remove(key: K): V | undefined {
    const before = this.#values.get(key);
    if (this.#values.delete(key)) this.#changes.set(key, undefined);
    return before;
  }

  /** What is new or different by key, and undefined for what is gone, since the last call. */
  takeChanges(): ReadonlyMap<K, V | undefined> {
    const changes = this.#changes;
    this.#changes = new Map();
    return changes;
  }
}
