import { utf8 } from '../base/bytes.ts';
import { verifySignature } from '../crypto/identity.ts';
import { fromBase64, type JsonObject, signedString } from '../wire/registry-message.ts';
import { RegistryRefusal } from '../wire/registry-refusal.ts';
import {
  type Credentials,
  type RegistryCall,
  type RequestOf,
  readCredentials,
  readRequest,
} from '../wire/registry-request.ts';
import type { ProofGuard } from './proof-guard.ts';

/** One request: what it asks, and by what right. */
export class Request<T extends RegistryCall = RegistryCall> {
  readonly type: T;
  readonly fields: RequestOf<T>;
  readonly credentials: Credentials;
  readonly #message: JsonObject;

  readonly #proofs: ProofGuard | undefined;

  /** @param proofs - Where only requests that are signed as a whole are believed. */
  constructor(type: T, message: JsonObject, proofs?: ProofGuard) {
    this.#proofs = proofs;
    this.type = type;
    this.fields = readRequest(type, message);
    this.credentials = readCredentials(message);
    this.#message = message;
  }

  get signed(): boolean {
    return this.credentials.signature !== '';
  }

  /**
   * Requires the signature of the node that the request speaks for.
   *
   * @throws RegistryRefusal when it is missing, malformed or of another key.
   */
  requireSignature(publicKey: Uint8Array): void {
    if (!this.signed) throw new RegistryRefusal('signature-missing');
    const signature = fromBase64(this.credentials.signature);
    if (signature === undefined) throw new RegistryRefusal('signature-malformed');
    const signed = signedString(this.type, this.#message);
    if (signed === undefined || !verifySignature(publicKey, utf8(signed), signature)) {
      throw new RegistryRefusal('signature-wrong');
    }
    this.#proofs?.require(this.#message, this.credentials, publicKey);
  }
}
