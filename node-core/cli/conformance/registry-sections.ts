import { z } from 'zod';
import { fromHex, utf8 } from '../../base/bytes.ts';
import { Identity } from '../../crypto/identity.ts';
import { Directory } from '../../rendezvous/directory.ts';
import { encodeLengthPrefixed } from '../../wire/length-prefix.ts';
import {
  base64,
  encodeRegistryRequest,
  type Json,
  type JsonObject,
  signedString,
} from '../../wire/registry-message.ts';
import { hex, type Section, section } from './section.ts';
import type { Fields } from './vector-file.ts';

const json: z.ZodType<Json> = z.json();
const jsonObject: z.ZodType<JsonObject> = z.record(z.string(), json);

/** Calls of the reference's client that differ from the type they send. */
const TYPES: Readonly<Record<string, string>> = {
  register_with_key: 'register',
  heartbeat_with_addr: 'heartbeat',
  resolve_hostname_as: 'resolve_hostname',
};
/** Values of the server's clock. */
const TIMES = new Set(['time', 'created', 'last_seen', 'timestamp']);

export const registrySections: Readonly<Record<string, Section>> = {
  registry_requests: section(
    z.object({ request: z.string(), args: jsonObject, ed25519_seed: hex }),
    ({ request, args, ed25519_seed }) => {
      const identity = Identity.fromSeed(fromHex(ed25519_seed));
      const sign = (text: string) => identity.sign(utf8(text));
      const type = TYPES[request] ?? request;
      const message = encodeRegistryRequest(type, args, sign);
      const signed = signedString(type, args);
      return {
        frame: encodeLengthPrefixed(message),
        json: new TextDecoder().decode(message),
        signed_string: signed ?? null,
        ...(signed === undefined ? {} : { signature_base64: base64(sign(signed)), signature_hex: sign(signed) }),
      };
    },
  ),
  registry_server_replies: section(
    z.object({ fresh_registry: z.literal(true), requests: z.array(z.object({ json: jsonObject })) }),
    ({ requests }) => {
      const directory = new Directory({ adminToken: 'adm', acceptUnsigned: true });
      const now = { monotonicMs: 0, unixNano: 0n };
      const source = { host: '127.0.0.1', port: 50_000 };
      return { replies: requests.map((request) => withoutTimes(directory.handle(request.json, source, now).reply)) };
    },
    (out) => ({ replies: (out.replies as readonly { json: Json }[]).map((reply) => withoutTimes(reply.json)) }),
  ),
};

/** Tasks and their scores are gone: a call for them, or a list of requests that has one. */
export function isRetiredRequest(input: Fields): boolean {
  const requests = (input.requests ?? []) as readonly { readonly json: Fields }[];
  return [input.request, ...requests.map(({ json }) => json.type)].some((type) => /task|polo/.test(String(type)));
}

/** What the server's clock says changes from run to run: only that it says something is compared. */
function withoutTimes(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutTimes);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, TIMES.has(key) ? `a ${typeof inner}` : withoutTimes(inner)]),
  );
}
