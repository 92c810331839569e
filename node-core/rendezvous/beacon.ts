import { BoundedQueue } from '../base/bounded-queue.ts';
import type { Instant, Millis } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import { type Endpoint, formatEndpoint } from '../base/transport.ts';
import { decodeBeaconMessage, encodeBeaconMessage, NOTIFY_HANDSHAKE } from '../wire/beacon-message.ts';

export interface BeaconLimits {
  readonly nodes: number;
  /** A node that asked for nothing so long is forgotten. */
  readonly lifetimeMs: Millis;
  /** A node may move to another IP address only after it was quiet so long; to another port at once. */
  readonly moveAfterMs: Millis;
  /** Per source endpoint. */
  readonly relaysPerSecond: number;
  readonly punchesPerSecond: number;
}

export const BEACON_LIMITS: BeaconLimits = {
  nodes: 100_000,
  lifetimeMs: 600_000,
  moveAfterMs: 30_000,
  relaysPerSecond: 4_000,
  punchesPerSecond: 20,
};

export interface OutgoingDatagram {
  readonly to: Endpoint;
  readonly bytes: Uint8Array;
}

export type BeaconDropReason =
  | 'malformed'
  | 'unknown-type'
  | 'unknown-destination'
  | 'relay-limit'
  | 'punch-limit'
  | 'table-full'
  | 'moved'
  | 'queue-full';

interface KnownNode {
  readonly endpoint: Endpoint;
  readonly seenAt: Millis;
}

interface Source {
  readonly relays: TokenBucket;
  readonly punches: TokenBucket;
  seenAt: Millis;
}

const SWEEP_MS = 60_000;
const MAX_SOURCES = 16_384;

/**
 * Tells nodes how they look from outside, lets two of them punch at once, and relays what cannot go straight.
 * It reads no frame and checks no identity: whoever gets a frame must authenticate it.
 */
export class Beacon {
  readonly #limits: BeaconLimits;
  readonly #nodes = new Map<number, KnownNode>();
  readonly #sources = new Map<string, Source>();
  readonly #outgoing = new BoundedQueue<OutgoingDatagram>(
    { items: 8_192, weight: 16_777_216 },
    ({ bytes }) => bytes.length,
  );
  readonly #drops = new Map<BeaconDropReason, number>();
  #relayedDatagrams = 0;
  #relayedBytes = 0;
  #sweepAt: Millis = 0;

  constructor(limits: Partial<BeaconLimits> = {}) {
    this.#limits = { ...BEACON_LIMITS, ...limits };
  }

  get drops(): ReadonlyMap<BeaconDropReason, number> {
    return this.#drops;
  }

  get relayed(): { readonly datagrams: number; readonly bytes: number } {
    return { datagrams: this.#relayedDatagrams, bytes: this.#relayedBytes };
  }

  handleDatagram(bytes: Uint8Array, from: Endpoint, now: Instant): void {
    const nowMs = now.monotonicMs;
    this.#sweep(nowMs);
    try {
      const message = decodeBeaconMessage(bytes);
      switch (message.kind) {
        case 'discover':
        case 'discover-ex':
          if (message.nodeId !== 0) this.#remember(message.nodeId, from, nowMs); // 0: not registered yet
          return this.#send({ kind: 'discover-reply', endpoint: from }, from);
        case 'punch-request':
          return this.#punch(message.requesterNodeId, message.targetNodeId, from, nowMs);
        case 'relay':
          return this.#relay(message.senderNodeId, message.destinationNodeId, message.frame, from, nowMs);
        default:
          return this.#drop('unknown-type');
      }
    } catch (error) {
      if (!(error instanceof PilotError)) throw error;
      this.#drop(error.code === 'frame.magic' ? 'unknown-type' : 'malformed');
    }
  }

  /** Tells a node that a trust handshake waits for it at the registry. */
  notify(nodeId: number): void {
    const node = this.#nodes.get(nodeId);
    if (node !== undefined) this.#send({ kind: 'notify', notification: NOTIFY_HANDSHAKE }, node.endpoint);
  }

  pollTransmit(): OutgoingDatagram | undefined {
    return this.#outgoing.shift();
  }

  #punch(requester: number, target: number, from: Endpoint, nowMs: Millis): void {
    if (!this.#source(from, nowMs).punches.take(nowMs)) return this.#drop('punch-limit');
    if (requester !== 0) this.#remember(requester, from, nowMs);
    const known = this.#nodes.get(target);
    const asking = this.#nodes.get(requester);
    if (known === undefined || asking === undefined) return this.#drop('unknown-destination');
    this.#send({ kind: 'punch-command', endpoint: known.endpoint }, asking.endpoint);
    this.#send({ kind: 'punch-command', endpoint: asking.endpoint }, known.endpoint);
  }

  /** Relaying says nothing about who the sender is, so it refreshes no entry. */
  #relay(sender: number, destination: number, frame: Uint8Array, from: Endpoint, nowMs: Millis): void {
    const known = this.#nodes.get(destination);
    if (known === undefined) return this.#drop('unknown-destination');
    if (!this.#source(from, nowMs).relays.take(nowMs)) return this.#drop('relay-limit');
    this.#relayedDatagrams += 1;
    this.#relayedBytes += frame.length;
    this.#send({ kind: 'relay-deliver', senderNodeId: sender, frame }, known.endpoint);
  }

  #remember(nodeId: number, from: Endpoint, nowMs: Millis): void {
    const known = this.#nodes.get(nodeId);
    if (known === undefined && this.#nodes.size >= this.#limits.nodes) return this.#drop('table-full');
    const moved = known !== undefined && known.endpoint.host !== from.host;
    if (moved && nowMs - known.seenAt < this.#limits.moveAfterMs) return this.#drop('moved');
    this.#nodes.set(nodeId, { endpoint: from, seenAt: nowMs });
  }

  #source(from: Endpoint, nowMs: Millis): Source {
    const key = formatEndpoint(from);
    const { relaysPerSecond, punchesPerSecond } = this.#limits;
    const source = this.#sources.get(key) ?? {
      relays: new TokenBucket({ burst: relaysPerSecond, perSecond: relaysPerSecond }, nowMs),
      punches: new TokenBucket({ burst: 2 * punchesPerSecond, perSecond: punchesPerSecond }, nowMs),
      seenAt: nowMs,
    };
    source.seenAt = nowMs;
    if (this.#sources.size >= MAX_SOURCES && !this.#sources.has(key)) {
      this.#sources.delete(this.#sources.keys().next().value as string);
    }
    this.#sources.set(key, source);
    return source;
  }

  #send(message: Parameters<typeof encodeBeaconMessage>[0], to: Endpoint): void {
    if (!this.#outgoing.push({ to, bytes: encodeBeaconMessage(message) })) this.#drop('queue-full');
  }

  #sweep(nowMs: Millis): void {
    if (nowMs < this.#sweepAt) return;
    this.#sweepAt = nowMs + SWEEP_MS;
    for (const [nodeId, node] of this.#nodes) {
      if (nowMs - node.seenAt > this.#limits.lifetimeMs) this.#nodes.delete(nodeId);
    }
    for (const [key, source] of this.#sources) {
      if (nowMs - source.seenAt > SWEEP_MS) this.#sources.delete(key);
    }
  }

  #drop(reason: BeaconDropReason): void {
    this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + 1);
  }
}
