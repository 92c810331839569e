import { utf8 } from '../base/bytes.ts';
import { verifySignature } from '../crypto/identity.ts';
import { fromBase64, type Json, type JsonObject, signedString } from '../wire/registry-message.ts';

/** A request that fails with these words. The connection stays open. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
}

/** Reads fields as running servers do: a missing or misplaced value is 0, false, '' or []. */
export class Request {
  readonly type: string;
  readonly fields: JsonObject;

  constructor(fields: JsonObject) {
    this.fields = fields;
    this.type = this.text('type');
  }

  has(name: string): boolean {
    return this.fields[name] !== undefined;
  }

  text(name: string): string {
    const value = this.fields[name];
    return typeof value === 'string' ? value : '';
  }

  truth(name: string): boolean {
    return this.fields[name] === true;
  }

  uint(name: string, bits: 16 | 32): number {
    const value = this.fields[name];
    if (typeof value !== 'number' || !Number.isFinite(value)) return 0;
    const whole = Math.trunc(value);
    return whole >= 0 && whole < 2 ** bits ? whole : 0;
  }

  texts(name: string): string[] {
    const value = this.fields[name];
    return Array.isArray(value) ? value.filter((item: Json): item is string => typeof item === 'string') : [];
  }
}

/**
 * Requires the signature of the node that a request speaks for.
 *
 * @throws RequestError when it is missing, malformed or of another key.
 */
export function requireSignature(request: Request, publicKey: Uint8Array): void {
  const text = request.text('signature');
  if (text === '') throw new RequestError('signature required for authenticated node');
  const signature = fromBase64(text);
  if (signature === undefined)
    throw new RequestError('invalid signature encoding: illegal base64 data at input byte 0');
  const signed = signedString(request.type, request.fields);
  if (signed !== undefined && verifySignature(publicKey, utf8(signed), signature)) return;
  throw new RequestError('signature verification failed');
}
