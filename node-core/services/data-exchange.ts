import { utf8 } from '../base/bytes.ts';
import type { Instant } from '../base/clock.ts';
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
/** Answers that wait for a peer that does not read them; above it the peer's frames wait too. */
const MAX_UNSENT_BYTES = 1_048_576;
const REMEMBERED_MESSAGES = 1_024;

/**
 * Data exchange, port 1001: each frame is answered by one text frame, `ACK …` or `ERR …`, and handed to the agent, which
 * may reply with frames of its own on the same stream. Repeated message ids are acknowledged and not handed on.
 */
export class DataExchangeService implements Service {
  readonly port = PORT.dataExchange;
  readonly #onMessage: (message: DataMessage, reply: DataReply, now: Instant) => void;
  readonly #seen = new Set<string>();

  constructor(onMessage: (message: DataMessage, reply: DataReply, now: Instant) => void) {
    this.#onMessage = onMessage;
  }

  accept(stream: ServiceStream): StreamHandler {
    return new DataExchangeStream(stream, (frame, reply, now) => this.#take(stream, frame, reply, now));
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
    this.#onMessage({ kind, payload: inner.payload, peerNodeId, groupId, messageId, span, link }, reply, now);
    return acknowledgementText(inner);
  }

  #isRepeated(id: string): boolean {
    if (this.#seen.has(id)) return true;
    this.#seen.add(id);
    if (this.#seen.size > REMEMBERED_MESSAGES) this.#seen.delete(this.#seen.values().next().value as string);
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

class DataExchangeStream implements StreamHandler {
  readonly #stream: ServiceStream;
  readonly #take: (frame: DataFrame, reply: DataReply, now: Instant) => string;
  readonly #decoder = new DataFrameDecoder();
  readonly #unsent: Uint8Array[] = [];
  #unsentBytes = 0;
  #closed = false;

  constructor(stream: ServiceStream, take: (frame: DataFrame, reply: DataReply, now: Instant) => string) {
    this.#stream = stream;
    this.#take = take;
  }

  handleReadable(now: Instant): void {
    while (!this.#closed && this.#unsentBytes < MAX_UNSENT_BYTES) {
      const bytes = this.#stream.read(now);
      if (bytes === undefined) return;
      this.#decoder.push(bytes);
      this.#handleFrames(now);
    }
  }

  handleWritable(now: Instant): void {
    this.#flush(now);
    this.handleReadable(now);
  }

  handleClosed(): void {
    this.#closed = true;
    this.#unsent.length = 0;
  }

  /** A frame that cannot be read ends the stream: what follows it has no meaning. */
  #handleFrames(now: Instant): void {
    try {
      for (let frame = this.#decoder.next(); frame !== undefined; frame = this.#decoder.next()) {
        const received = frame;
        this.#send(
          DATA_TYPE.text,
          utf8(this.#take(received, (kind, payload, at) => this.#reply(kind, payload, at), now)),
          now,
        );
      }
    } catch {
      this.#closed = true;
      this.#stream.reset(now);
    }
  }

  #reply(kind: DataMessage['kind'], payload: Uint8Array, now: Instant): boolean {
    if (this.#closed) return false;
    this.#send(TYPES[kind], payload, now);
    return true;
  }

  #send(type: number, payload: Uint8Array, now: Instant): void {
    const bytes = encodeDataFrame({ type, fileName: '', payload }); // head and body in one write
    this.#unsent.push(bytes);
    this.#unsentBytes += bytes.length;
    this.#flush(now);
  }

  #flush(now: Instant): void {
    for (let next = this.#unsent[0]; next !== undefined; next = this.#unsent[0]) {
      const taken = this.#stream.write(next, now);
      this.#unsentBytes -= taken;
      if (taken < next.length) {
        this.#unsent[0] = next.subarray(taken);
        return;
      }
      this.#unsent.shift();
    }
  }
}
