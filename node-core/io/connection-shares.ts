export interface ConnectionLimits {
  readonly connections: number;
  /** Of one source; others always find room. */
  readonly connectionsPerSource: number;
}

interface Share<T> {
  readonly all: Set<T>;
  /** Of them, in the order in which they came, those that have said nothing yet. */
  readonly silent: Set<T>;
}

/**
 * Which connections may be open. When a source has all its places, a newcomer gets that of the first one there that has said
 * nothing yet: who shares an address with somebody greedy still gets in. When all places are taken, a newcomer gets that of the newest connection of whoever has
 * most, as long as it then has fewer itself: many connections of a few hosts shut nobody out.
 */
export class ConnectionShares<T> {
  readonly #limits: ConnectionLimits;
  readonly #bySource = new Map<string, Share<T>>();
  #open = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  get open(): number {
    return this.#open;
  }

  /** Returns the connection to be ended for the newcomer, if any; or `full` when it is not let in. */
  admit(source: string, newcomer: T): { readonly ended: T | undefined } | 'full' {
    const share = this.#bySource.get(source);
    const own = share?.all.size ?? 0;
    if (own >= this.#limits.connectionsPerSource) {
      const [silent] = share?.silent ?? [];
      if (silent === undefined) return 'full';
      this.remove(source, silent);
      this.#add(source, newcomer);
      return { ended: silent };
    }
    const ended = this.#open >= this.#limits.connections ? this.#ofTheLargest(own + 2) : undefined;
    if (ended !== undefined) this.remove(ended.source, ended.connection);
    else if (this.#open >= this.#limits.connections) return 'full';
    this.#add(source, newcomer);
    return { ended: ended?.connection };
  }

  /** The connection has said something: it keeps its place before others of its source. */
  spoke(source: string, connection: T): void {
    this.#bySource.get(source)?.silent.delete(connection);
  }

  remove(source: string, connection: T): void {
    const mine = this.#bySource.get(source);
    if (mine?.all.delete(connection) !== true) return;
    mine.silent.delete(connection);
    this.#open -= 1;
    if (mine.all.size === 0) this.#bySource.delete(source);
  }

  #add(source: string, connection: T): void {
    const mine = this.#bySource.get(source) ?? { all: new Set(), silent: new Set() };
    mine.all.add(connection);
    mine.silent.add(connection);
    this.#bySource.set(source, mine);
    this.#open += 1;
  }

  /** The newest connection of the source that has most, if those are at least so many. */
  #ofTheLargest(atLeast: number): { readonly source: string; readonly connection: T } | undefined {
    let largest: readonly [string, Share<T>] | undefined;
    for (const entry of this.#bySource) if (entry[1].all.size > (largest?.[1].all.size ?? 0)) largest = entry;
    if (largest === undefined || largest[1].all.size < atLeast) return undefined;
    const newest = [...largest[1].all].at(-1);
    return newest === undefined ? undefined : { source: largest[0], connection: newest };
  }
}
