import { BoundedMap } from '../base/bounded-map.ts';
import { BoundedQueue } from '../base/bounded-queue.ts';
import type { Instant, Millis } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import { Tally } from '../base/tally.ts';
import { UNLIMITED_PER_SECOND } from '../base/token-bucket.ts';
import { type Endpoint, formatEndpoint } from '../base/transport.ts';
import { decodeBeaconMessage, encodeBeaconMessage, NOTIFY_HANDSHAKE } from '../wire/beacon-message.ts';
import { type BeaconRates, BeaconSources } from './beacon-sources.ts';
import { BeaconTable, type BeaconTableLimits, type TableRefusal } from './beacon-table.ts';

export interface BeaconLimits extends BeaconTableLimits, BeaconRates {}

export const BEACON_LIMITS: BeaconLimits = {
  nodes: 100_000,
  unsigned: 25_000,
  unsignedPerAddress: 256,
  lifetimeMs: 600_000,
  moveAfterMs: 30_000,
  holdMs: 75_000, // a stock node asks every 60 s
  relaysPerSecond: 4_000,
  punchesPerSecond: 20,
  discoversPerSecond: 20,
  discoversPerSecondOfAddress: 1_000,
};

/** Lifts what is bounded per second; for tests under load. */
export const LIFTED_BEACON_RATES: BeaconRates = {
  relaysPerSecond: UNLIMITED_PER_SECOND,
  punchesPerSecond: UNLIMITED_PER_SECOND,
  discoversPerSecond: UNLIMITED_PER_SECOND,
  discoversPerSecondOfAddress: UNLIMITED_PER_SECOND,
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
  | 'discover-limit'
  | TableRefusal
  | 'queue-full';

/** What one node has sent another through this beacon, from the endpoint it is known by. */
export interface RelayCount {
  readonly senderNodeId: number;
  readonly destinationNodeId: number;
  datagrams: number;
  bytes: number;
}

const SWEEP_MS = 60_000;
const MAX_PAIRS = 16_384;

/**
 * Tells nodes how they look from outside, lets two of them punch at once, and relays what cannot go straight.
 * It reads no frame and checks no identity: whoever gets a frame must authenticate it.
 */
export class Beacon {
  readonly #table: BeaconTable;
  readonly #sources: BeaconSources;
  readonly #pairs = new BoundedMap<string, RelayCount>(MAX_PAIRS);
  readonly #outgoing = new BoundedQueue<OutgoingDatagram>(
    { items: 8_192, weight: 16_777_216 },
    ({ bytes }) => bytes.length,
  );
  readonly #drops = new Tally<BeaconDropReason>();
  #relayedDatagrams = 0;
  #relayedBytes = 0;
  #sweepAt: Millis = 0;

  constructor(limits: Partial<BeaconLimits> = {}) {
    const all = { ...BEACON_LIMITS, ...limits };
    this.#table = new BeaconTable(all);
    this.#sources = new BeaconSources(all);
  }

  get drops(): ReadonlyMap<BeaconDropReason, number> {
    return this.#drops.counts;
  }

  get relayed(): { readonly datagrams: number; readonly bytes: number } {
    return { datagrams: this.#relayedDatagrams, bytes: this.#relayedBytes };
  }

  /** Pairs of nodes that were relayed lately, the longest silent forgotten first. */
  get relayCounts(): readonly Readonly<RelayCount>[] {
    return [...this.#pairs.values()];
  }

  /**
   * A node has just registered this endpoint under its signature. Nobody signs what a beacon hears, so from there the node
   * takes its place at once, and while it is heard no other source can take it with a forged discover.
   */
  confirmEndpoint(nodeId: number, endpoint: Endpoint, now: Instant): void {
    this.#table.confirm(nodeId, endpoint, now.monotonicMs);
  }

  /** A node had registered this endpoint under its signature before the beacon was started: its place is kept a while. */
  expectEndpoint(nodeId: number, endpoint: Endpoint, now: Instant): void {
    this.#table.expect(nodeId, endpoint, now.monotonicMs);
  }

  handleDatagram(bytes: Uint8Array, from: Endpoint, now: Instant): void {
    const nowMs = now.monotonicMs;
    this.#sweep(nowMs);
    try {
      const message = decodeBeaconMessage(bytes);
      switch (message.kind) {
        case 'discover':
        case 'discover-ex':
          return this.#discover(message.nodeId, message.kind === 'discover-ex', from, nowMs);
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
    const node = this.#table.find(nodeId);
    if (node !== undefined) this.#send({ kind: 'notify', notification: NOTIFY_HANDSHAKE }, node.endpoint);
  }

  pollTransmit(): OutgoingDatagram | undefined {
    return this.#outgoing.shift();
  }

  #discover(nodeId: number, wantsDestination: boolean, from: Endpoint, nowMs: Millis): void {
    const signed = this.#table.isSigned(nodeId, from);
    if (!this.#sources.mayDiscover(from, nowMs, signed ? 'signed' : 'anybody')) return this.#drop('discover-limit');
    this.#remember(nodeId, from, nowMs, wantsDestination);
    this.#send({ kind: 'discover-reply', endpoint: from }, from);
  }

  #punch(requester: number, target: number, from: Endpoint, nowMs: Millis): void {
    if (!this.#sources.mayPunch(from, nowMs)) return this.#drop('punch-limit');
    this.#remember(requester, from, nowMs, this.#table.find(requester)?.wantsDestination === true);
    const known = this.#table.find(target);
    const asking = this.#table.find(requester);
    if (known === undefined || asking === undefined) return this.#drop('unknown-destination');
    this.#send({ kind: 'punch-command', endpoint: known.endpoint }, asking.endpoint);
    this.#send({ kind: 'punch-command', endpoint: asking.endpoint }, known.endpoint);
  }

  /** Relaying says nothing about who the sender is, so it refreshes no entry. */
  #relay(sender: number, destination: number, frame: Uint8Array, from: Endpoint, nowMs: Millis): void {
    const known = this.#table.find(destination);
    if (known === undefined) return this.#drop('unknown-destination');
    if (!this.#sources.mayRelay(from, nowMs)) return this.#drop('relay-limit');
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
    const known = this.#table.find(sender);
    if (known === undefined || formatEndpoint(known.endpoint) !== formatEndpoint(from)) return;
    const key = `${sender}>${destination}`;
    const ids = { senderNodeId: sender, destinationNodeId: destination };
    const pair = this.#pairs.get(key) ?? { ...ids, datagrams: 0, bytes: 0 };
    pair.datagrams += 1;
    pair.bytes += frame.length;
    this.#pairs.set(key, pair);
  }

  #remember(nodeId: number, from: Endpoint, nowMs: Millis, wantsDestination: boolean): void {
    if (nodeId === 0) return; // not registered yet
    const refusal = this.#table.remember(nodeId, from, nowMs, wantsDestination);
    if (refusal !== undefined) this.#drop(refusal);
  }

  #send(message: Parameters<typeof encodeBeaconMessage>[0], to: Endpoint): void {
    if (!this.#outgoing.push({ to, bytes: encodeBeaconMessage(message) })) this.#drop('queue-full');
  }

  #sweep(nowMs: Millis): void {
    if (nowMs < this.#sweepAt) return;
    this.#sweepAt = nowMs + SWEEP_MS;
    this.#table.sweep(nowMs);
    this.#sources.sweep(nowMs);
  }

  #drop(reason: BeaconDropReason): void {
    this.#drops.add(reason);
  }
}
