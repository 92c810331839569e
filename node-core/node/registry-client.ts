import { BoundedQueue } from '../base/bounded-queue.ts';
import { utf8 } from '../base/bytes.ts';
import { earliest, type Instant, type Millis } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import { ATTR, SPAN, type Span, type SpanContext, silentTracer, type Tracer } from '../base/tracer.ts';
import type { Endpoint } from '../base/transport.ts';
import type { Identity } from '../crypto/identity.ts';
import { parsePeerEndpoint } from '../wire/peer-endpoint.ts';
import { base64 } from '../wire/registry-message.ts';
import { refusalCodeOf } from '../wire/registry-refusal.ts';
import { encodeCall, parseReply, type RegistryCall, type ReplyOf, type RequestOf } from '../wire/registry-request.ts';

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

/**
 * Takes the reply to a call, or why there is none: `registry.refused` in the registry's words, `registry.unavailable`,
 * `frame.invalid` for a reply that is none, `queue.full`.
 */
export type Answer<T extends RegistryCall> = (result: ReplyOf<T> | PilotError, now: Instant) => void;

export type RegistryEvent =
  /** Open a channel to the registry and say `handleOpened` or `handleClosed`. */
  | { readonly type: 'open-channel' }
  /** What the channel still holds is worthless. */
  | { readonly type: 'close-channel' }
  | { readonly type: 'registered'; readonly nodeId: number; readonly address: string; readonly observedAddress: string }
  /** The beacons it lists, in its order. */
  | { readonly type: 'beacons'; readonly endpoints: readonly Endpoint[] }
  | { readonly type: 'state'; readonly state: 'ok' | 'away'; readonly since: Instant; readonly reason: string }
  /** A call has its answer: to be delivered when nothing else runs. */
  | { readonly type: 'answered'; readonly deliver: (now: Instant) => void };

