import type { Millis } from './clock.ts';

interface Entry<T> {
  readonly deadline: Millis;
  readonly owner: T;
}

/**
 * The next deadline of many owners: a binary heap with one valid entry per owner. An owner whose deadline moved gets a
 * new entry; the old one is passed over when it comes up, and the heap is rebuilt when such entries prevail.
 */
export class DeadlineQueue<T> {
  readonly #current = new Map<T, Millis>();
  #heap: Entry<T>[] = [];

  get size(): number {
    return this.#current.size;
  }

  /** Sets, moves or (undefined) removes the owner's deadline. */
  set(owner: T, deadline: Millis | undefined): void {
    if (this.#current.get(owner) === deadline) return;
    if (deadline === undefined) {
      this.#current.delete(owner);
      return;
    }
    this.#current.set(owner, deadline);
    if (this.#heap.length > 64 + 2 * this.#current.size) this.#rebuild();
    else this.#push({ deadline, owner });
  }

  next(): Millis | undefined {
    this.#dropStale();
    return this.#heap[0]?.deadline;
  }

  /** Removes and returns the owner that is due first, or undefined if none is due. */
  takeDue(nowMs: Millis): T | undefined {
    this.#dropStale();
    const first = this.#heap[0];
    if (first === undefined || first.deadline > nowMs) return undefined;
    this.#pop();
    this.#current.delete(first.owner);
    return first.owner;
  }

  #dropStale(): void {
    while (this.#heap.length > 0) {
      const first = this.#heap[0] as Entry<T>;
      if (this.#current.get(first.owner) === first.deadline) return;
      this.#pop();
    }
  }

  #rebuild(): void {
    this.#heap = [];
    for (const [owner, deadline] of this.#current) this.#push({ deadline, owner });
  }

  #push(entry: Entry<T>): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >>> 1;
      const above = heap[parent] as Entry<T>;
      if (above.deadline <= entry.deadline) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && right.deadline < (heap[child] as Entry<T>).deadline) child += 1;
      const below = heap[child] as Entry<T>;
      if (below.deadline >= last.deadline) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
  }
}
