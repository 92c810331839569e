import { BoundedQueue } from '../base/bounded-queue.ts';
import { utf8 } from '../base/bytes.ts';
import { earliest, type Instant, type Millis } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import { ATTR, SPAN, type Span, type SpanContext, silentTracer, type Tracer } from '../base/tracer.ts';
import type { Endpoint } from '../base/transport.ts';
import type { Identity } from '../crypto/identity.ts';
import { parsePeerEndpoint } from '../wire/peer-endpoint.ts';
import {
  base64,
  encodeRegistryRequest,
  type Json,
  type JsonObject,
  parseRegistryMessage,
  requireSuccess,
} from '../wire/registry-message.ts';

/** What the registry is told of this node, at each registration anew. */
export interface RegistryProfile {
  /** `H:P` of the tunnel socket as peers should dial it. */
  listenAddress: string;
  readonly lanAddresses: readonly string[];
  readonly version: string;
  hostname: string;
  public: boolean;
  tags: readonly string[];
  /** Groups to be a member of, with the token each wants. */
  readonly groups: Map<number, string>;
  /** Peers this node lets reach it. */
  readonly trusted: Set<number>;
}

export interface RegistryClientOptions {
  readonly identity: Identity;
  readonly profile: RegistryProfile;
  readonly tracer?: Tracer;
  readonly heartbeatMs?: Millis;
}

export type RegistryEvent =
  /** Open a channel to the registry and say `handleOpened` or `handleClosed`. */
  | { readonly type: 'open-channel' }
  /** What the channel still holds is worthless. */
  | { readonly type: 'close-channel' }
  | { readonly type: 'registered'; readonly nodeId: number; readonly address: string; readonly observedAddress: string }
  /** The beacons it lists, in its order. */
  | { readonly type: 'beacons'; readonly endpoints: readonly Endpoint[] }
  | { readonly type: 'state'; readonly state: 'ok' | 'away'; readonly since: Instant; readonly reason: string }
  | { readonly type: 'reply'; readonly callId: number; readonly result: JsonObject | PilotError };

interface Call {
  readonly id: number;
  readonly type: string;
  readonly fields: JsonObject;
  /** Until it is sent, and then until it is answered. */
  deadline: Millis;
  readonly span: Span;
  readonly own: ((result: JsonObject | PilotError, now: Instant) => void) | undefined;
  sentAt: Millis;
}

/** The span a call belongs to; `untraced` for what a node asks again and again by itself, which would drown the rest. */
export type TracedCall = { readonly parent?: SpanContext | undefined } | 'untraced';

const CALL_TIMEOUT_MS = 5_000;
const HEARTBEAT_MS = 60_000;
const RECONNECT_MS = { first: 250, max: 5_000 } as const;
const MAX_QUEUED = 1_024;
/** Requests that may be on the way at once; servers answer in order. */
const MAX_IN_FLIGHT = 32;

/** What a registry says to a node that it does not know, or takes for another. */
const FORGOTTEN = /node not found|signature verification failed/;
const ignore = (): void => {};
const reported =
  (peer: number, unreported: Set<number>) =>
  (result: JsonObject | PilotError): void => {
    if (!(result instanceof PilotError)) unreported.delete(peer);
  };

/**
 * One node's conversation with its registry over one channel: registers at each opening, sends heartbeats, registers
 * again when it was forgotten, and carries the calls of the node, which wait until it is registered. Pure: the channel is
 * opened and fed from outside.
 *
 * @see PROTOCOL.md, "Rendezvous"
 */
export class RegistryClient {
  readonly #options: RegistryClientOptions;
  readonly #publicKey: string;
  /** What the client itself has to say goes before the calls of the node. */
  readonly #ownQueue = new BoundedQueue<Call>({ items: MAX_QUEUED });
  readonly #queue = new BoundedQueue<Call>({ items: MAX_QUEUED });
  readonly #events: RegistryEvent[] = [];
  readonly #outgoing: Uint8Array[] = [];
  #inFlight: Call[] = [];
  #nextCallId = 1;
  #channel: 'closed' | 'opening' | 'open' = 'closed';
  #reconnectAt: Millis | undefined = 0;
  #reconnectMs: Millis = RECONNECT_MS.first;
  #heartbeatAt: Millis | undefined;
  /** Whether the registry behind this channel knows the node, and everything that it may have forgotten. */
  #registered = false;
  #restored = false;
  /** Trusted peers of which the registry does not know yet. */
  readonly #unreported = new Set<number>();
  #state: 'ok' | 'away' | 'new' = 'new';
  #nodeId = 0;
  #rttMs: number | undefined;

  constructor(options: RegistryClientOptions) {
    this.#options = options;
    this.#publicKey = base64(options.identity.publicKey);
  }

  /** 0 until registered. */
  get nodeId(): number {
    return this.#nodeId;
  }

  get profile(): RegistryProfile {
    return this.#options.profile;
  }

