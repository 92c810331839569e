import { ByteBudget } from '../../base/byte-budget.ts';
import type { UnixNano } from '../../base/clock.ts';
import { PilotError } from '../../base/errors.ts';
import type { HttpHandler, HttpHead, HttpReply } from '../../base/http.ts';
import type { Exporter } from '../span.ts';
import { decodeLogs, decodeTraces, type ExportBatch, type OtlpEncoding } from './otlp-decode.ts';
import { codingOf, unpack } from './otlp-receiver-body.ts';
import { refusal, success } from './otlp-receiver-reply.ts';

/**
 * Stores a batch. Resolves with true once it is on disk, with false when there is no room for it now; rejects when it
 * cannot be stored.
 */
export type KeepBatch = (batch: ExportBatch) => Promise<boolean>;

export interface OtlpReceiverOptions {
  readonly now: () => UnixNano;
  readonly keep: KeepBatch;
  /** Names under which a plain connection may address this server, without port. */
  readonly hosts: readonly string[];
  /** Bytes a body may have after unpacking. */
  readonly mostUnpackedBytes?: number;
  /** What requests take in memory, from the unpacking of their bodies until they are stored. */
  readonly budget?: ByteBudget;
}

type Head = HttpHead<Exporter>;

export const MOST_SENT_BYTES = 16 * 1024 * 1024;
export const MOST_UNPACKED_BYTES = 32 * 1024 * 1024;
/** In all, and of one source; one request of the largest kind fits. */
const MOST_HELD_BYTES = 256 * 1024 * 1024;
const MOST_HELD_OF_ONE = 160 * 1024 * 1024;
/** What a decoded object or array takes in memory, however small it is when it is sent. */
const BYTES_OF_A_PART = 128;

const SIGNALS: Readonly<Record<string, ExportBatch['signal']>> = { '/v1/traces': 'traces', '/v1/logs': 'logs' };
const ENCODINGS: Readonly<Record<string, OtlpEncoding>> = {
  'application/json': 'json',
  'application/x-protobuf': 'protobuf',
  'application/protobuf': 'protobuf',
};

/**
 * OTLP/HTTP as a function of a request: traces and logs, in protobuf or JSON, plain, gzip or deflate. Metrics are not
 * collected, which is said with 404, so that an exporter reports it instead of believing that they are kept. A 200 means
 * that everything but what the reply counts as rejected is on disk.
 *
 * @see PROTOCOL.md, "OTLP receiver"
 */
export class OtlpReceiver implements HttpHandler<Exporter> {
  readonly #options: OtlpReceiverOptions;
  readonly #budget: ByteBudget;

  constructor(options: OtlpReceiverOptions) {
    this.#options = options;
    this.#budget = options.budget ?? new ByteBudget(MOST_HELD_BYTES, MOST_HELD_OF_ONE);
  }

  admit(head: Head): HttpReply | undefined {
    const { encoding, mediaType } = encodingOf(head);
    const refuse = (status: number, text: string, headers: Record<string, string> = {}): HttpReply =>
      refusal(status, encoding ?? 'json', mediaType, text, headers);
    if (head.peer === undefined && !this.#isLocal(head)) {
      return refuse(403, 'web pages and foreign host names have no access');
    }
    if (signalOf(head) === undefined) {
      return refuse(404, 'send to /v1/traces or /v1/logs; metrics are not collected');
    }
    if (head.method !== 'POST') return refuse(405, 'OTLP is sent with POST', { allow: 'POST' });
    if (encoding === undefined) {
      return refuse(415, 'the content type is application/x-protobuf or application/json');
    }
    if (codingOf(head) === undefined) {
      return refuse(415, 'the content encoding is gzip, deflate or identity', { 'accept-encoding': 'gzip, deflate' });
    }
    const length = Number(head.headers['content-length'] ?? 0);
    return length > MOST_SENT_BYTES ? this.refuse(head, 413) : undefined;
  }

