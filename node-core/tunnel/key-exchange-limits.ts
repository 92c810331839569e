import { BoundedMap } from '../base/bounded-map.ts';
import type { Millis } from '../base/clock.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import { formatEndpoint } from '../base/transport.ts';
import { isLoopback } from './endpoint-scope.ts';
import { type Route, routeKey } from './path.ts';
import { CHALLENGE_OPEN_MS, type TunnelLimits } from './tunnel-config.ts';

const MAX_SOURCES = 4096;
const MAX_CHALLENGES = 4096;

/** `known`: trusted, asked for, or with a session. Whether a frame is really of who it says, its signature will show. */
export type Standing = 'known' | 'stranger';

/** Where a key-exchange frame came from, what it claims, and what it has to show for it. */
export interface Applicant {
  readonly route: Route;
  readonly nodeId: number;
  readonly standing: Standing;
  /** `cookie`: it brought ours back. `none-asked`: it may not be asked for one, as it asks for one itself. */
  readonly proof: 'cookie' | 'none' | 'none-asked';
}

type Rate = Exclude<keyof TunnelLimits, 'maxTunnels'>;

/**
 * How many key-exchange frames are looked at: each costs a signature check, perhaps a registry call and a place. Those we
 * know do not pay for strangers, and who comes straight does not for the relay, where anybody writes any sender. When
 * strangers are many, who does not bring a cookie is asked to show that it hears us:
 *
 *     first half of the strangers' budget: looked at
 *     second half: a PILK with a cookie goes back; looked at is who brings the cookie, from a budget of its own,
 *                  and who answers the PILK within a second without one (1.18), once
 */
export class KeyExchangeLimits {
  readonly #limits: Omit<TunnelLimits, 'maxTunnels'>;
  readonly #rates = new Map<Rate, TokenBucket>();
  readonly #sources = new BoundedMap<string, TokenBucket>(MAX_SOURCES); // oldest first
  readonly #challenges = new BoundedMap<string, { readonly since: Millis; answered: boolean }>(MAX_CHALLENGES); // by whom, oldest first

  constructor(limits: Omit<TunnelLimits, 'maxTunnels'>) {
    this.#limits = limits;
  }

  /** `challenge`: not looked at, but the sender should be asked to show that it hears us. */
  judge(applicant: Applicant, now: Millis): 'look' | 'challenge' | 'refuse' {
    const { route, standing, proof } = applicant;
    const isRelayed = route.via === 'relay';
    const hasSourceLeft = this.#takeSource(applicant, now);
    if (proof === 'cookie') {
      const rate = isRelayed ? 'keyExchangeReachableRelayed' : 'keyExchangeReachable';
      return hasSourceLeft && this.#take(rate, now) ? 'look' : 'refuse';
    }
    if (standing === 'known') {
      if (hasSourceLeft && this.#take('keyExchangeKnown', now)) return 'look';
      // Others may have spoken in its name.
      return this.#challenge(applicant, now);
    }
    if (!hasSourceLeft) return 'refuse';
    const rate = isRelayed ? 'keyExchangeRelayed' : 'keyExchangeDirect';
    if (this.#take(rate, now, Math.floor(this.#limits[rate] / 2))) return 'look';
    if (this.#takeAnswer(applicant, now) && this.#take(rate, now)) return 'look';
    return this.#challenge(applicant, now);
  }

  /** May the registry be asked who a stranger is? */
  allowsLookup(route: Route, now: Millis): boolean {
    return this.#take(route.via === 'relay' ? 'lookupsRelayed' : 'lookupsDirect', now);
  }

  /** A sealed frame that nothing opens: may it cost us a registry call or an answer? */
  allowsRecovery(standing: Standing, now: Millis): boolean {
    return this.#take(standing === 'known' ? 'recoveriesPerSecond' : 'strangersPerSecond', now);
  }

  #take(rate: Rate, now: Millis, leaving = 0): boolean {
    let bucket = this.#rates.get(rate);
    if (bucket === undefined) {
      bucket = new TokenBucket({ burst: this.#limits[rate], perSecond: this.#limits[rate] }, now);
      this.#rates.set(rate, bucket);
    }
    return bucket.take(now, leaving);
  }

  /** A stranger behind the relay is nobody in particular, and has no share of its own. */
  #takeSource({ route, nodeId, standing, proof }: Applicant, now: Millis): boolean {
    if (route.via === 'relay' && standing === 'stranger' && proof !== 'cookie') return true;
    const who = route.via === 'relay' ? `node ${nodeId}` : sourceOf(route);
    return this.#bucketOf(`${proof === 'cookie' ? 'reachable' : standing} ${who}`, now).take(now);
  }

  #bucketOf(key: string, now: Millis): TokenBucket {
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    const perSecond = this.#limits.keyExchangePerSource;
    const bucket = new TokenBucket({ burst: perSecond, perSecond }, now);
    this.#sources.set(key, bucket);
    return bucket;
  }

  #challenge(applicant: Applicant, now: Millis): 'challenge' | 'refuse' {
    if (applicant.proof === 'none-asked') return 'refuse';
    const key = challengeKey(applicant);
    if (this.#openChallenge(key, now) !== undefined || !this.#take('challenges', now)) return 'refuse';
    this.#challenges.set(key, { since: now, answered: false });
    return 'challenge';
  }

  /** True once for who was asked a moment ago. */
  #takeAnswer(applicant: Applicant, now: Millis): boolean {
    const open = this.#openChallenge(challengeKey(applicant), now);
    if (open === undefined || open.answered) return false;
    open.answered = true;
    return true;
  }

  #openChallenge(key: string, now: Millis): { answered: boolean } | undefined {
    const challenge = this.#challenges.get(key);
    return challenge !== undefined && now - challenge.since < CHALLENGE_OPEN_MS ? challenge : undefined;
  }
}

function challengeKey({ route, nodeId }: Applicant): string {
  return `${nodeId} ${routeKey(route)}`;
}

/** A whole fleet lives on 127.0.0.1: there, each port is a source. */
function sourceOf({ endpoint }: Extract<Route, { via: 'direct' }>): string {
  return isLoopback(endpoint.host) ? formatEndpoint(endpoint) : endpoint.host;
}