interface Call<T extends RegistryCall = RegistryCall> {
  readonly type: T;
  readonly request: RequestOf<T>;
  /** Until it is sent, and then until it is answered. */
  deadline: Millis;
  readonly span: Span;
  readonly answer: Answer<T>;
  /** Of the client itself: it goes before the calls of the node, also while that is not registered. */
  readonly own: boolean;
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

const ignore = (): void => {};
const reported =
  (peer: number, unreported: Set<number>): Answer<'report_trust'> =>
  (result) => {
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
      this.#finish(call, parseReply(call.type, message), now);
    } catch (error) {
      if (!(error instanceof PilotError)) throw error;
      this.#finish(call, error, now);
    }
    this.#pump(now);
  }

  /** Sends a request, signed where its type asks for it; an `answered` event delivers what comes of it. */
  call<T extends RegistryCall>(
    type: T,
    request: RequestOf<T>,
    answer: Answer<T>,
    now: Instant,
    traced: TracedCall = {},
  ): void {
    this.#enqueue(this.#queue, this.#callOf(type, request, answer, false, now, traced), now);
  }

  /** Registers under what the profile says now. */
  register(now: Instant): void {
    const { listenAddress, lanAddresses, version } = this.profile;
    const request = { listenAddress, publicKey: this.#publicKey, version, lanAddresses };
    this.#tell('register', request, (result, at) => this.#takeRegistration(result, at), now);
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

  #takeRegistration(result: ReplyOf<'register'> | PilotError, now: Instant): void {
    if (result instanceof PilotError) {
      if (result.code === 'registry.refused') this.#reset(`it refused the registration: ${result.message}`, now);
      return;
    }
    const { nodeId, address, observedAddress } = result;
    if (!isNodeId(nodeId) || address === '') {
      return this.#reset('its registration has no node id', now);
    }
    this.#nodeId = nodeId;
    this.#reconnectMs = RECONNECT_MS.first;
    this.#heartbeatAt = now.monotonicMs + (this.#options.heartbeatMs ?? HEARTBEAT_MS);
    this.#events.push({ type: 'registered', nodeId, address, observedAddress });
    this.#enter('ok', 'registered', now);
    if (!this.#restored) this.#restore(now);
    this.#restored = true;
    this.#registered = true; // now the calls that waited
    this.#pump(now);
  }

  /** Tells again what a registry without memory does not know. */
  #restore(now: Instant): void {
    const { profile } = this;
    const nodeId = this.#nodeId;
    if (profile.public) this.#tell('set_visibility', { nodeId, public: true }, ignore, now);
    if (profile.hostname !== '') this.#tell('set_hostname', { nodeId, hostname: profile.hostname }, ignore, now);
    if (profile.tags.length > 0) this.#tell('set_tags', { nodeId, tags: profile.tags }, ignore, now);
    for (const peer of profile.trusted) this.#unreported.add(peer);
    this.#reportTrust(now);
    this.#listBeacons(now);
    if (profile.groups.size === 0) return;
    this.#tell('lookup', { nodeId }, (result, at) => this.#rejoin(result, at), now);
  }

  /** A registry without memory refuses a peer that is not back yet, so this is tried again with each heartbeat. */
  #reportTrust(now: Instant): void {
    for (const peer of this.#unreported) {
      if (!this.profile.trusted.has(peer)) this.#unreported.delete(peer);
      else this.#tell('report_trust', { nodeId: this.#nodeId, peerId: peer }, reported(peer, this.#unreported), now);
    }
  }

  /** Joins the groups that the registry does not count this node in. */
  #rejoin(result: ReplyOf<'lookup'> | PilotError, now: Instant): void {
    const known = result instanceof PilotError ? [] : result.networks;
    for (const [networkId, token] of this.profile.groups) {
      if (known.includes(networkId)) continue;
      this.#tell('join_network', { nodeId: this.#nodeId, networkId, inviterId: 0, token }, ignore, now);
    }
  }

  #heartbeat(now: Instant): void {
    this.#heartbeatAt = now.monotonicMs + (this.#options.heartbeatMs ?? HEARTBEAT_MS);
    const answered: Answer<'heartbeat'> = (result, at) => {
      const refusal = refusalCodeOf(result);
      if (refusal !== 'node-unknown' && refusal !== 'signature-wrong') return;
      this.#restored = false; // it does not know this node, or takes it for another
      this.register(at);
    };
    this.#tell('heartbeat', { nodeId: this.#nodeId }, answered, now);
    this.#reportTrust(now);
    this.#listBeacons(now);
  }

  /** A registry that lists none, or cannot, is as good. */
  #listBeacons(now: Instant): void {
    const listed: Answer<'beacon_list'> = (result) => {
      if (result instanceof PilotError) return;
      const endpoints = result.beacons.flatMap(({ endpoint }) => parsePeerEndpoint(endpoint) ?? []);
      this.#events.push({ type: 'beacons', endpoints });
    };
    this.#tell('beacon_list', {}, listed, now, 'untraced');
  }

  /** What the client itself has to say. */
  #tell<T extends RegistryCall>(
    type: T,
    request: RequestOf<T>,
    answer: Answer<T>,
    now: Instant,
    traced: TracedCall = {},
  ): void {
    this.#enqueue(this.#ownQueue, this.#callOf(type, request, answer, true, now, traced), now);
  }

  #callOf<T extends RegistryCall>(
    type: T,
    request: RequestOf<T>,
    answer: Answer<T>,
    own: boolean,
    now: Instant,
    traced: TracedCall,
  ): Call {
    const tracer = traced === 'untraced' ? silentTracer : (this.#options.tracer ?? silentTracer);
    const span = tracer.startSpan(SPAN.registryCall, {
      at: now.unixNano,
      kind: 'client',
      parent: traced === 'untraced' ? undefined : traced.parent,
      attributes: { [ATTR.registryMethod]: type },
    });
    const call: Call<T> = {
      type,
      request,
      deadline: now.monotonicMs + CALL_TIMEOUT_MS,
      span,
      answer,
      own,
      sentAt: 0,
    };
    return call as unknown as Call; // request and answer are of one type, which the queues need not know
  }

  #enqueue(queue: BoundedQueue<Call>, call: Call, now: Instant): void {
    if (queue.push(call)) this.#pump(now);
    else this.#finish(call, new PilotError('queue.full', 'too many calls wait for the registry'), now);
  }

  #pump(now: Instant): void {
    while (this.#channel === 'open' && this.#inFlight.length < MAX_IN_FLIGHT) {
      const call = this.#ownQueue.shift() ?? (this.#registered ? this.#queue.shift() : undefined);
      if (call === undefined) return;
      call.sentAt = now.monotonicMs;
      call.deadline = now.monotonicMs + CALL_TIMEOUT_MS;
      this.#inFlight.push(call);
      this.#outgoing.push(encodeCall(call.type, call.request, (text) => this.#options.identity.sign(utf8(text))));
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

  #finish(call: Call, result: ReplyOf<RegistryCall> | PilotError, now: Instant): void {
    if (result instanceof PilotError) {
      call.span.setAttributes({ [ATTR.errorType]: result.code });
      call.span.end(now.unixNano, { code: 'error', message: result.message });
    } else {
      call.span.end(now.unixNano);
    }
    if (call.own) call.answer(result, now);
    else this.#events.push({ type: 'answered', deliver: (at) => call.answer(result, at) });
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

function isNodeId(value: number): boolean {
  return value >= 1 && value < 0xffff_ffff;
}
