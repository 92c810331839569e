import { createGunzip, createInflate } from 'node:zlib';
import { PilotError } from '../../base/errors.ts';
import type { HttpHead } from '../../base/http.ts';
import { malformed } from './otlp-decode-parts.ts';

export type ContentCoding = 'identity' | 'gzip' | 'deflate';

const CODINGS: Readonly<Record<string, ContentCoding>> = {
  '': 'identity',
  identity: 'identity',
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
};
const CHUNK_BYTES = 64 * 1024;

/** The coding a request names, or undefined for one that is not understood. */
export function codingOf({ headers }: HttpHead<unknown>): ContentCoding | undefined {
  const name = (headers['content-encoding'] ?? '').trim().toLowerCase();
  return Object.hasOwn(CODINGS, name) ? CODINGS[name] : undefined;
}

/**
 * Unpacks a body; the limit ends it while it inflates, not after, and so does a `hold` that has no room for more. All
 * members of a gzip file are read (RFC 1952 2.2); other bytes after the last one make it damaged.
 *
 * @throws PilotError `frame.oversize` beyond the limit, `queue.full` without room, `frame.invalid` for damaged data.
 */
export async function unpack(
  body: Uint8Array,
  coding: ContentCoding,
  mostBytes: number,
  hold: (bytes: number) => boolean,
): Promise<Uint8Array> {
  if (coding === 'identity') {
    if (!hold(body.length)) throw noRoom();
    return body;
  }
  const unzip =
    coding === 'gzip' ? createGunzip({ chunkSize: CHUNK_BYTES }) : createInflate({ chunkSize: CHUNK_BYTES });
  const chunks: Buffer[] = [];
  let bytes = 0;
  unzip.end(body);
  try {
    for await (const chunk of unzip as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > mostBytes) throw tooLarge(mostBytes);
      if (!hold(chunk.length)) throw noRoom();
      chunks.push(chunk);
    }
  } catch (cause) {
    throw cause instanceof PilotError ? cause : malformed(`the body is not ${coding}`, cause);
  }
  return Buffer.concat(chunks);
}

function tooLarge(mostBytes: number): PilotError {
  return new PilotError('frame.oversize', `the body is larger than ${mostBytes} bytes when unpacked`);
}

function noRoom(): PilotError {
  return new PilotError('queue.full', 'too much is waiting to be stored');
}
