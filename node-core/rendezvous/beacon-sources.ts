import { BoundedMap } from '../base/bounded-map.ts';
import type { Millis } from '../base/clock.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import { type Endpoint, formatEndpoint } from '../base/transport.ts';
import { sourceOf } from '../wire/source-address.ts';

export interface BeaconRates {
  /** Per source endpoint. */
  readonly relaysPerSecond: number;
  readonly punchesPerSecond: number;
  readonly discoversPerSecond: number;
  /** Per address, of IPv6 per /64: whoever has one has all its ports. */
  readonly discoversPerSecondOfAddress: number;
}

interface Source {
  readonly relays: TokenBucket;
  readonly punches: TokenBucket;
  readonly discovers: TokenBucket;
  seenAt: Millis;
}

const MAX_SOURCES = 16_384;
const FORGET_MS = 60_000;

/** How much each source may still ask of a beacon. Of too many the longest silent is forgotten. */
export class BeaconSources {
  readonly #rates: BeaconRates;
  readonly #sources = new BoundedMap<string, Source>(MAX_SOURCES);
  readonly #addresses = new BoundedMap<string, TokenBucket>(MAX_SOURCES);

  constructor(rates: BeaconRates) {
    this.#rates = rates;
  }

  mayRelay(from: Endpoint, nowMs: Millis): boolean {
    return this.#of(from, nowMs).relays.take(nowMs);
  }

  mayPunch(from: Endpoint, nowMs: Millis): boolean {
    return this.#of(from, nowMs).punches.take(nowMs);
  }

  /** @param who - Whoever asks from the endpoint it signed for has its own share, whatever others at its address ask. */
  mayDiscover(from: Endpoint, nowMs: Millis, who: 'signed' | 'anybody'): boolean {
    if (!this.#of(from, nowMs).discovers.take(nowMs)) return false;
    return who === 'signed' || this.#ofAddress(from.host, nowMs).take(nowMs);
  }

  sweep(nowMs: Millis): void {
    for (const [key, { seenAt }] of this.#sources) if (nowMs - seenAt > FORGET_MS) this.#sources.delete(key);
  }

  #of(from: Endpoint, nowMs: Millis): Source {
    const key = formatEndpoint(from);
    const { relaysPerSecond, punchesPerSecond, discoversPerSecond } = this.#rates;
    const source = this.#sources.get(key) ?? {
      relays: new TokenBucket({ burst: relaysPerSecond, perSecond: relaysPerSecond }, nowMs),
      punches: twice(punchesPerSecond, nowMs),
      discovers: twice(discoversPerSecond, nowMs),
      seenAt: nowMs,
    };
    source.seenAt = nowMs;
    this.#sources.set(key, source);
    return source;
  }

  #ofAddress(host: string, nowMs: Millis): TokenBucket {
    const key = sourceOf(host);
    const bucket = this.#addresses.get(key) ?? twice(this.#rates.discoversPerSecondOfAddress, nowMs);
    this.#addresses.set(key, bucket);
    return bucket;
  }
}

/** A rate with room for two seconds of it at once. */
function twice(perSecond: number, nowMs: Millis): TokenBucket {
  return new TokenBucket({ burst: 2 * perSecond, perSecond }, nowMs);
}