  /** Of the last answered call. */
  get rttMs(): number | undefined {
    return this.#rttMs;
  }

  handleOpened(now: Instant): void {
    this.#channel = 'open';
    this.#restored = false;
    this.register(now);
  }

  handleClosed(reason: string, now: Instant): void {
    this.#channel = 'closed';
    this.#reconnectAt = now.monotonicMs + this.#reconnectMs;
    this.#reconnectMs = Math.min(2 * this.#reconnectMs, RECONNECT_MS.max);
    this.#heartbeatAt = undefined;
    this.#registered = false;
    const lost = [...this.#inFlight, ...this.#ownQueue.drain()];
    this.#inFlight = [];
    this.#outgoing.length = 0;
    for (const call of lost)
      this.#finish(call, new PilotError('registry.unavailable', `the registry is away: ${reason}`), now);
    this.#enter('away', reason, now);
  }

  handleMessage(message: Uint8Array, now: Instant): void {
    const call = this.#inFlight.shift();
    if (call === undefined) return this.#reset('it spoke without being asked', now);
    this.#rttMs = now.monotonicMs - call.sentAt;
    try {
      this.#finish(call, requireSuccess(parseRegistryMessage(message)), now);
    } catch (error) {
      if (!(error instanceof PilotError)) throw error;
      this.#finish(call, error, now);
    }
    this.#pump(now);
  }

  /** Sends a request; its `reply` event carries the returned id. Signed where its type asks for it. */
  call(type: string, fields: JsonObject, now: Instant, traced: TracedCall = {}): number {
    return this.#enqueue(type, fields, undefined, now, traced);
  }

  /** Registers under what the profile says now. */
  register(now: Instant): void {
    const { listenAddress, lanAddresses, version } = this.profile;
    const fields: JsonObject = {
      listen_addr: listenAddress,
      public_key: this.#publicKey,
      version,
      ...(lanAddresses.length > 0 ? { lan_addrs: lanAddresses } : {}),
    };
    this.#enqueue('register', fields, (result, at) => this.#takeRegistration(result, at), now);
  }

  handleTimeout(now: Instant): void {
    const nowMs = now.monotonicMs;
    if (this.#channel === 'closed' && this.#reconnectAt !== undefined && nowMs >= this.#reconnectAt) {
      this.#reconnectAt = undefined;
      this.#channel = 'opening';
      this.#events.push({ type: 'open-channel' });
    }
    if (this.#heartbeatAt !== undefined && nowMs >= this.#heartbeatAt) this.#heartbeat(now);
    const oldest = this.#inFlight[0];
    if (oldest !== undefined && nowMs >= oldest.deadline) return this.#reset('no answer in time', now);
    this.#expireQueued(now);
  }

  nextTimeout(): Millis | undefined {
    const reconnect = this.#channel === 'closed' ? this.#reconnectAt : undefined;
    return earliest(reconnect, this.#heartbeatAt, this.#inFlight[0]?.deadline, this.#queue.peek()?.deadline);
  }

  pollSend(): Uint8Array | undefined {
    return this.#outgoing.shift();
  }

  pollEvent(): RegistryEvent | undefined {
    return this.#events.shift();
  }

  #takeRegistration(result: JsonObject | PilotError, now: Instant): void {
    if (result instanceof PilotError) {
      if (result.code === 'registry.refused') this.#reset(`it refused the registration: ${result.message}`, now);
      return;
    }
    const { node_id: nodeId, address, observed_addr: observed } = result;
    if (!isNodeId(nodeId) || typeof address !== 'string') {
      return this.#reset('its registration has no node id', now);
    }
    this.#nodeId = nodeId;
    this.#reconnectMs = RECONNECT_MS.first;
    this.#heartbeatAt = now.monotonicMs + (this.#options.heartbeatMs ?? HEARTBEAT_MS);
    this.#events.push({
      type: 'registered',
      nodeId,
      address,
      observedAddress: typeof observed === 'string' ? observed : '',
    });
    this.#enter('ok', 'registered', now);
    if (!this.#restored) this.#restore(now);
    this.#restored = true;
    this.#registered = true; // now the calls that waited
    this.#pump(now);
  }

  /** Tells again what a registry without memory does not know. */
  #restore(now: Instant): void {
    const { profile } = this;
    const node = { node_id: this.#nodeId };
    if (profile.public) this.#enqueue('set_visibility', { ...node, public: true }, ignore, now);
    if (profile.hostname !== '') this.#enqueue('set_hostname', { ...node, hostname: profile.hostname }, ignore, now);
    if (profile.tags.length > 0) this.#enqueue('set_tags', { ...node, tags: profile.tags }, ignore, now);
    for (const peer of profile.trusted) this.#unreported.add(peer);
    this.#reportTrust(now);
    this.#listBeacons(now);
    if (profile.groups.size === 0) return;
    this.#enqueue('lookup', node, (result, at) => this.#rejoin(result, at), now);
  }

  /** A registry without memory refuses a peer that is not back yet, so this is tried again with each heartbeat. */
  #reportTrust(now: Instant): void {
    for (const peer of this.#unreported) {
      if (!this.profile.trusted.has(peer)) this.#unreported.delete(peer);
      else
        this.#enqueue('report_trust', { node_id: this.#nodeId, peer_id: peer }, reported(peer, this.#unreported), now);
    }
  }

