import { BoundedMap } from '../base/bounded-map.ts';
import { ByteBudget, type HeldBytes } from '../base/byte-budget.ts';
import { utf8 } from '../base/bytes.ts';
import type { Instant, Millis } from '../base/clock.ts';
import { DeadlineQueue } from '../base/deadline-queue.ts';
import { PilotError } from '../base/errors.ts';
import { Tally } from '../base/tally.ts';
import type { SpanContext } from '../base/tracer.ts';
import type { Service, ServiceStream, StreamHandler } from '../node/service.ts';
import {
  acknowledgementText,
  DATA_TYPE,
  type DataFrame,
  DataFrameDecoder,
  decodeTaggedData,
  encodeDataFrame,
  refusalText,
} from '../wire/data-exchange.ts';
import { PORT } from '../wire/packet.ts';

/** A message that a peer sent: text, JSON (not validated) or bytes. */
export interface DataMessage {
  readonly kind: 'text' | 'json' | 'binary';
  readonly payload: Uint8Array;
  readonly peerNodeId: number;
  readonly groupId: number;
  readonly messageId: string | undefined;
  readonly span: SpanContext | undefined;
  /** Links the stream's span to the context that this message carries. */
  readonly link: (context: SpanContext) => void;
}

/** Sends a further message back on the stream the message came by; false when that stream is gone. */
export type DataReply = (kind: DataMessage['kind'], payload: Uint8Array, now: Instant) => boolean;

const KINDS = new Map<number, DataMessage['kind']>([
  [DATA_TYPE.text, 'text'],
  [DATA_TYPE.json, 'json'],
  [DATA_TYPE.binary, 'binary'],
]);
const TYPES: Readonly<Record<DataMessage['kind'], number>> = {
  text: DATA_TYPE.text,
  json: DATA_TYPE.json,
  binary: DATA_TYPE.binary,
};
const REMEMBERED_MESSAGES = 1_024;

/** What peers may make a data exchange hold, and for how long. */
export interface DataExchangeLimits {
  /** The longest frame that is taken; the wire allows 16 MiB. */
  readonly frameBytes: number;
  /** From a frame's first byte to its last. */
  readonly frameMs: Millis;
  /** Bytes of unfinished frames and of answers that a peer does not read: over all its streams, and over all peers. */
  readonly peerBytes: number;
  readonly bytes: number;
  /** Answers of one stream that wait; above it the peer's frames wait too. */
  readonly unsentBytes: number;
}

export const DATA_EXCHANGE_DEFAULTS: DataExchangeLimits = {
  frameBytes: 4_194_304,
  frameMs: 60_000,
  peerBytes: 16_777_216,
  bytes: 67_108_864,
  unsentBytes: 1_048_576,
};

/** Why a stream was ended, or, of the last, a frame was not taken. */
export type DataExchangeFault = 'malformed' | 'oversize' | 'over-share' | 'too-slow' | 'agent-failed';

/**
 * Data exchange, port 1001: each frame is answered by one text frame, `ACK …` or `ERR …`, and handed to the agent, which
 * may reply with frames of its own on the same stream. Repeated message ids are acknowledged and not handed on.
 */
export class DataExchangeService implements Service {
  readonly port = PORT.dataExchange;
  readonly #onMessage: (message: DataMessage, reply: DataReply, now: Instant) => void;
  readonly #limits: DataExchangeLimits;
  readonly #budget: ByteBudget;
  readonly #deadlines = new DeadlineQueue<DataExchangeStream>();
  readonly #faults = new Tally<DataExchangeFault>();
  readonly #seen = new BoundedMap<string, true>(REMEMBERED_MESSAGES);

  constructor(
    onMessage: (message: DataMessage, reply: DataReply, now: Instant) => void,
    limits: Partial<DataExchangeLimits> = {},
  ) {
    this.#onMessage = onMessage;
    this.#limits = { ...DATA_EXCHANGE_DEFAULTS, ...limits };
    this.#budget = new ByteBudget(this.#limits.bytes, this.#limits.peerBytes);
  }

  get faults(): ReadonlyMap<DataExchangeFault, number> {
    return this.#faults.counts;
  }

  /** Bytes of unfinished frames and unread answers. */
  get heldBytes(): number {
    return this.#budget.total;
  }

  accept(stream: ServiceStream): StreamHandler {
    const source = String(stream.peerNodeId);
    const handler: DataExchangeStream = new DataExchangeStream(stream, this.#limits, {
      take: (frame, reply, now) => this.#take(stream, frame, reply, now),
      held: this.#budget.open(source),
      unsent: this.#budget.open(source),
      finishBy: (deadline) => this.#deadlines.set(handler, deadline),
      count: (fault) => this.#faults.add(fault),
    });
    return handler;
  }

  handleTimeout(now: Instant): void {
    for (;;) {
      const stream = this.#deadlines.takeDue(now.monotonicMs);
      if (stream === undefined) return;
      stream.end('too-slow', now);
    }
  }

  nextTimeout(): Millis | undefined {
    return this.#deadlines.next();
  }

  /** Hands a frame to the agent and returns the text of the answer. */
  #take(stream: ServiceStream, frame: DataFrame, reply: DataReply, now: Instant): string {
    const { inner, messageId } = unwrap(frame);
    const kind = KINDS.get(inner.type);
    if (kind === undefined) return refusalText(frame, `unsupported frame type ${inner.type}`);
    if (messageId !== undefined && this.#isRepeated(`${stream.peerNodeId} ${messageId}`)) {
      return `${acknowledgementText(inner)} (duplicate)`;
    }
    const { peerNodeId, groupId, span } = stream;
    const link = (context: SpanContext) => stream.link(context);
    try {
      this.#onMessage({ kind, payload: inner.payload, peerNodeId, groupId, messageId, span, link }, reply, now);
    } catch {
      this.#faults.add('agent-failed'); // the agent's fault is not the peer's: its stream goes on
      return refusalText(inner, 'the agent failed');
    }
    return acknowledgementText(inner);
  }

  #isRepeated(id: string): boolean {
    if (this.#seen.has(id)) return true;
    this.#seen.set(id, true);
    return false;
  }
}

