const NONE: ReadonlySet<string> = new Set();

/** Which tunnels run through which beacon. */
export class RelayIndex {
  readonly #through = new Map<string, Set<string>>();

  /** Beacons that a tunnel runs through. */
  get beacons(): Iterable<string> {
    return this.#through.keys();
  }

  through(beacon: string): ReadonlySet<string> {
    return this.#through.get(beacon) ?? NONE;
  }

  /** A tunnel ran through one beacon and runs through another now; undefined for none. */
  move(tunnelId: string, before: string | undefined, beacon: string | undefined): void {
    if (before === beacon) return;
    if (before !== undefined) {
      const through = this.#through.get(before);
      through?.delete(tunnelId);
      if (through?.size === 0) this.#through.delete(before);
    }
    if (beacon !== undefined) this.#through.set(beacon, (this.#through.get(beacon) ?? new Set<string>()).add(tunnelId));
  }
}
