import { RegistryRefusal } from '../wire/registry-refusal.ts';

const NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
const RESERVED = new Set(['localhost', 'backbone', 'broadcast']);
const MAX_NAME = 63;
const MAX_TAGS = 10;
const MAX_TAG = 32;

/** @throws RegistryRefusal in the words running servers use; an empty name clears it and is fine. */
export function checkHostname(hostname: string): void {
  if (hostname === '') return;
  if (hostname.length > MAX_NAME)
    throw new RegistryRefusal('hostname-invalid', `hostname too long (max ${MAX_NAME} chars)`);
  if (!NAME.test(hostname)) {
    const rule = 'hostname must be lowercase alphanumeric with hyphens, start/end with alphanumeric';
    throw new RegistryRefusal('hostname-invalid', rule);
  }
  if (RESERVED.has(hostname)) throw new RegistryRefusal('hostname-invalid', `hostname "${hostname}" is reserved`);
}

/** One leading `#` is dropped, and repeats. */
export function cleanTags(tags: readonly string[]): string[] {
  const clean = [...new Set(tags.map((tag) => tag.replace(/^#/, '')))];
  if (clean.length > MAX_TAGS) throw new RegistryRefusal('tags-too-many', MAX_TAGS);
  for (const tag of clean) {
    if (tag.length > MAX_TAG) throw new RegistryRefusal('tag-too-long', tag.slice(0, MAX_TAG), MAX_TAG);
    if (!NAME.test(tag)) throw new RegistryRefusal('tag-invalid', tag);
  }
  return clean;
}

/** A name of a group. */
export function isGroupName(name: string): boolean {
  return name.length <= MAX_NAME && NAME.test(name) && name !== 'backbone';
}
