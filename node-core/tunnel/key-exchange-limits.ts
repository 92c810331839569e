import type { Millis } from '../base/clock.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import { formatEndpoint } from '../base/transport.ts';
import { isLoopback } from './endpoint-scope.ts';
import type { Route } from './path.ts';
import type { TunnelLimits } from './tunnel-config.ts';

const MAX_SOURCES = 4096;

/**
 * How many key-exchange frames are looked at: each costs a signature check and perhaps a registry call. Counted per IP
 * address, on loopback per address and port (a whole fleet lives on 127.0.0.1), for relayed frames per source node, and
 * over all.
 */
export class KeyExchangeLimits {
  readonly #limits: Pick<TunnelLimits, 'keyExchangePerSource' | 'keyExchangeTotal' | 'strangersPerSecond'>;
  readonly #sources = new Map<string, TokenBucket>(); // oldest first
  #total: TokenBucket | undefined;
  #strangers: TokenBucket | undefined;

  constructor(limits: Pick<TunnelLimits, 'keyExchangePerSource' | 'keyExchangeTotal' | 'strangersPerSecond'>) {
    this.#limits = limits;
  }

  /** @param senderNodeId - What the frame claims; it matters for relayed frames, which all come from one address. */
  allows(route: Route, senderNodeId: number, now: Millis): boolean {
    if (!this.#bucketOf(sourceKey(route, senderNodeId), now).take(now)) return false;
    const perSecond = this.#limits.keyExchangeTotal;
    this.#total ??= new TokenBucket({ burst: perSecond, perSecond }, now);
    return this.#total.take(now);
  }

  /** One sealed frame of somebody without a session: may it cost us a registry call or an answer? */
  allowsStranger(now: Millis): boolean {
    const perSecond = this.#limits.strangersPerSecond;
    this.#strangers ??= new TokenBucket({ burst: perSecond, perSecond }, now);
    return this.#strangers.take(now);
  }

  #bucketOf(key: string, now: Millis): TokenBucket {
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    const perSecond = this.#limits.keyExchangePerSource;
    const bucket = new TokenBucket({ burst: perSecond, perSecond }, now);
    this.#sources.set(key, bucket);
    if (this.#sources.size > MAX_SOURCES) this.#forgetOldest();
    return bucket;
  }

  #forgetOldest(): void {
    for (const key of this.#sources.keys()) {
      this.#sources.delete(key);
      return;
    }
  }
}

function sourceKey(route: Route, senderNodeId: number): string {
  if (route.via === 'relay') return `node ${senderNodeId}`;
  return isLoopback(route.endpoint.host) ? formatEndpoint(route.endpoint) : route.endpoint.host;
}
