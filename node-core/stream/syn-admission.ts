import { BoundedMap } from '../base/bounded-map.ts';
import type { Millis } from '../base/clock.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import type { StreamConfig } from './stream-config.ts';

type Limits = Pick<StreamConfig, 'synBurstPerSource' | 'synPerSecondPerSource' | 'synPerSecond'>;

const SOURCES = 4_096;

/** How many new streams peers may open: each source first, so that one cannot use up what all share. */
export class SynAdmission {
  readonly #limits: Limits;
  readonly #sources = new BoundedMap<number, TokenBucket>(SOURCES);
  #all: TokenBucket | undefined;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  admit(nodeId: number, nowMs: Millis): 'admitted' | 'syn-rate-source' | 'syn-rate-node' {
    if (!this.#sourceBucket(nodeId, nowMs).take(nowMs)) return 'syn-rate-source';
    this.#all ??= new TokenBucket({ burst: this.#limits.synPerSecond, perSecond: this.#limits.synPerSecond }, nowMs);
    return this.#all.take(nowMs) ? 'admitted' : 'syn-rate-node';
  }

  /** The source that was silent longest makes room. */
  #sourceBucket(nodeId: number, nowMs: Millis): TokenBucket {
    const { synBurstPerSource: burst, synPerSecondPerSource: perSecond } = this.#limits;
    const bucket = this.#sources.get(nodeId) ?? new TokenBucket({ burst, perSecond }, nowMs);
    this.#sources.set(nodeId, bucket);
    return bucket;
  }
}
