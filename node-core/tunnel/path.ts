import type { Instant, Millis } from '../base/clock.ts';
import type { PathKind } from '../base/report.ts';
import { type Endpoint, formatEndpoint } from '../base/transport.ts';
import { DIRECT_SILENCE, PEER_SILENCE, PUNCH_VALID_MS } from './tunnel-config.ts';
import type { PeerEndpoints } from './tunnel-event.ts';

/** How one datagram goes or came: straight to or from an endpoint, or through the beacon. */
export type Route = { readonly via: 'direct'; readonly endpoint: Endpoint } | { readonly via: 'relay' };

export const RELAY: Route = { via: 'relay' };

export function direct(endpoint: Endpoint): Route {
  return { via: 'direct', endpoint };
}

export function equalEndpoints(a: Endpoint, b: Endpoint): boolean {
  return a.port === b.port && a.host === b.host;
}

export function equalRoutes(a: Route | undefined, b: Route | undefined): boolean {
  if (a === undefined || b === undefined || a.via !== b.via) return a === b;
  return a.via === 'relay' || b.via === 'relay' || equalEndpoints(a.endpoint, b.endpoint);
}

/** A route as the key of a map. */
export function routeKey(route: Route): string {
  return route.via === 'direct' ? formatEndpoint(route.endpoint) : route.via;
}

const MAX_LAN_CANDIDATES = 3;

/** Counts what was sent since something was heard. */
class Silence {
  sends = 0;
  pings = 0;
  since: Millis | undefined;

  sent(isPing: boolean, now: Millis): void {
    this.sends += 1;
    if (isPing) this.pings += 1;
    this.since ??= now;
  }

  heard(): void {
    this.sends = 0;
    this.pings = 0;
    this.since = undefined;
  }

  exceeds(limit: { readonly sends?: number; readonly pings?: number; readonly ms: number }, now: Millis): boolean {
    if (this.since === undefined || now - this.since < limit.ms) return false;
    return this.sends >= (limit.sends ?? 0) && this.pings >= (limit.pings ?? 0);
  }
}

/**
 * Where a peer's datagrams go, and what is known of other ways. It decides nothing on the word of a frame alone: a
 * direct endpoint is adopted because it answered a ping, because the registry named it, or because the first key
 * exchange came from there.
 */
export class Path {
  #endpoints: PeerEndpoints | undefined;
  #route: Route | undefined;
  #kind: PathKind = 'unknown';
  #since: Instant;
  #punch: { readonly endpoint: Endpoint; readonly at: Millis } | undefined;
  #relayHeardAt: Millis | undefined;
  #routeHeardAt: Millis | undefined;
  readonly #routeSilence = new Silence();
  readonly #peerSilence = new Silence();

  constructor(now: Instant) {
    this.#since = now;
  }

  get route(): Route | undefined {
    return this.#route;
  }

  get kind(): PathKind {
    return this.#kind;
  }

  get since(): Instant {
    return this.#since;
  }

  get relayOnly(): boolean {
    return this.#endpoints?.relayOnly === true;
  }

  /** A registry's answer; undefined when it knows nothing, which leaves what was known before. */
  provide(endpoints: PeerEndpoints | undefined): void {
    if (endpoints !== undefined) this.#endpoints = endpoints;
  }

  /** A punch command brought this endpoint up: somebody there is opening a way to us. */
  notePunch(endpoint: Endpoint, now: Millis): void {
    this.#punch = { endpoint, at: now };
  }

  /** Endpoints worth a datagram, likeliest first; none for a peer that wants the relay only. */
  candidates(now: Millis): readonly Endpoint[] {
    if (this.relayOnly) return [];
    const { lan = [], real } = this.#endpoints ?? {};
    const all = lan.slice(0, MAX_LAN_CANDIDATES);
    if (real !== undefined) all.push(real);
    if (this.#punch !== undefined && now - this.#punch.at < PUNCH_VALID_MS) all.push(this.#punch.endpoint);
    return all.filter((endpoint, index) => all.findIndex((other) => equalEndpoints(other, endpoint)) === index);
  }

  /** True when the registry or a LAN list names this endpoint as the peer's. */
  isKnown(endpoint: Endpoint): boolean {
    const { real } = this.#endpoints ?? {};
    return this.isLan(endpoint) || (real !== undefined && equalEndpoints(real, endpoint));
  }

  isLan(endpoint: Endpoint): boolean {
    return this.#endpoints?.lan.some((known) => equalEndpoints(known, endpoint)) === true;
  }

  /** Switches to a route. Returns the kind before, or undefined when nothing changed for an observer. */
  adopt(route: Route, now: Instant): PathKind | undefined {
    if (equalRoutes(route, this.#route)) return undefined;
    const before = this.#kind;
    this.#kind = this.kindOf(route, now.monotonicMs);
    this.#route = route;
    this.#routeHeardAt = undefined;
    this.#routeSilence.heard();
    if (this.#kind === before) return undefined;
    this.#since = now;
    return before;
  }

  /** The word for a route: `punched` when a punch command told of it before its first frame. */
  kindOf(route: Route, now: Millis): PathKind {
    if (route.via === 'relay') return 'relay';
    if (equalRoutes(route, this.#route)) return this.#kind;
    if (this.isLan(route.endpoint)) return 'lan';
    return this.#punch !== undefined && now - this.#punch.at < PUNCH_VALID_MS ? 'punched' : 'direct';
  }

  /** @param isPing - It asks for an answer. */
  sent(route: Route, isPing: boolean, now: Millis): void {
    this.#peerSilence.sent(isPing, now);
    if (equalRoutes(route, this.#route)) this.#routeSilence.sent(isPing, now);
  }

  /** An authenticated, fresh frame came by this route. */
  heard(route: Route, now: Millis): void {
    this.#peerSilence.heard();
    if (route.via === 'relay') this.#relayHeardAt = now;
    if (!equalRoutes(route, this.#route)) return;
    this.#routeSilence.heard();
    this.#routeHeardAt = now;
  }

  /** True when the route in use brought something at this time or later. */
  heardSince(at: Millis): boolean {
    return this.#routeHeardAt !== undefined && this.#routeHeardAt >= at;
  }

  /** Since when something sent on the route stays unanswered. */
  get silentSince(): Millis | undefined {
    return this.#routeSilence.since;
  }

  /**
   * A direct route that is dead: several frames and at least two pings without a direct frame, for 4 s, or half of it
   * when the peer is heard through the relay meanwhile.
   */
  isDead(now: Millis): boolean {
    const { since } = this.#routeSilence;
    if (this.#route?.via !== 'direct' || since === undefined) return false;
    const heardByRelay = this.#relayHeardAt !== undefined && this.#relayHeardAt > since;
    const ms = heardByRelay ? DIRECT_SILENCE.ms / 2 : DIRECT_SILENCE.ms;
    return this.#routeSilence.exceeds({ sends: DIRECT_SILENCE.sends, pings: DIRECT_SILENCE.pings, ms }, now);
  }

  /** Nothing on any way although it was asked for. */
  isPeerSilent(now: Millis): boolean {
    return this.#peerSilence.exceeds(PEER_SILENCE, now);
  }
}
