import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
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
const unzip = { gzip: promisify(gunzip), deflate: promisify(inflate) } as const;

/** The coding a request names, or undefined for one that is not understood. */
export function codingOf({ headers }: HttpHead<unknown>): ContentCoding | undefined {
  const name = (headers['content-encoding'] ?? '').trim().toLowerCase();
  return Object.hasOwn(CODINGS, name) ? CODINGS[name] : undefined;
}

/**
 * Unpacks a body; the limit ends it while it inflates, not after. All members of a gzip file are read (RFC 1952 2.2);
 * other bytes after the last one make it damaged.
 *
 * @throws PilotError `frame.oversize` beyond the limit, `frame.invalid` for damaged data.
 */
export async function unpack(body: Uint8Array, coding: ContentCoding, mostBytes: number): Promise<Uint8Array> {
  if (coding === 'identity') return body;
  try {
    return await unzip[coding](body, { maxOutputLength: mostBytes });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new PilotError('frame.oversize', `the body is larger than ${mostBytes} bytes when unpacked`, {}, { cause });
    }
    throw malformed(`the body is not ${coding}`, cause);
  }
}
