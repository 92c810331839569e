import { BoundedQueue } from '../base/bounded-queue.ts';
import { utf8 } from '../base/bytes.ts';
import { earliest, type Instant, type Millis, unixMillis } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import { ATTR, SPAN, type Span, silentTracer, type Tracer } from '../base/tracer.ts';
import type { Identity } from '../crypto/identity.ts';
import { base64 } from '../wire/registry-message.ts';
import { refusalCodeOf } from '../wire/registry-refusal.ts';
import { encodeCall, parseReply, type RegistryCall, type ReplyOf, type RequestOf } from '../wire/registry-request.ts';
import { ProfileTeller, type TellerEvent } from './profile-teller.ts';
import type { Answer, TracedCall } from './registry-call.ts';
import type { IdNews, RegistryProfile } from './registry-profile.ts';

export interface RegistryClientOptions {
  readonly identity: Identity;
  readonly profile: () => RegistryProfile;
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
  | TellerEvent
  | IdNews
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
  /** Whether it was signed as a whole when it was sent. */
  proven: boolean;
}

const CALL_TIMEOUT_MS = 5_000;
const HEARTBEAT_MS = 60_000;
const RECONNECT_MS = { first: 250, max: 5_000 } as const;
const MAX_QUEUED = 1_024;
/** Requests that may be on the way at once; servers answer in order. */
const MAX_IN_FLIGHT = 32;

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
  readonly #teller: ProfileTeller;
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
  #state: 'ok' | 'away' | 'new' = 'new';
  #nodeId = 0;
  /** The last time that was signed together with a whole request; undefined while the registry does not want that. */
  #provenAt: number | undefined;
  #rttMs: number | undefined;

  constructor(options: RegistryClientOptions) {
    this.#options = options;
    this.#publicKey = base64(options.identity.publicKey);
    this.#teller = new ProfileTeller({
      profile: options.profile,
      nodeId: () => this.#nodeId,
      tell: (type, request, answer, now, traced) => this.#tell(type, request, answer, now, traced),
      emit: (event) => this.#events.push(event),
    });
  }

  /** 0 until registered. */
  get nodeId(): number {
    return this.#nodeId;
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
      if (refusalCodeOf(error) === 'proof-required' && !call.proven) this.#prove(call, now);
      else this.#finish(call, error, now);
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
    const { listenAddress, lanAddresses, version } = this.#options.profile();
    const request = { listenAddress, publicKey: this.#publicKey, version, lanAddresses };
    this.#tell('register', request, (result, at) => this.#takeRegistration(result, at), now);
  }

  /**
   * Gives up the name of a node that ends. It does not deregister: servers that are not ours would drop its memberships.
   *
   * @param done - Called when the registry knows, or when there is nothing to give up.
   */
  giveUpName(done: () => void, now: Instant): void {
    if (this.#registered) this.#teller.giveUpName(done, now);
    else done();
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
    const before = this.#nodeId;
    this.#nodeId = nodeId;
    if (before !== 0 && before !== nodeId) this.#events.push({ type: 'id-changed', before, nodeId, address });
    this.#reconnectMs = RECONNECT_MS.first;
    this.#heartbeatAt = now.monotonicMs + (this.#options.heartbeatMs ?? HEARTBEAT_MS);
    this.#events.push({ type: 'registered', nodeId, address, observedAddress });
    this.#enter('ok', 'registered', now);
    if (!this.#restored) this.#teller.tellAll(now);
    this.#restored = true;
    this.#registered = true; // now the calls that waited
    this.#pump(now);
  }

  #heartbeat(now: Instant): void {
    this.#heartbeatAt = now.monotonicMs + (this.#options.heartbeatMs ?? HEARTBEAT_MS);
    const answered: Answer<'heartbeat'> = (result, at) => {
      const refusal = refusalCodeOf(result);
      if (refusal !== 'node-unknown' && refusal !== 'signature-wrong') return;
      const to = refusal === 'node-unknown' ? 'nobody' : 'another-key';
      this.#events.push({ type: 'id-lost', nodeId: this.#nodeId, to });
      this.#restored = false;
      this.register(at);
    };
    this.#tell('heartbeat', { nodeId: this.#nodeId }, answered, now);
    this.#teller.tellAgain(now);
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
      proven: false,
    };
    return call as unknown as Call; // request and answer are of one type, which the queues need not know
  }

  /** The registry is strict: from now on all that is signed is signed as a whole, and what it refused is said again so. */
  #prove(call: Call, now: Instant): void {
    this.#provenAt ??= 0;
    this.#enqueue(call.own ? this.#ownQueue : this.#queue, call, now);
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
      call.proven = this.#provenAt !== undefined;
      if (this.#provenAt !== undefined) {
        this.#provenAt = Math.max(this.#provenAt + 1, unixMillis(now.unixNano));
      }
      const sign = (text: string) => this.#options.identity.sign(utf8(text));
      this.#outgoing.push(encodeCall(call.type, call.request, sign, this.#provenAt));
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
