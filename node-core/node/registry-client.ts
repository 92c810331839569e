import { BoundedQueue } from '../base/bounded-queue.ts';
import { utf8 } from '../base/bytes.ts';
import { earliest, type Instant, type Millis } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import { ATTR, SPAN, type Span, type SpanContext, silentTracer, type Tracer } from '../base/tracer.ts';
import type { Identity } from '../crypto/identity.ts';
import {
  base64,
  encodeRegistryRequest,
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
  | { readonly type: 'state'; readonly state: 'ok' | 'away'; readonly since: Instant; readonly reason: string }
  | { readonly type: 'reply'; readonly callId: number; readonly result: JsonObject | PilotError };

interface Call {
  readonly id: number;
  readonly type: string;
  readonly fields: JsonObject;
  readonly deadline: Millis;
  readonly span: Span;
  readonly own: ((result: JsonObject | PilotError, now: Instant) => void) | undefined;
  sentAt: Millis;
}

const CALL_TIMEOUT_MS = 5_000;
const HEARTBEAT_MS = 60_000;
const RECONNECT_MS = { first: 250, max: 5_000 } as const;
const MAX_QUEUED = 1_024;
/** Requests that may be on the way at once; servers answer in order. */
const MAX_IN_FLIGHT = 32;

/**
 * One node's conversation with its registry over one channel: registers at each opening, sends heartbeats, registers
 * again when it was forgotten, and carries the calls of the node. Pure: the channel is opened and fed from outside.
 *
 * @see PROTOCOL.md, "Rendezvous"
 */
export class RegistryClient {
  readonly #options: RegistryClientOptions;
  readonly #publicKey: string;
  readonly #queue = new BoundedQueue<Call>({ items: MAX_QUEUED });
  readonly #events: RegistryEvent[] = [];
  readonly #outgoing: Uint8Array[] = [];
  #inFlight: Call[] = [];
  #nextCallId = 1;
  #channel: 'closed' | 'opening' | 'open' = 'closed';
  #reconnectAt: Millis | undefined = 0;
  #reconnectMs: Millis = RECONNECT_MS.first;
  #heartbeatAt: Millis | undefined;
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
    this.register(now);
  }

  handleClosed(reason: string, now: Instant): void {
    this.#channel = 'closed';
    this.#reconnectAt = now.monotonicMs + this.#reconnectMs;
    this.#reconnectMs = Math.min(2 * this.#reconnectMs, RECONNECT_MS.max);
    this.#heartbeatAt = undefined;
    const lost = this.#inFlight;
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
  call(type: string, fields: JsonObject, now: Instant, parent?: SpanContext): number {
    return this.#enqueue(type, fields, undefined, now, parent);
  }

  /** Registers and restores everything a registry may have forgotten. */
  register(now: Instant): void {
    const { listenAddress, lanAddresses, version } = this.profile;
    const fields: JsonObject = {
      listen_addr: listenAddress,
      public_key: this.#publicKey,
      version,
      ...(lanAddresses.length > 0 ? { lan_addrs: lanAddresses } : {}),
    };
    this.#enqueue('register', fields, (result, at) => this.#registered(result, at), now);
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
    const queued = this.#channel === 'open' ? undefined : this.#queue.peek()?.deadline;
    return earliest(reconnect, this.#heartbeatAt, this.#inFlight[0]?.deadline, queued);
  }

  pollSend(): Uint8Array | undefined {
    return this.#outgoing.shift();
  }

  pollEvent(): RegistryEvent | undefined {
    return this.#events.shift();
  }

  #registered(result: JsonObject | PilotError, now: Instant): void {
    if (result instanceof PilotError) {
      if (result.code === 'registry.refused') this.#reset(`it refused the registration: ${result.message}`, now);
      return;
    }
    const { node_id: nodeId, address, observed_addr: observed } = result;
    if (typeof nodeId !== 'number' || !Number.isInteger(nodeId) || nodeId < 1 || typeof address !== 'string') {
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
    this.#restore(now);
  }

  #restore(now: Instant): void {
    const { profile } = this;
    const node = { node_id: this.#nodeId };
    const ignore = () => {};
    if (profile.public) this.#enqueue('set_visibility', { ...node, public: true }, ignore, now);
    if (profile.hostname !== '') this.#enqueue('set_hostname', { ...node, hostname: profile.hostname }, ignore, now);
    if (profile.tags.length > 0) this.#enqueue('set_tags', { ...node, tags: profile.tags }, ignore, now);
    for (const [networkId, token] of profile.groups) {
      this.#enqueue('join_network', { ...node, network_id: networkId, inviter_id: 0, token }, ignore, now);
    }
    for (const peer of profile.trusted) this.#enqueue('report_trust', { ...node, peer_id: peer }, ignore, now);
  }

  #heartbeat(now: Instant): void {
    this.#heartbeatAt = now.monotonicMs + (this.#options.heartbeatMs ?? HEARTBEAT_MS);
    const forgotten = /node not found|signature/;
    this.#enqueue(
      'heartbeat',
      { node_id: this.#nodeId },
      (result, at) => {
        if (result instanceof PilotError && forgotten.test(result.message)) this.register(at);
      },
      now,
    );
  }

  #enqueue(type: string, fields: JsonObject, own: Call['own'], now: Instant, parent?: SpanContext): number {
    const id = this.#nextCallId;
    this.#nextCallId += 1;
    const tracer = this.#options.tracer ?? silentTracer;
    const span = tracer.startSpan(SPAN.registryCall, {
      at: now.unixNano,
      kind: 'client',
      parent,
      attributes: { [ATTR.registryMethod]: type },
    });
    const call: Call = { id, type, fields, deadline: now.monotonicMs + CALL_TIMEOUT_MS, span, own, sentAt: 0 };
    if (!this.#queue.push(call))
      this.#finish(call, new PilotError('queue.full', 'too many calls wait for the registry'), now);
    else this.#pump(now);
    return id;
  }

  #pump(now: Instant): void {
    while (this.#channel === 'open' && this.#inFlight.length < MAX_IN_FLIGHT) {
      const call = this.#queue.shift();
      if (call === undefined) return;
      call.sentAt = now.monotonicMs;
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
