import { randomBytes } from 'node:crypto';
import { Identity } from '../crypto/identity.ts';
import { readStateFile, writeStateFile } from '../io/state-file.ts';
import { base64, fromBase64 } from '../wire/registry-message.ts';

/** Reads the identity of a node from its owner-only file, or makes one there. */
export async function loadIdentity(path: string, onCorrupt: (asideAt: string) => void): Promise<Identity> {
  const known = await readStateFile(path, parseIdentity, (aside) => onCorrupt(aside));
  if (known !== undefined) return known;
  const identity = createIdentity();
  await writeStateFile(path, `${JSON.stringify({ secret_key: base64(identity.exportSecretKey()) })}\n`);
  return identity;
}

/** A fresh identity that no file keeps. */
export function createIdentity(): Identity {
  return Identity.create((length) => new Uint8Array(randomBytes(length)));
}

function parseIdentity(content: string): Identity {
  const value: unknown = JSON.parse(content);
  const text = typeof value === 'object' && value !== null ? Reflect.get(value, 'secret_key') : undefined;
  const secret = typeof text === 'string' ? fromBase64(text) : undefined;
  if (secret === undefined) throw new Error('no secret_key');
  return Identity.fromSecretKey(secret);
}
