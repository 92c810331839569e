import { create, toBinary } from '@bufbuild/protobuf';
import { utf8 } from '../../base/bytes.ts';
import type { HttpReply } from '../../base/http.ts';
import { ExportServiceResponseSchema, RpcStatusSchema } from './generated/otlp_pb.ts';
import type { ExportBatch, OtlpEncoding } from './otlp-decode.ts';
import type { Decoded } from './otlp-decode-parts.ts';

/** Numbers of google.rpc.Code. */
const RPC_CODE: Readonly<Record<number, number>> = { 400: 3, 403: 7, 404: 5, 405: 12, 413: 3, 415: 3, 429: 8, 503: 14 };
const REJECTED_FIELD = { traces: 'rejectedSpans', logs: 'rejectedLogRecords' } as const;

/** 200, in the encoding of the request; what was not kept is counted in it. */
export function success(mediaType: string, encoding: OtlpEncoding, { signal, decoded }: ExportBatch): HttpReply {
  const rejected = [...decoded.rejected.values()].reduce((sum, count) => sum + count, 0);
  const errorMessage = messageOf(decoded);
  const partial = rejected > 0 || errorMessage !== '';
  return reply(200, mediaType, encoding === 'json' ? jsonBody() : protoBody());

  function jsonBody(): Uint8Array {
    const partialSuccess = { [REJECTED_FIELD[signal]]: String(rejected), errorMessage };
    return utf8(JSON.stringify(partial ? { partialSuccess } : {}));
  }

  function protoBody(): Uint8Array {
    const partialSuccess = { rejected: BigInt(rejected), errorMessage };
    return toBinary(
      ExportServiceResponseSchema,
      create(ExportServiceResponseSchema, partial ? { partialSuccess } : {}),
    );
  }
}

/** Any other status: a google.rpc.Status in the encoding of the request. */
export function refusal(
  status: number,
  encoding: OtlpEncoding,
  mediaType: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): HttpReply {
  const fields = { code: RPC_CODE[status] ?? 2, message };
  const body =
    encoding === 'json' ? utf8(JSON.stringify(fields)) : toBinary(RpcStatusSchema, create(RpcStatusSchema, fields));
  return reply(status, mediaType, body, headers);
}

function messageOf({ rejected, warning, leftOut }: Decoded<unknown>): string {
  const reasons = [...rejected].map(([reason, count]) => `${count} with an unusable ${reason}`);
  if (leftOut > 0) reasons.push(`${leftOut} attributes are larger than is kept and were left out`);
  return [...reasons, ...(warning === undefined ? [] : [warning])].join('; ');
}

function reply(
  status: number,
  mediaType: string,
  body: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): HttpReply {
  return { status, headers: { 'content-type': mediaType, 'content-length': String(body.length), ...headers }, body };
}
