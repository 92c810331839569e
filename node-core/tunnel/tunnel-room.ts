import type { Instant, Millis } from '../base/clock.ts';
import { DeadlineQueue } from '../base/deadline-queue.ts';
import type { Tunnel } from './tunnel.ts';
import { GUEST_SHARE, IDLE_BEFORE_EVICTION_MS } from './tunnel-config.ts';

export interface TunnelRoomOptions {
  readonly maxTunnels: number;
  create(peerNodeId: number, now: Instant): Tunnel;
  isTrusted(peerNodeId: number): boolean;
  /** A tunnel had to go so that another finds a place. */
  evict(tunnel: Tunnel, now: Instant): void;
}

/**
 * The tunnels of a node by peer, and who has a place when there are too many. A *guest* came to us, and is neither asked
 * for nor trusted: guests get three quarters of the room, and the idlest of them goes first. In the last quarter those
 * find a place that we dial, and those we trust, whatever strangers do.
 */
export class TunnelRoom {
  readonly #options: TunnelRoomOptions;
  readonly #tunnels = new Map<number, Tunnel>();
  readonly #guests = new Set<number>();
  readonly #deadlines = new DeadlineQueue<Tunnel>();
  /** No guest can be let go before: they are not all looked at again for each that comes. */
  #guestsStayUntil: Millis | undefined;

  constructor(options: TunnelRoomOptions) {
    this.#options = options;
  }

  get(peerNodeId: number): Tunnel | undefined {
    return this.#tunnels.get(peerNodeId);
  }

  get size(): number {
    return this.#tunnels.size;
  }

  nodeIds(): readonly number[] {
    return [...this.#tunnels.keys()];
  }

  find(condition: (tunnel: Tunnel) => boolean): Tunnel | undefined {
    for (const tunnel of this.#tunnels.values()) if (condition(tunnel)) return tunnel;
    return undefined;
  }

  isGuest(peerNodeId: number): boolean {
    return this.#guests.has(peerNodeId);
  }

  /** The tunnel of a peer that we ask for; undefined when there is no room. */
  want(peerNodeId: number, now: Instant): Tunnel | undefined {
    this.favour(peerNodeId);
    return this.#tunnels.get(peerNodeId) ?? this.#addFavoured(peerNodeId, now);
  }

  /** The tunnel of a peer that came to us; undefined when there is no room. */
  admit(peerNodeId: number, now: Instant): Tunnel | undefined {
    const known = this.#tunnels.get(peerNodeId);
    if (known !== undefined) return known;
    if (this.#options.isTrusted(peerNodeId)) return this.#addFavoured(peerNodeId, now);
    const { maxTunnels } = this.#options;
    const isFull = this.#guests.size >= maxTunnels * GUEST_SHARE || this.#tunnels.size >= maxTunnels;
    if (isFull && !this.#evictGuest(now)) return undefined;
    this.#guests.add(peerNodeId);
    return this.#add(peerNodeId, now);
  }

  /** From now on this peer is no guest: it is asked for, or trusted. */
  favour(peerNodeId: number): void {
    this.#guests.delete(peerNodeId);
  }

  remove(tunnel: Tunnel): void {
    this.#tunnels.delete(tunnel.peerNodeId);
    this.#guests.delete(tunnel.peerNodeId);
    this.#guestsStayUntil = undefined;
    this.#deadlines.set(tunnel, undefined);
  }

  /** After each act on a tunnel: its next deadline may be another. */
  rearm(tunnel: Tunnel): void {
    this.#deadlines.set(tunnel, tunnel.nextTimeout());
  }

  takeDue(now: Millis): Tunnel | undefined {
    return this.#deadlines.takeDue(now);
  }

  nextTimeout(): Millis | undefined {
    return this.#deadlines.next();
  }

  #add(peerNodeId: number, now: Instant): Tunnel {
    const tunnel = this.#options.create(peerNodeId, now);
    this.#tunnels.set(peerNodeId, tunnel);
    this.#guestsStayUntil = undefined;
    return tunnel;
  }

  #addFavoured(peerNodeId: number, now: Instant): Tunnel | undefined {
    const isFull = this.#tunnels.size >= this.#options.maxTunnels;
    if (isFull && !this.#evictGuest(now) && !this.#evictIdlest(this.#tunnels.keys(), now)) return undefined;
    return this.#add(peerNodeId, now);
  }

  #evictGuest(now: Instant): boolean {
    if (this.#guestsStayUntil !== undefined && now.monotonicMs < this.#guestsStayUntil) return false;
    if (this.#evictIdlest(this.#guests, now)) return true;
    const stays = [...this.#guests].map((nodeId) => -this.#overdueMs(nodeId, now));
    this.#guestsStayUntil = now.monotonicMs + Math.min(...stays);
    return false;
  }

  /** Lets the one go that was left alone longest beyond its time, if there is one. */
  #evictIdlest(nodeIds: Iterable<number>, now: Instant): boolean {
    let idlest: { readonly nodeId: number; readonly overdueMs: Millis } | undefined;
    for (const nodeId of nodeIds) {
      const overdueMs = this.#overdueMs(nodeId, now);
      if (overdueMs >= 0 && (idlest === undefined || overdueMs > idlest.overdueMs)) idlest = { nodeId, overdueMs };
    }
    const tunnel = idlest && this.#tunnels.get(idlest.nodeId);
    if (tunnel === undefined) return false;
    this.#options.evict(tunnel, now);
    return true;
  }

  /** How long a tunnel has been idle beyond the time that its sort may be; negative when it is not yet. */
  #overdueMs(nodeId: number, now: Instant): Millis {
    const tunnel = this.#tunnels.get(nodeId);
    if (tunnel === undefined) return Number.NEGATIVE_INFINITY;
    const idleMs = tunnel.idleMs(now);
    if (this.#options.isTrusted(nodeId) || tunnel.isProven) return idleMs - IDLE_BEFORE_EVICTION_MS.proven;
    const limits = this.#guests.has(nodeId) ? IDLE_BEFORE_EVICTION_MS.guest : IDLE_BEFORE_EVICTION_MS.wanted;
    return idleMs - (tunnel.hasSession ? limits.unproven : limits.keyless);
  }
}