function unwrap(frame: DataFrame): { readonly inner: DataFrame; readonly messageId: string | undefined } {
  if (frame.type !== DATA_TYPE.tagged) return { inner: frame, messageId: undefined };
  const tagged = decodeTaggedData(frame.payload);
  return {
    inner: { type: tagged.innerType, fileName: '', payload: tagged.innerPayload },
    messageId: tagged.messageId,
  };
}

/** What a stream has of its service. */
interface StreamHost {
  readonly take: (frame: DataFrame, reply: DataReply, now: Instant) => string;
  readonly held: HeldBytes;
  readonly unsent: HeldBytes;
  finishBy(deadline: Millis | undefined): void;
  count(fault: DataExchangeFault): void;
}

class DataExchangeStream implements StreamHandler {
  readonly #stream: ServiceStream;
  readonly #limits: DataExchangeLimits;
  readonly #host: StreamHost;
  readonly #decoder: DataFrameDecoder;
  readonly #unsent: Uint8Array[] = [];
  #inFrame = false;
  #closed = false;

  constructor(stream: ServiceStream, limits: DataExchangeLimits, host: StreamHost) {
    this.#stream = stream;
    this.#limits = limits;
    this.#host = host;
    this.#decoder = new DataFrameDecoder(limits.frameBytes);
  }

  handleReadable(now: Instant): void {
    while (!this.#closed && this.#host.unsent.bytes < this.#limits.unsentBytes) {
      const bytes = this.#stream.read(now);
      if (bytes === undefined) return;
      this.#decoder.push(bytes);
      this.#handleFrames(now);
      if (!this.#closed) this.#account(now);
    }
  }

  handleWritable(now: Instant): void {
    this.#flush(now);
    this.handleReadable(now);
  }

  handleClosed(): void {
    this.#closed = true;
    this.#unsent.length = 0;
    this.#host.held.release();
    this.#host.unsent.release();
    this.#host.finishBy(undefined);
  }

  /** Ends the stream: what follows has no meaning, or no room. */
  end(fault: DataExchangeFault, now: Instant): void {
    if (this.#closed) return;
    this.#host.count(fault);
    this.handleClosed();
    this.#stream.reset(now);
  }

  #handleFrames(now: Instant): void {
    for (let frame = this.#nextFrame(now); frame !== undefined && !this.#closed; frame = this.#nextFrame(now)) {
      this.#setInFrame(false, now);
      const answer = this.#answerTo(frame, now);
      if (answer !== undefined) this.#send(DATA_TYPE.text, utf8(answer), now);
    }
  }

  #nextFrame(now: Instant): DataFrame | undefined {
    return this.#refusing(() => this.#decoder.next(), now);
  }

  #answerTo(frame: DataFrame, now: Instant): string | undefined {
    return this.#refusing(
      () => this.#host.take(frame, (kind, payload, at) => this.#reply(kind, payload, at), now),
      now,
    );
  }

  /** What the codec refuses ends the stream; anything else is a fault of ours and goes on to who contains it. */
  #refusing<T>(act: () => T, now: Instant): T | undefined {
    try {
      return act();
    } catch (error) {
      if (!(error instanceof PilotError && error.code.startsWith('frame.'))) throw error;
      this.end(error.code === 'frame.oversize' ? 'oversize' : 'malformed', now);
      return undefined;
    }
  }

  /** Books the memory of an unfinished frame, and gives it a time by which it must be whole. */
  #account(now: Instant): void {
    const { held } = this.#host;
    const more = this.#decoder.capacity - held.bytes;
    if (more < 0) held.give(-more);
    else if (!held.add(more)) return this.end('over-share', now);
    this.#setInFrame(this.#decoder.buffered > 0, now);
  }

  #setInFrame(inFrame: boolean, now: Instant): void {
    if (inFrame === this.#inFrame) return;
    this.#inFrame = inFrame;
    this.#host.finishBy(inFrame ? now.monotonicMs + this.#limits.frameMs : undefined);
  }

  #reply(kind: DataMessage['kind'], payload: Uint8Array, now: Instant): boolean {
    if (this.#closed) return false;
    this.#send(TYPES[kind], payload, now);
    return !this.#closed;
  }

  #send(type: number, payload: Uint8Array, now: Instant): void {
    const bytes = encodeDataFrame({ type, fileName: '', payload }); // head and body in one write
    if (this.#closed) return;
    if (!this.#host.unsent.add(bytes.length)) return this.end('over-share', now);
    this.#unsent.push(bytes);
    this.#flush(now);
  }

  #flush(now: Instant): void {
    for (let next = this.#unsent[0]; next !== undefined; next = this.#unsent[0]) {
      const taken = this.#stream.write(next, now);
      this.#host.unsent.give(taken);
      if (taken < next.length) {
        this.#unsent[0] = next.subarray(taken);
        return;
      }
      this.#unsent.shift();
    }
  }
}
