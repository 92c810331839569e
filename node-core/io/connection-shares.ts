export interface ConnectionLimits {
  readonly connections: number;
  /** Of one source; others always find room. */
  readonly connectionsPerSource: number;
}

/**
 * Which connections may be open. When all places are taken, a newcomer gets that of the newest connection of whoever has
 * most, as long as it then has fewer itself: many connections of a few hosts shut nobody out.
 */
export class ConnectionShares<T> {
  readonly #limits: ConnectionLimits;
  readonly #bySource = new Map<string, Set<T>>();
  #open = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  get open(): number {
    return this.#open;
  }

  /** Returns the connection to be ended for the newcomer, if any; or `full` when it is not let in. */
  admit(source: string, newcomer: T): { readonly ended: T | undefined } | 'full' {
    const own = this.#bySource.get(source)?.size ?? 0;
    if (own >= this.#limits.connectionsPerSource) return 'full';
    const ended = this.#open >= this.#limits.connections ? this.#ofTheLargest(own + 2) : undefined;
    if (ended !== undefined) this.remove(ended.source, ended.connection);
    else if (this.#open >= this.#limits.connections) return 'full';
    const mine = this.#bySource.get(source) ?? new Set();
    this.#bySource.set(source, mine.add(newcomer));
    this.#open += 1;
    return { ended: ended?.connection };
  }

  remove(source: string, connection: T): void {
    const mine = this.#bySource.get(source);
    if (mine?.delete(connection) !== true) return;
    this.#open -= 1;
    if (mine.size === 0) this.#bySource.delete(source);
  }

  /** The newest connection of the source that has most, if those are at least so many. */
  #ofTheLargest(atLeast: number): { readonly source: string; readonly connection: T } | undefined {
    let largest: readonly [string, Set<T>] | undefined;
    for (const entry of this.#bySource) if (entry[1].size > (largest?.[1].size ?? 0)) largest = entry;
    if (largest === undefined || largest[1].size < atLeast) return undefined;
    const newest = [...largest[1]].at(-1);
    return newest === undefined ? undefined : { source: largest[0], connection: newest };
  }
}
