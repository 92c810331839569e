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

  /** What one piece of work of a source will hold; nothing yet. */
  open(source: string): HeldBytes {
    return new HeldBytes(
      (bytes) => this.#hold(source, bytes),
      (bytes) => this.#release(source, bytes),
      () => this.#room(source),
    );
  }

  #room(source: string): number {
    return Math.min(this.#most - this.#total, this.#mostOfOne - (this.#held.get(source) ?? 0));
  }

  #hold(source: string, bytes: number): boolean {
    const own = (this.#held.get(source) ?? 0) + bytes;
    if (this.#total + bytes > this.#most || own > this.#mostOfOne) return false;
    this.#held.set(source, own);
    this.#total += bytes;
    return true;
  }

  #release(source: string, bytes: number): void {
    const left = (this.#held.get(source) ?? 0) - bytes;
    if (left > 0) this.#held.set(source, left);
    else this.#held.delete(source);
    this.#total -= bytes;
  }
}

/** The bytes that one piece of work holds of a budget. */
export class HeldBytes {
  readonly #take: (bytes: number) => boolean;
  readonly #give: (bytes: number) => void;
  readonly #room: () => number;
  #bytes = 0;

  constructor(take: (bytes: number) => boolean, give: (bytes: number) => void, room: () => number) {
    this.#take = take;
    this.#give = give;
    this.#room = room;
  }

  /** How many more its source may hold now. */
  get room(): number {
    return this.#room();
  }

  /** Gives some of it back; more than is held gives all. */
  give(bytes: number): void {
    const given = Math.min(bytes, this.#bytes);
    this.#give(given);
    this.#bytes -= given;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Returns false, and holds nothing more, when it does not fit. */
  add(bytes: number): boolean {
    if (!this.#take(bytes)) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Holds exactly so many from now on. Returns false, and changes nothing, when they do not fit. */
  resize(bytes: number): boolean {
    if (bytes >= this.#bytes) return this.add(bytes - this.#bytes);
    this.#give(this.#bytes - bytes);
    this.#bytes = bytes;
    return true;
  }

  /** Gives all of it back. */
  release(): void {
    this.#give(this.#bytes);
    this.#bytes = 0;
  }
}