  /** Joins the groups that the registry does not count this node in. */
  #rejoin(result: JsonObject | PilotError, now: Instant): void {
    const known = result instanceof PilotError || !Array.isArray(result.networks) ? [] : result.networks;
    for (const [networkId, token] of this.profile.groups) {
      if (known.includes(networkId)) continue;
      const fields = { node_id: this.#nodeId, network_id: networkId, inviter_id: 0, token };
      this.#enqueue('join_network', fields, ignore, now);
    }
  }

  #heartbeat(now: Instant): void {
    this.#heartbeatAt = now.monotonicMs + (this.#options.heartbeatMs ?? HEARTBEAT_MS);
    const forgotten = (result: JsonObject | PilotError, at: Instant) => {
      if (!(result instanceof PilotError) || result.code !== 'registry.refused') return;
      if (!FORGOTTEN.test(result.message)) return;
      this.#restored = false;
      this.register(at);
    };
    this.#enqueue('heartbeat', { node_id: this.#nodeId }, forgotten, now);
    this.#reportTrust(now);
    this.#listBeacons(now);
  }

  /** A registry that lists none, or cannot, is as good. */
  #listBeacons(now: Instant): void {
    const listed = (result: JsonObject | PilotError) => {
      if (!(result instanceof PilotError))
        this.#events.push({ type: 'beacons', endpoints: endpointsOf(result.beacons) });
    };
    this.#enqueue('beacon_list', {}, listed, now, 'untraced');
  }

  #enqueue(type: string, fields: JsonObject, own: Call['own'], now: Instant, traced: TracedCall = {}): number {
    const id = this.#nextCallId;
    this.#nextCallId += 1;
    const tracer = traced === 'untraced' ? silentTracer : (this.#options.tracer ?? silentTracer);
    const span = tracer.startSpan(SPAN.registryCall, {
      at: now.unixNano,
      kind: 'client',
      parent: traced === 'untraced' ? undefined : traced.parent,
      attributes: { [ATTR.registryMethod]: type },
    });
    const call: Call = { id, type, fields, deadline: now.monotonicMs + CALL_TIMEOUT_MS, span, own, sentAt: 0 };
    const queue = own === undefined ? this.#queue : this.#ownQueue;
    if (queue.push(call)) this.#pump(now);
    else this.#finish(call, new PilotError('queue.full', 'too many calls wait for the registry'), now);
    return id;
  }

  #pump(now: Instant): void {
    while (this.#channel === 'open' && this.#inFlight.length < MAX_IN_FLIGHT) {
      const call = this.#ownQueue.shift() ?? (this.#registered ? this.#queue.shift() : undefined);
      if (call === undefined) return;
      call.sentAt = now.monotonicMs;
      call.deadline = now.monotonicMs + CALL_TIMEOUT_MS;
      this.#inFlight.push(call);
      this.#outgoing.push(
        encodeRegistryRequest(call.type, call.fields, (text) => this.#options.identity.sign(utf8(text))),
      );
    }
  }

  #expireQueued(now: Instant): void {
    for (
      let call = this.#queue.peek();
      call !== undefined && now.monotonicMs >= call.deadline;
      call = this.#queue.peek()
    ) {
      this.#queue.shift();
      this.#finish(call, new PilotError('registry.unavailable', 'the registry does not answer'), now);
    }
  }

  #finish(call: Call, result: JsonObject | PilotError, now: Instant): void {
    if (result instanceof PilotError) {
      call.span.setAttributes({ [ATTR.errorType]: result.code });
      call.span.end(now.unixNano, { code: 'error', message: result.message });
    } else {
      call.span.end(now.unixNano);
    }
    if (call.own !== undefined) call.own(result, now);
    else this.#events.push({ type: 'reply', callId: call.id, result });
  }

  #reset(reason: string, now: Instant): void {
    this.#events.push({ type: 'close-channel' });
    this.handleClosed(reason, now);
  }

  #enter(state: 'ok' | 'away', reason: string, now: Instant): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#events.push({ type: 'state', state, since: now, reason });
  }
}

/** From `[{id, addr: "H:P"}]`; what is not that is left out. */
function endpointsOf(beacons: Json | undefined): Endpoint[] {
  return (Array.isArray(beacons) ? beacons : []).flatMap((beacon) => {
    const address = typeof beacon === 'object' && beacon !== null ? Reflect.get(beacon, 'addr') : undefined;
    return (typeof address === 'string' && parsePeerEndpoint(address)) || [];
  });
}

function isNodeId(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value < 0xffff_ffff;
}
