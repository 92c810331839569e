import { gunzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { PilotError } from '../base/errors.ts';
import { ExportServiceResponseSchema, RpcStatusSchema } from './generated/otlp_pb.ts';
import type { LogRecord } from './log-record.ts';
import { decodeLogs, decodeTraces, type OtlpEncoding } from './otlp-decode.ts';
import type { Decoded } from './otlp-decode-parts.ts';
import type { Arrival, SpanRecord } from './span.ts';

export const LARGEST_BODY_BYTES = 16 * 1024 * 1024;
export const LARGEST_UNPACKED_BYTES = 64 * 1024 * 1024;

export interface RequestHead {
  readonly method: string;
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** True for a stream of the overlay, whose peer the tunnel authenticated: no web page can reach it. */
  readonly overlay: boolean;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
}

/** A request whose head is in order: what its body will be. */
export interface ExpectedExport {
  readonly signal: 'traces' | 'logs';
  readonly encoding: OtlpEncoding;
  readonly gzip: boolean;
}

export type ExportBatch =
  | { readonly signal: 'traces'; readonly decoded: Decoded<SpanRecord> }
  | { readonly signal: 'logs'; readonly decoded: Decoded<LogRecord> };

const SIGNALS: Readonly<Record<string, ExpectedExport['signal']>> = { '/v1/traces': 'traces', '/v1/logs': 'logs' };
const CONTENT_TYPES = { json: 'application/json', protobuf: 'application/x-protobuf' } as const;
const LOOPBACK_HOST = /^(localhost|127(?:\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/**
 * Judges a request by its head, before any of its body is read: the expected export, or the reply that refuses it.
 * A web page is known by its Origin, and a rebound name by its Host; neither may post here.
 */
export function judgeHead(head: RequestHead): ExpectedExport | HttpReply {
  const { headers } = head;
  if (!head.overlay && (headers.origin !== undefined || !LOOPBACK_HOST.test(header(headers.host)))) {
    return plain(403, 'This receiver takes telemetry of programs on this machine only.');
  }
  const path = head.url.split('?', 1)[0] ?? '';
  const signal = SIGNALS[path.replace(/(?<=.)\/$/, '')];
  if (signal === undefined) return plain(404, 'Telemetry goes to /v1/traces and /v1/logs.');
  if (head.method !== 'POST') return plain(405, 'Telemetry is sent with POST.', { allow: 'POST' });
  const encoding = encodingOf(header(headers['content-type']));
  if (encoding === undefined) return plain(415, 'The content type must be application/json or application/x-protobuf.');
  const packed = header(headers['content-encoding']).trim().toLowerCase();
  if (packed !== '' && packed !== 'gzip' && packed !== 'identity') {
    return refusal(encoding, 415, `content encoding ${packed} is not understood`, { 'accept-encoding': 'gzip' });
  }
  if (Number(header(headers['content-length'])) > LARGEST_BODY_BYTES) return tooLarge(encoding);
  return { signal, encoding, gzip: packed === 'gzip' };
}

/** Unpacks and decodes a body: what it holds, or the reply that refuses it whole. */
export function readExport(expected: ExpectedExport, body: Uint8Array, arrival: Arrival): ExportBatch | HttpReply {
  const { encoding, gzip, signal } = expected;
  try {
    const bytes = gzip ? new Uint8Array(gunzipSync(body, { maxOutputLength: LARGEST_UNPACKED_BYTES })) : body;
    if (signal === 'traces') return { signal, decoded: decodeTraces(bytes, encoding, arrival) };
    return { signal, decoded: decodeLogs(bytes, encoding, arrival) };
  } catch (error) {
    if (error instanceof PilotError) return refusal(encoding, 400, error.message);
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return tooLarge(encoding);
    if (gzip && typeof (error as NodeJS.ErrnoException).code === 'string')
      return refusal(encoding, 400, 'the body is not gzip');
    throw error;
  }
}

/** The reply to an export that was stored, with what could not be kept. */
export function acknowledge(expected: ExpectedExport, decoded: Decoded<unknown>): HttpReply {
  const rejected = [...decoded.rejected.values()].reduce((sum, count) => sum + count, 0);
  const reasons = [...decoded.rejected].map(([reason, count]) => `${count} with a bad ${reason}`).join(', ');
  const errorMessage = rejected > 0 ? `not kept: ${reasons}` : (decoded.warning ?? '');
  const headers = { 'content-type': CONTENT_TYPES[expected.encoding] };
  if (expected.encoding === 'protobuf') {
    const partial =
      rejected > 0 || errorMessage !== '' ? { partialSuccess: { rejected: BigInt(rejected), errorMessage } } : {};
    return {
      status: 200,
      headers,
      body: toBinary(ExportServiceResponseSchema, create(ExportServiceResponseSchema, partial)),
    };
  }
  const key = expected.signal === 'traces' ? 'rejectedSpans' : 'rejectedLogRecords';
  const partialSuccess = {
    ...(rejected > 0 ? { [key]: String(rejected) } : {}),
    ...(errorMessage === '' ? {} : { errorMessage }),
  };
  return { status: 200, headers, body: JSON.stringify(errorMessage === '' ? {} : { partialSuccess }) };
}

export function tooLarge(encoding: OtlpEncoding): HttpReply {
  return refusal(
    encoding,
    413,
    `a request may have ${LARGEST_BODY_BYTES} bytes as sent and ${LARGEST_UNPACKED_BYTES} unpacked`,
  );
}

/** The store cannot take more now: the exporter is to come again. */
export function busy(encoding: OtlpEncoding, words: string): HttpReply {
  return refusal(encoding, 503, words, { 'retry-after': '1' });
}

function encodingOf(contentType: string): OtlpEncoding | undefined {
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase();
  if (type === CONTENT_TYPES.json) return 'json';
  return type === CONTENT_TYPES.protobuf || type === 'application/protobuf' ? 'protobuf' : undefined;
}

function refusal(
  encoding: OtlpEncoding,
  status: number,
  message: string,
  extra: Readonly<Record<string, string>> = {},
): HttpReply {
  const headers = { 'content-type': CONTENT_TYPES[encoding], ...extra };
  if (encoding === 'json') return { status, headers, body: JSON.stringify({ code: 3, message }) };
  return { status, headers, body: toBinary(RpcStatusSchema, create(RpcStatusSchema, { code: 3, message })) };
}

function plain(status: number, words: string, extra: Readonly<Record<string, string>> = {}): HttpReply {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...extra }, body: `${words}\n` };
}

function header(value: string | readonly string[] | undefined): string {
  return typeof value === 'string' ? value : (value?.[0] ?? '');
}
