import { BoundedMap } from '../base/bounded-map.ts';
import type { Millis } from '../base/clock.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import { type Endpoint, isLoopbackHost } from '../base/transport.ts';
import type { JsonObject } from '../wire/registry-message.ts';
import { RegistryRefusal } from '../wire/registry-refusal.ts';
import { readCredentials } from '../wire/registry-request.ts';
import { sourceOf } from '../wire/source-address.ts';

/** How a request came: what goes in clear, everybody on the way has read and may send again. */
export type Way = 'tls' | 'clear';

export interface GuardLimits {
  /** Signatures checked over all connections, and those of one address. A check costs about 0.1 ms. */
  readonly checksPerSecond: number;
  readonly checksPerSecondOfSource: number;
}

export const GUARD_LIMITS: GuardLimits = { checksPerSecond: 4_000, checksPerSecondOfSource: 2_000 };

const MAX_SOURCES = 4_096;

/** Decides before a request is read what it may cost, and whether what it holds may come this way. */
export class RequestGuard {
  readonly #limits: GuardLimits;
  readonly #all: TokenBucket;
  readonly #bySource = new BoundedMap<string, TokenBucket>(MAX_SOURCES);

  constructor(limits: GuardLimits, nowMs: Millis) {
    this.#limits = limits;
    this.#all = twice(limits.checksPerSecond, nowMs);
  }

  /** @throws RegistryRefusal */
  admit(message: JsonObject, from: Endpoint, way: Way, nowMs: Millis): void {
    const { signature, adminToken } = readCredentials(message);
    if (adminToken !== '' && way === 'clear' && !isLoopbackHost(from.host)) {
      throw new RegistryRefusal('admin-token-in-clear');
    }
    if (signature === '') return;
    if (!this.#of(from.host, nowMs).take(nowMs) || !this.#all.take(nowMs)) {
      throw new RegistryRefusal('rate-limited', 'signatures to check');
    }
  }

  /** Of too many sources the longest silent is forgotten. */
  #of(host: string, nowMs: Millis): TokenBucket {
    const source = sourceOf(host);
    const bucket = this.#bySource.get(source) ?? twice(this.#limits.checksPerSecondOfSource, nowMs);
    this.#bySource.set(source, bucket);
    return bucket;
  }
}

/** A rate with room for two seconds of it at once. */
function twice(perSecond: number, nowMs: Millis): TokenBucket {
  return new TokenBucket({ burst: 2 * perSecond, perSecond }, nowMs);
}
