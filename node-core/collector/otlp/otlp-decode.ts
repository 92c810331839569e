import type { LogRecord } from '../log-record.ts';
import type { Arrival, SpanRecord } from '../span.ts';
import { decodeLogsJson, decodeTracesJson } from './otlp-decode-json.ts';
import { type Decoded, MOST_PARTS, tooManyParts } from './otlp-decode-parts.ts';
import { decodeLogsProto, decodeTracesProto } from './otlp-decode-proto.ts';
import { limitLogs, limitSpans } from './otlp-limits.ts';

const OPEN_OBJECT = 0x7b;
const OPEN_ARRAY = 0x5b;

export type OtlpEncoding = 'json' | 'protobuf';

/** What a request held, with what of it could not be read. */
export type ExportBatch = (
  | { readonly signal: 'traces'; readonly decoded: Decoded<SpanRecord> }
  | { readonly signal: 'logs'; readonly decoded: Decoded<LogRecord> }
) & {
  /** Bytes of the request, unpacked. */
  readonly bytes: number;
};

/**
 * Decodes the body of an export request for traces. Whatever a sender writes, the outcome is exact records, records that
 * are counted as rejected, or an error.
 *
 * @throws PilotError `frame.invalid` when the body as a whole cannot be read; then nothing of it is kept.
 */
export function decodeTraces(body: Uint8Array, encoding: OtlpEncoding, arrival: Arrival): Decoded<SpanRecord> {
  const decoded = encoding === 'json' ? ofJson(body, arrival, decodeTracesJson) : decodeTracesProto(body, arrival);
  return limitSpans(decoded, body.length);
}

/** The same for logs. */
export function decodeLogs(body: Uint8Array, encoding: OtlpEncoding, arrival: Arrival): Decoded<LogRecord> {
  const decoded = encoding === 'json' ? ofJson(body, arrival, decodeLogsJson) : decodeLogsProto(body, arrival);
  return limitLogs(decoded, body.length);
}

/**
 * Decodes a JSON body, if it has not so many parts that they would not fit into memory. Bytes that are no UTF-8 become
 * U+FFFD; a byte order mark is left out.
 *
 * @throws PilotError `frame.oversize`
 */
function ofJson<R>(
  body: Uint8Array,
  arrival: Arrival,
  decode: (json: string, arrival: Arrival, parts: number) => Decoded<R>,
): Decoded<R> {
  let parts = 0;
  for (const byte of body) {
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) parts += 1; // also those inside text: no request comes near
  }
  if (parts > MOST_PARTS) throw tooManyParts();
  return decode(new TextDecoder().decode(body), arrival, parts);
}
