import type { Endpoint } from '../base/transport.ts';
import { mayPointTo } from '../tunnel/endpoint-scope.ts';
import { equalEndpoints } from '../tunnel/path.ts';

const MOST_LISTED = 64;

/**
 * The beacons a node may use: the one it was told, then those its registry lists. All nodes of a network go through them in
 * the registry's order, so that after the end of one they meet again at the next.
 */
export class BeaconRoster {
  readonly #configured: Endpoint;
  #listed: readonly Endpoint[] = [];
  #current: Endpoint;

  constructor(configured: Endpoint) {
    this.#configured = configured;
    this.#current = configured;
  }

  get current(): Endpoint {
    return this.#current;
  }

  /** Takes in what the registry lists, in place of what it listed before. */
  learn(listed: readonly Endpoint[]): void {
    const usable = listed.filter(
      (endpoint) => mayPointTo(endpoint, this.#configured) && !equalEndpoints(endpoint, this.#configured),
    );
    this.#listed = usable.slice(0, MOST_LISTED);
  }

  /** Goes on from a beacon that is silent; undefined when there is no other. */
  moveOn(): Endpoint | undefined {
    const all = [this.#configured, ...this.#listed];
    const next = all[(all.findIndex((endpoint) => equalEndpoints(endpoint, this.#current)) + 1) % all.length];
    if (next === undefined || equalEndpoints(next, this.#current)) return undefined;
    this.#current = next;
    return next;
  }
}
