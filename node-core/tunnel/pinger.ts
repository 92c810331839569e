import { earliest, type Instant, type Millis } from '../base/clock.ts';
import type { Packet } from '../wire/packet.ts';
import { pingPacket } from './control-packet.ts';
import type { Route } from './path.ts';
import { type OutstandingPing, type PingPurpose, Pings } from './pings.ts';
import type { Session } from './session.ts';
import type { TunnelPeer } from './tunnel-peer.ts';

const MAX_WAITING = 64;

/** Sends the encrypted pings of one tunnel, lets those wait that a caller asked for too early, and tells how they end. */
export class Pinger {
  readonly #peer: TunnelPeer;
  readonly #pings: Pings;
  #waiting: { readonly pingId: number; readonly deadline: Millis }[] = [];

  constructor(peer: TunnelPeer) {
    this.#peer = peer;
    this.#pings = new Pings(peer.context.random);
  }

  get rttMs(): number | undefined {
    return this.#pings.rttMs;
  }

  get lossRatio(): number | undefined {
    return this.#pings.lossRatio;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  resetStatistics(): void {
    this.#pings.resetStatistics();
  }

  /** False when too many are under way. */
  send(session: Session, purpose: PingPurpose, route: Route, timeoutMs: Millis, now: Instant): boolean {
    if (this.#pings.full) return false;
    const fields = this.#pings.start({ purpose, route, timeoutMs }, now);
    const { context, nodeId, path } = this.#peer;
    this.#peer.sendPacket(session, pingPacket(context.ownNodeId, nodeId, fields), route, now);
    path.sent(route, true, now.monotonicMs);
    return true;
  }

  /** A caller's ping: answered by a `pong` or a `ping-timeout` event. */
  ask(pingId: number, timeoutMs: Millis, now: Instant): void {
    if (this.#waiting.length >= MAX_WAITING) this.#timeOut(pingId);
    else this.#waiting.push({ pingId, deadline: now.monotonicMs + timeoutMs });
  }

  sendWaiting(session: Session, route: Route, now: Instant): void {
    for (const { pingId, deadline } of this.#waiting.splice(0)) {
      const sent = this.send(session, { kind: 'asked', pingId }, route, deadline - now.monotonicMs, now);
      if (!sent) this.#timeOut(pingId);
    }
  }

  /** The ping that a pong answers; undefined for a stray, late or repeated one. */
  handlePong(packet: Packet, route: Route, now: Instant): OutstandingPing | undefined {
    const match = this.#pings.match(packet, now);
    if (match?.ping.purpose.kind === 'asked') {
      const { nodeId, path, context } = this.#peer;
      const { pingId } = match.ping.purpose;
      const { rttMs } = match;
      context.emit({ type: 'pong', peerNodeId: nodeId, pingId, rttMs, path: path.kindOf(route, now.monotonicMs) });
    }
    return match?.ping;
  }

  handleTimeout(now: Instant): void {
    const late = this.#waiting.filter((ping) => ping.deadline <= now.monotonicMs);
    this.#waiting = this.#waiting.filter((ping) => ping.deadline > now.monotonicMs);
    for (const { pingId } of late) this.#timeOut(pingId);
    for (const { purpose } of this.#pings.expire(now.monotonicMs)) {
      if (purpose.kind === 'asked') this.#timeOut(purpose.pingId);
    }
  }

  /** The tunnel ends: whoever still waits for an answer is told that none will come. */
  close(): void {
    for (const { pingId } of this.#waiting.splice(0)) this.#timeOut(pingId);
    for (const { purpose } of this.#pings.expire(Number.POSITIVE_INFINITY)) {
      if (purpose.kind === 'asked') this.#timeOut(purpose.pingId);
    }
  }

  nextTimeout(): Millis | undefined {
    return earliest(this.#pings.nextDeadline(), ...this.#waiting.map((ping) => ping.deadline));
  }

  #timeOut(pingId: number): void {
    this.#peer.context.emit({ type: 'ping-timeout', peerNodeId: this.#peer.nodeId, pingId });
  }
}
