import type { Instant, Millis } from '../base/clock.ts';
import { ATTR, SPAN, type Span } from '../base/tracer.ts';
import { type Endpoint, formatEndpoint } from '../base/transport.ts';
import { keepalivePacket } from './control-packet.ts';
import { EndpointProbes } from './endpoint-probes.ts';
import { direct, equalEndpoints, equalRoutes, RELAY, type Route } from './path.ts';
import type { Pinger } from './pinger.ts';
import type { OutstandingPing } from './pings.ts';
import type { Session } from './session.ts';
import { TimerTable } from './timer-table.ts';
import {
  FIRST_UPGRADES_MS,
  KEEPALIVE_MS,
  KEEPALIVE_UNTIL_IDLE_MS,
  PATH_PING_MS,
  PATH_PING_TIMEOUT_MS,
  PROBE_TIMEOUT_MS,
  RELAY_UPGRADE_MS,
  SUSPECT_PING_MS,
} from './tunnel-config.ts';
import type { TunnelPeer } from './tunnel-peer.ts';

type TimerName = 'path-ping' | 'suspect' | 'probe' | 'upgrade' | 'keepalive';
type Outcome = { readonly code: 'ok' } | { readonly code: 'error'; readonly message: string };

/**
 * Keeps a tunnel's path: pings it, leaves it when it is dead, tries to leave the relay, and follows a peer that moved,
 * but only to an endpoint that answered a ping.
 *
 *     unknown ──first keys──> direct, punched, lan ──4 s without an answer──> relay
 *                                    └──<── an endpoint answers a ping ──<──────┘ (tried at 0, 2, 5, 15 s, then each 15 s)
 */
export class PathKeeper {
  readonly #peer: TunnelPeer;
  readonly #pinger: Pinger;
  readonly #sessionOf: () => Session | undefined;
  readonly #probes = new EndpointProbes();
  readonly #timers = new TimerTable<TimerName>();
  #lastPathPing: Millis | undefined;
  #upgrades = 0;
  #fallback: Span | undefined;

  constructor(peer: TunnelPeer, pinger: Pinger, sessionOf: () => Session | undefined) {
    this.#peer = peer;
    this.#pinger = pinger;
    this.#sessionOf = sessionOf;
  }

  /** The first keys came by this route, which is the path until a better one answers. */
  begin(route: Route, now: Instant): void {
    this.#changeRoute(route, now);
    this.#sendPathPing(now);
    this.wake(now);
    this.#timers.set('keepalive', now.monotonicMs + KEEPALIVE_MS);
  }

