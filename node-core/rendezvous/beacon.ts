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
  /** An endpoint that its node has signed for is not given away before the node was quiet so long. */
  readonly holdMs: Millis;
  /** Per source endpoint. */
  readonly relaysPerSecond: number;
  readonly punchesPerSecond: number;
}

export const BEACON_LIMITS: BeaconLimits = {
  nodes: 100_000,
  lifetimeMs: 600_000,
  moveAfterMs: 30_000,
  holdMs: 75_000, // a stock node asks every 60 s
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
  | 'claimed'
  | 'queue-full';

/** What one node has sent another through this beacon, from the endpoint it is known by. */
export interface RelayCount {
  readonly senderNodeId: number;
  readonly destinationNodeId: number;
  datagrams: number;
  bytes: number;
}

interface KnownNode {
  readonly endpoint: Endpoint;
  readonly seenAt: Millis;
  /** Asked with discover-ex: several nodes live there, so it is told whom a relayed frame is for. */
  readonly wantsDestination: boolean;
}

interface Source {
  readonly relays: TokenBucket;
  readonly punches: TokenBucket;
  seenAt: Millis;
}

const SWEEP_MS = 60_000;
const MAX_SOURCES = 16_384;
const MAX_PAIRS = 16_384;

/**
 * Tells nodes how they look from outside, lets two of them punch at once, and relays what cannot go straight.
 * It reads no frame and checks no identity: whoever gets a frame must authenticate it.
 */
export class Beacon {
  readonly #limits: BeaconLimits;
  readonly #nodes = new Map<number, KnownNode>();
  readonly #sources = new Map<string, Source>();
  /** Endpoints that nodes have registered under their signature. */
  readonly #signed = new Map<number, string>();
  readonly #pairs = new Map<string, RelayCount>();
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

  /** Pairs of nodes that were relayed lately, the longest silent forgotten first. */
  get relayCounts(): readonly Readonly<RelayCount>[] {
    return [...this.#pairs.values()];
  }

  /**
   * Takes note of the endpoint that a node has registered under its signature. Nobody signs what a beacon hears, so
   * while the node is heard from there, another source cannot take its place with a forged discover.
   */
  confirmEndpoint(nodeId: number, endpoint: Endpoint): void {
    if (this.#signed.size < this.#limits.nodes || this.#signed.has(nodeId)) {
      this.#signed.set(nodeId, formatEndpoint(endpoint));
    }
  }

  handleDatagram(bytes: Uint8Array, from: Endpoint, now: Instant): void {
    const nowMs = now.monotonicMs;
    this.#sweep(nowMs);
    try {
      const message = decodeBeaconMessage(bytes);
      switch (message.kind) {
        case 'discover':
        case 'discover-ex':
          this.#remember(message.nodeId, from, nowMs, message.kind === 'discover-ex');
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
    this.#remember(requester, from, nowMs, this.#nodes.get(requester)?.wantsDestination === true);
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
    this.#count(sender, destination, frame, from);
    const { endpoint, wantsDestination } = known;
    if (!wantsDestination) return this.#send({ kind: 'relay-deliver', senderNodeId: sender, frame }, endpoint);
    const ids = { senderNodeId: sender, destinationNodeId: destination };
    this.#send({ kind: 'relay-deliver-dest', ...ids, frame }, endpoint);
  }

  /** The sender is only what a datagram says, so a pair counts what came from where that node is known to be. */
  #count(sender: number, destination: number, frame: Uint8Array, from: Endpoint): void {
    this.#relayedDatagrams += 1;
    this.#relayedBytes += frame.length;
    const known = this.#nodes.get(sender);
    if (known === undefined || formatEndpoint(known.endpoint) !== formatEndpoint(from)) return;
    const key = `${sender}>${destination}`;
    const ids = { senderNodeId: sender, destinationNodeId: destination };
    const pair = this.#pairs.get(key) ?? { ...ids, datagrams: 0, bytes: 0 };
    pair.datagrams += 1;
    pair.bytes += frame.length;
    this.#pairs.delete(key); // to the end: the first is the longest silent
    this.#pairs.set(key, pair);
    if (this.#pairs.size > MAX_PAIRS) this.#pairs.delete(this.#pairs.keys().next().value as string);
  }

  #remember(nodeId: number, from: Endpoint, nowMs: Millis, wantsDestination: boolean): void {
    if (nodeId === 0) return; // not registered yet
    const known = this.#nodes.get(nodeId);
    if (known === undefined && this.#nodes.size >= this.#limits.nodes) return this.#drop('table-full');
    const refused = known === undefined ? undefined : this.#refusesMove(nodeId, known, from, nowMs);
    if (refused !== undefined) return this.#drop(refused);
    this.#nodes.set(nodeId, { endpoint: from, seenAt: nowMs, wantsDestination });
  }

  #refusesMove(nodeId: number, known: KnownNode, from: Endpoint, nowMs: Millis): 'moved' | 'claimed' | undefined {
    const old = formatEndpoint(known.endpoint);
    if (old === formatEndpoint(from)) return undefined;
    const quietMs = nowMs - known.seenAt;
    if (old === this.#signed.get(nodeId) && quietMs < this.#limits.holdMs) return 'claimed';
    return known.endpoint.host !== from.host && quietMs < this.#limits.moveAfterMs ? 'moved' : undefined;
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
