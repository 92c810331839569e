import { expect } from 'vitest';
import { utf8 } from '../../node-core/base/bytes.ts';
import type { Instant } from '../../node-core/base/clock.ts';
import type { Endpoint } from '../../node-core/base/transport.ts';
import { Identity } from '../../node-core/crypto/identity.ts';
import { Directory, type DirectoryOptions, type DirectoryReply } from '../../node-core/rendezvous/directory.ts';
import {
  base64,
  encodeRegistryRequest,
  type JsonObject,
  parseRegistryMessage,
} from '../../node-core/wire/registry-message.ts';

/** Identities by number, the same in each run. */
export function identityOf(seed: number): Identity {
  return Identity.fromSeed(new Uint8Array(32).fill(seed));
}

export function publicKeyOf(seed: number): string {
  return base64(identityOf(seed).publicKey);
}

/** A request as a client sends it, signed by the identity of that number where its type asks for it. */
export function signedRequest(seed: number, type: string, fields: JsonObject): JsonObject {
  return parseRegistryMessage(encodeRegistryRequest(type, fields, (text) => identityOf(seed).sign(utf8(text))));
}

/** A signed registration of one of very many identities, which are others than the numbered ones. */
export function registrationOf(index: number, fields: JsonObject = {}): JsonObject {
  const identity = Identity.fromSeed(new Uint8Array(32).fill(index & 0xff).fill(index >> 8, 0, 16));
  const request = { listen_addr: '127.0.0.1:4000', public_key: base64(identity.publicKey), ...fields };
  return parseRegistryMessage(encodeRegistryRequest('register', request, (text) => identity.sign(utf8(text))));
}

/** The same without signature, of a key that nobody has. */
export function unsignedRegistrationOf(index: number): JsonObject {
  const publicKey = new Uint8Array(32).fill(index & 0xff).fill(index >> 8, 0, 16);
  return { type: 'register', listen_addr: '127.0.0.1:4000', public_key: base64(publicKey) };
}

/** The same request, signed as a whole at that time (Unix milliseconds). */
export function provenRequest(seed: number, type: string, fields: JsonObject, at: number): JsonObject {
  const sign = (text: string) => identityOf(seed).sign(utf8(text));
  return parseRegistryMessage(encodeRegistryRequest(type, fields, sign, at));
}

/** A directory and a clock, for tests that speak to it request by request. */
export class RegistryBench {
  directory: Directory;
  readonly #options: DirectoryOptions;
  readonly source: Endpoint = { host: '127.0.0.1', port: 50_000 };
  seconds = 1_000;

  constructor(options: DirectoryOptions = {}) {
    this.#options = { adminToken: 'adm', ...options };
    this.directory = new Directory(this.#options);
  }

  get now(): Instant {
    return { monotonicMs: this.seconds * 1_000, unixNano: BigInt(Math.round(this.seconds * 1e3)) * 1_000_000n };
  }

  handle(fields: JsonObject, source = this.source): DirectoryReply {
    return this.directory.handle(fields, source, this.now);
  }

  /** Asks as the node of that identity. */
  ask(seed: number, type: string, fields: JsonObject = {}): JsonObject {
    return this.handle(signedRequest(seed, type, fields)).reply;
  }

  register(seed: number, fields: JsonObject = {}): JsonObject {
    return this.ask(seed, 'register', { listen_addr: '127.0.0.1:4000', public_key: publicKeyOf(seed), ...fields });
  }

  /** Starts again from what was written down. */
  restart(): void {
    const written = JSON.stringify(this.directory.everything());
    this.directory = Directory.restore(JSON.parse(written), this.#options);
  }
}

/** The registry's refusal in such words. */
export function error(text: string | RegExp) {
  return { type: 'error', error: typeof text === 'string' ? text : expect.stringMatching(text) };
}