  /** The tunnel is in use: its path is measured. */
  wake(now: Instant): void {
    if (this.#sessionOf() === undefined) return;
    if (this.#peer.path.silentSince !== undefined && !this.#peer.silent && !this.#timers.has('suspect')) {
      this.#timers.set('suspect', now.monotonicMs + SUSPECT_PING_MS);
    }
    if (this.#timers.has('path-ping')) return;
    const dueAt = this.#lastPathPing === undefined ? now.monotonicMs : this.#lastPathPing + PATH_PING_MS;
    this.#timers.set('path-ping', Math.max(dueAt, now.monotonicMs));
  }

  /** The registry told other endpoints: on the relay, they are worth a try. */
  handleEndpoints(now: Instant): void {
    if (this.#peer.path.route?.via === 'relay' && this.#peer.isActive(now)) this.#probeCandidates(now);
  }

  /** The peer's NAT is opening at this endpoint. */
  handlePunch(endpoint: Endpoint, now: Instant): void {
    if (this.#peer.path.route?.via === 'relay') this.#startProbe(endpoint, now);
  }

  /** An authenticated, fresh frame came by this route. True when the peer had been silent. */
  heard(route: Route, now: Instant): boolean {
    const { path } = this.#peer;
    path.heard(route, now.monotonicMs);
    if (path.silentSince === undefined) this.#timers.clear('suspect');
    if (route.via === 'relay') this.#endFallback(now, { code: 'ok' });
    else if (!equalRoutes(route, path.route) && !path.relayOnly) this.#observe(route.endpoint, now);
    if (!this.#peer.silent) return false;
    this.#peer.silent = false;
    this.#peer.context.emit({ type: 'recovered', peerNodeId: this.#peer.nodeId });
    this.wake(now);
    return true;
  }

  /** A ping was answered: from the very endpoint it was sent to, the answer makes it a path. */
  handlePong(ping: OutstandingPing, route: Route, now: Instant): void {
    if (route.via !== 'direct' || !equalRoutes(ping.route, route)) return;
    const since = this.#probes.startedAt(route.endpoint) ?? ping.sentAt.monotonicMs;
    this.#probes.settle(route.endpoint);
    const { path } = this.#peer;
    if (path.route?.via === 'direct') {
      if (equalEndpoints(path.route.endpoint, route.endpoint)) return;
      const better = path.isLan(route.endpoint) && !path.isLan(path.route.endpoint);
      if (!better && path.heardSince(since)) return;
    }
    this.#changeRoute(route, now);
    path.heard(route, now.monotonicMs);
  }

  handleTimeout(now: Instant): void {
    for (const name of this.#timers.takeDue(now.monotonicMs)) this.#onTimer(name, now);
  }

  nextTimeout(): Millis | undefined {
    return this.#timers.next();
  }

  close(now: Instant): void {
    this.#endFallback(now, { code: 'error', message: 'the tunnel was closed' });
  }

  #onTimer(name: TimerName, now: Instant): void {
    switch (name) {
      case 'path-ping':
        return this.#onPathPingTimer(now);
      case 'suspect':
        return this.#onSuspectTimer(now);
      case 'probe':
        return this.#sendProbes(now);
      case 'upgrade':
        return this.#onUpgradeTimer(now);
      case 'keepalive':
        return this.#onKeepaliveTimer(now);
      default:
        throw name satisfies never;
    }
  }

  #changeRoute(route: Route, now: Instant): void {
    const { path, nodeId, context } = this.#peer;
    if (equalRoutes(route, path.route)) return;
    if (path.route?.via !== route.via) this.#pinger.resetStatistics();
    if (route.via === 'direct' && context.wasPunched(route.endpoint, now))
      path.notePunch(route.endpoint, now.monotonicMs);
    const from = path.adopt(route, now);
    if (route.via === 'direct') {
      this.#timers.clear('upgrade');
      this.#endFallback(now, { code: 'ok' });
    } else {
      this.#upgrades = 0;
      this.#timers.set('upgrade', now.monotonicMs + (FIRST_UPGRADES_MS[0] ?? RELAY_UPGRADE_MS));
    }
    if (from === undefined) return;
    const beacon = path.kind === 'relay' ? context.beacon()?.endpoint : undefined;
    const event = { type: 'path-changed', peerNodeId: nodeId, from, to: path.kind, at: now } as const;
    context.emit(beacon === undefined ? event : { ...event, beacon });
  }

  /** An authenticated frame came from an endpoint that is not in use; one that was passed on looks just so. */
  #observe(endpoint: Endpoint, now: Instant): void {
    this.#startProbe(endpoint, now);
    // The one in use has to answer as well, or it will be left.
    const last = this.#lastPathPing;
    if (last === undefined || now.monotonicMs - last >= SUSPECT_PING_MS) this.#sendPathPing(now);
  }

  #startProbe(endpoint: Endpoint, now: Instant): void {
    this.#probes.start(endpoint, now.monotonicMs);
    this.#sendProbes(now);
  }

  #probeCandidates(now: Instant): void {
    for (const endpoint of this.#peer.path.candidates(now.monotonicMs)) this.#probes.start(endpoint, now.monotonicMs);
    this.#sendProbes(now);
  }

  #sendProbes(now: Instant): void {
    const session = this.#sessionOf();
    if (session === undefined) return;
    for (const endpoint of this.#probes.takeDue(now.monotonicMs)) {
      this.#pinger.send(session, { kind: 'probe' }, direct(endpoint), PROBE_TIMEOUT_MS, now);
    }
    const next = this.#probes.nextDue();
    if (next !== undefined) this.#timers.set('probe', next);
  }

  #onPathPingTimer(now: Instant): void {
    if (!this.#peer.isActive(now)) return;
    this.#sendPathPing(now);
    if (this.#peer.silent && this.#peer.path.route?.via === 'relay') this.#probeCandidates(now);
    this.#timers.set('path-ping', now.monotonicMs + PATH_PING_MS);
    this.#noticeSilence(now);
  }

  #onSuspectTimer(now: Instant): void {
    const { path } = this.#peer;
    if (path.silentSince === undefined || this.#sessionOf() === undefined) return;
    if (path.isDead(now.monotonicMs)) this.#fallBack(now);
    if (this.#noticeSilence(now)) return;
    this.#sendPathPing(now);
    this.#timers.set('suspect', now.monotonicMs + SUSPECT_PING_MS);
  }

  #sendPathPing(now: Instant): void {
    const session = this.#sessionOf();
    const { route } = this.#peer.path;
    if (session === undefined || route === undefined) return;
    this.#lastPathPing = now.monotonicMs;
    this.#pinger.send(session, { kind: 'path' }, route, PATH_PING_TIMEOUT_MS, now);
    if (!this.#peer.silent && !this.#timers.has('suspect')) {
      this.#timers.set('suspect', now.monotonicMs + SUSPECT_PING_MS);
    }
  }

  #fallBack(now: Instant): void {
    const beacon = this.#peer.context.beacon();
    if (beacon === undefined) return;
    this.#endFallback(now, { code: 'error', message: 'the path changed again' });
    this.#fallback = this.#peer.context.tracer.startSpan(SPAN.relayFallback, {
      at: now.unixNano,
      attributes: {
        [ATTR.peerNodeId]: this.#peer.nodeId,
        [ATTR.path]: 'relay',
        [ATTR.relayBeacon]: formatEndpoint(beacon.endpoint),
        [ATTR.tunnelEpoch]: this.#peer.epoch,
      },
    });
    this.#changeRoute(RELAY, now);
  }

  #endFallback(now: Instant, outcome: Outcome): void {
    this.#fallback?.end(now.unixNano, outcome);
    this.#fallback = undefined;
  }

  /** True when the peer is silent on every path; says so once. */
  #noticeSilence(now: Instant): boolean {
    const peer = this.#peer;
    if (!peer.path.isPeerSilent(now.monotonicMs)) return false;
    if (peer.silent) return true;
    peer.silent = true;
    this.#endFallback(now, { code: 'error', message: 'nothing was heard through the relay' });
    peer.context.emit({ type: 'silent', peerNodeId: peer.nodeId, lastHeard: peer.lastHeard });
    return true;
  }

  #onUpgradeTimer(now: Instant): void {
    const { path, context, nodeId } = this.#peer;
    if (path.route?.via !== 'relay' || path.relayOnly) return;
    this.#upgrades += 1;
    this.#timers.set('upgrade', now.monotonicMs + (FIRST_UPGRADES_MS[this.#upgrades] ?? RELAY_UPGRADE_MS));
    if (!this.#peer.isActive(now)) return;
    this.#peer.askEndpoints(now);
    context.beacon()?.requestPunch(nodeId, now);
    this.#probeCandidates(now);
  }

  #onKeepaliveTimer(now: Instant): void {
    const peer = this.#peer;
    const session = this.#sessionOf();
    if (session === undefined || peer.idleMs(now) >= KEEPALIVE_UNTIL_IDLE_MS) return;
    const dueAt = peer.lastSent + KEEPALIVE_MS;
    if (dueAt <= now.monotonicMs) {
      const packet = keepalivePacket(peer.context.ownNodeId, peer.nodeId);
      peer.sendPacket(session, packet, peer.path.route ?? RELAY, now);
    }
    this.#timers.set('keepalive', dueAt <= now.monotonicMs ? now.monotonicMs + KEEPALIVE_MS : dueAt);
  }
}
