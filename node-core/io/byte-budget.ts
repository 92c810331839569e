/** Bytes that may be held at once, in all and by one source. */
export class ByteBudget {
  readonly #most: number;
  readonly #mostOfOne: number;
  readonly #held = new Map<string, number>();
  #total = 0;

  constructor(most: number, mostOfOne: number) {
    this.#most = most;
    this.#mostOfOne = mostOfOne;
  }

  get total(): number {
    return this.#total;
  }

  /** Returns false, and holds nothing more, when it does not fit. */
  hold(source: string, bytes: number): boolean {
    const own = (this.#held.get(source) ?? 0) + bytes;
    if (this.#total + bytes > this.#most || own > this.#mostOfOne) return false;
    this.#held.set(source, own);
    this.#total += bytes;
    return true;
  }

  release(source: string, bytes: number): void {
    const left = (this.#held.get(source) ?? 0) - bytes;
    if (left > 0) this.#held.set(source, left);
    else this.#held.delete(source);
    this.#total -= bytes;
  }
}
