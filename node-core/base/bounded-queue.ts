/**
 * A first-in-first-out queue with a limit on items and on weight. What does not fit is refused and counted:
 * the newest is dropped, so that what is already queued keeps its order.
 */
export class BoundedQueue<T> {
  readonly #items: T[] = [];
  readonly #limits: { readonly items: number; readonly weight: number };
  readonly #weightOf: (item: T) => number;
  #head = 0;
  #weight = 0;
  #dropped = 0;

  constructor(limits: { readonly items: number; readonly weight?: number }, weightOf: (item: T) => number = () => 0) {
    this.#limits = { items: limits.items, weight: limits.weight ?? Number.POSITIVE_INFINITY };
    this.#weightOf = weightOf;
  }

  get size(): number {
    return this.#items.length - this.#head;
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** Returns false, and counts a drop, when the queue is full. */
  push(item: T): boolean {
    const weight = this.#weightOf(item);
    if (this.size >= this.#limits.items || this.#weight + weight > this.#limits.weight) {
      this.#dropped += 1;
      return false;
    }
    this.#items.push(item);
    this.#weight += weight;
    return true;
  }

  peek(): T | undefined {
    return this.#items[this.#head];
  }

  /** Up to `count` items, oldest first; they stay queued. */
  first(count: number): T[] {
    return this.#items.slice(this.#head, this.#head + count);
  }

  shift(): T | undefined {
    if (this.size === 0) return undefined;
    const item = this.#items[this.#head] as T;
    this.#head += 1;
    this.#weight -= this.#weightOf(item);
    if (this.#head > 64 && this.#head * 2 > this.#items.length) this.#compact();
    return item;
  }

  /** Takes everything that is queued, oldest first. */
  drain(): T[] {
    const all = this.#items.slice(this.#head);
    this.#items.length = 0;
    this.#head = 0;
    this.#weight = 0;
    return all;
  }

  #compact(): void {
    this.#items.splice(0, this.#head);
    this.#head = 0;
  }
}