  async handle(head: Head, body: Uint8Array): Promise<HttpReply> {
    const { encoding, mediaType } = encodingOf(head);
    const signal = signalOf(head);
    const coding = codingOf(head);
    if (encoding === undefined || signal === undefined || coding === undefined) return this.refuse(head, 503);
    const held = this.#budget.open(head.peer?.publicKey ?? '');
    try {
      const most = this.#options.mostUnpackedBytes ?? MOST_UNPACKED_BYTES;
      const plain = await unpack(body, coding, most, (bytes) => held.add(bytes));
      const batch = this.#decode(signal, plain, encoding, head.peer);
      const room = held.add(batch.decoded.parts * BYTES_OF_A_PART);
      if (!room || !(await this.#kept(batch))) throw new PilotError('queue.full', 'the store is busy');
      return success(mediaType, encoding, batch);
    } catch (error) {
      return refusalOf(error, encoding, mediaType);
    } finally {
      held.release();
    }
  }

  /** What the store fails with is no fault of the request, whatever it is: its sender is told to send again. */
  async #kept(batch: ExportBatch): Promise<boolean> {
    try {
      return await this.#options.keep(batch);
    } catch (cause) {
      throw cause instanceof PilotError
        ? cause
        : new PilotError('store.unavailable', 'the store failed', {}, { cause });
    }
  }

  refuse(head: Head, status: 413 | 503): HttpReply {
    const { encoding = 'json', mediaType } = encodingOf(head);
    return status === 413
      ? refusal(413, encoding, mediaType, `the body is larger than ${MOST_SENT_BYTES} bytes`)
      : refusal(503, encoding, mediaType, 'too many requests are under way', { 'retry-after': '1' });
  }

  /** A page of another origin has `Origin`; one that rebinds a name to loopback has that name in `Host`. */
  #isLocal({ headers: { host = '', origin } }: Head): boolean {
    const name = host.replace(/:\d*$/, '').toLowerCase();
    if (!this.#options.hosts.includes(name)) return false;
    return origin === undefined || origin.toLowerCase() === `http://${host.toLowerCase()}`;
  }

  #decode(
    signal: ExportBatch['signal'],
    body: Uint8Array,
    encoding: OtlpEncoding,
    exporter: Exporter | undefined,
  ): ExportBatch {
    const arrival = { arrivedAt: this.#options.now(), exporter };
    return signal === 'traces'
      ? { signal, decoded: decodeTraces(body, encoding, arrival), bytes: body.length }
      : { signal, decoded: decodeLogs(body, encoding, arrival), bytes: body.length };
  }
}

function signalOf({ target }: Head): ExportBatch['signal'] | undefined {
  const path = target.replace(/[?#].*$/s, '').replace(/\/$/, '');
  return Object.hasOwn(SIGNALS, path) ? SIGNALS[path] : undefined;
}

function encodingOf({ headers }: Head): { encoding: OtlpEncoding | undefined; mediaType: string } {
  const mediaType = (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const encoding = Object.hasOwn(ENCODINGS, mediaType) ? ENCODINGS[mediaType] : undefined;
  return { encoding, mediaType: encoding === undefined ? 'application/json' : mediaType };
}

/** What went wrong as a status that tells an exporter whether to send again. */
function refusalOf(error: unknown, encoding: OtlpEncoding, mediaType: string): HttpReply {
  const code = error instanceof PilotError ? error.code : undefined;
  const text = error instanceof PilotError ? error.message : 'the request could not be read';
  if (code === 'frame.oversize') return refusal(413, encoding, mediaType, text);
  if (code === 'queue.full') return refusal(429, encoding, mediaType, text, { 'retry-after': '1' });
  if (code === 'store.unavailable') return refusal(503, encoding, mediaType, text, { 'retry-after': '5' });
  return refusal(400, encoding, mediaType, text);
}
