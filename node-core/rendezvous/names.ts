import { RequestError } from './request.ts';

const NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
const RESERVED = new Set(['localhost', 'backbone', 'broadcast']);
const MAX_NAME = 63;
const MAX_TAGS = 10;
const MAX_TAG = 32;

/** @throws RequestError in the words running servers use; an empty name clears it and is fine. */
export function checkHostname(hostname: string): void {
  if (hostname === '') return;
  if (hostname.length > MAX_NAME) throw new RequestError('invalid hostname: hostname too long (max 63 chars)');
  if (!NAME.test(hostname)) {
    throw new RequestError(
      'invalid hostname: hostname must be lowercase alphanumeric with hyphens, start/end with alphanumeric',
    );
  }
  if (RESERVED.has(hostname)) throw new RequestError(`invalid hostname: hostname "${hostname}" is reserved`);
}

/** One leading `#` is dropped, and repeats. */
export function cleanTags(tags: readonly string[]): string[] {
  const clean = [...new Set(tags.map((tag) => tag.replace(/^#/, '')))];
  if (clean.length > MAX_TAGS) throw new RequestError('too many tags (max 10)');
  for (const tag of clean) {
    if (tag.length > MAX_TAG) throw new RequestError(`tag "${tag.slice(0, MAX_TAG)}…" too long (max 32 chars)`);
    if (!NAME.test(tag)) throw new RequestError(`invalid tag "${tag}"`);
  }
  return clean;
}
