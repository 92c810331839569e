import { utf8 } from '../base/bytes.ts';
import { PilotError } from '../base/errors.ts';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** Makes the Ed25519 signature of a string; the node's identity, without its key. */
export type SignText = (text: string) => Uint8Array;

type SignedString = (fields: JsonObject) => string | undefined;

/** `NAME:FIELD:FIELD…` of the request's own fields. */
const of =
  (name: string, ...fields: readonly string[]): SignedString =>
  (request) =>
    [name, ...fields.map((field) => scalarText(request[field]))].join(':');

/**
 * What a signed request's signature covers. Strings hold no nonce, time or payload: whoever saw one can repeat it.
 * PROTOCOL.md, "Rendezvous", says which were seen.
 */
const SIGNED_STRINGS: Readonly<Record<string, SignedString>> = {
  register: (request) =>
    request.public_key === undefined ? undefined : of('register', 'listen_addr', 'public_key')(request),
  heartbeat: (request) =>
    request.listen_addr === undefined
      ? of('heartbeat', 'node_id')(request)
      : of('heartbeat', 'node_id', 'listen_addr')(request),
  deregister: of('deregister', 'node_id'),
  rotate_key: of('rotate', 'node_id', 'new_public_key'),
  set_key_expiry: of('set_key_expiry', 'node_id'),
  resolve: of('resolve', 'requester_id', 'node_id'),
  set_hostname: of('set_hostname', 'node_id'),
  set_visibility: of('set_visibility', 'node_id'),
  set_tags: of('set_tags', 'node_id'),
  punch: of('punch', 'node_a', 'node_b'),
  report_trust: of('report_trust', 'node_id', 'peer_id'),
  revoke_trust: of('revoke_trust', 'node_id', 'peer_id'),
  request_handshake: of('handshake', 'from_node_id', 'to_node_id'),
  poll_handshakes: of('poll_handshakes', 'node_id'),
  respond_handshake: of('respond', 'node_id', 'peer_id'),
  join_network: of('join_network', 'node_id', 'network_id'),
  leave_network: of('leave_network', 'node_id', 'network_id'),
  invite_to_network: of('invite', 'inviter_id', 'network_id', 'target_node_id'),
  poll_invites: of('poll_invites', 'node_id'),
  respond_invite: of('respond_invite', 'node_id', 'network_id'),
};

/** The string that a request's signature must cover, or undefined when such a request is not signed. */
export function signedString(type: string, fields: JsonObject): string | undefined {
  return SIGNED_STRINGS[type]?.(fields);
}

/**
 * Encodes a request as JSON with its fields in alphabetical order, signed where its type asks for it.
 *
 * @param fields - Without `type` and `signature`.
 * @param provenAt - Unix milliseconds: the request is signed as a whole beside, together with this time.
 */
export function encodeRegistryRequest(
  type: string,
  fields: JsonObject,
  sign?: SignText,
  provenAt?: number,
): Uint8Array {
  const text = sign === undefined ? undefined : signedString(type, fields);
  if (sign === undefined || text === undefined) return utf8(sortedJson({ ...fields, type }));
  const request = { ...fields, signature: base64(sign(text)), type };
  if (provenAt === undefined) return utf8(sortedJson(request));
  const timed = { ...request, signed_at: provenAt };
  return utf8(sortedJson({ ...timed, proof: base64(sign(provenText(timed))) }));
}

/** What the signature of a whole request covers (ours): all of it but that signature itself, in alphabetical order. */
export function provenText(request: JsonObject): string {
  const { proof: _, ...rest } = request;
  return `whole:${sortedJson(rest)}`;
}

function sortedJson(request: JsonObject): string {
  return goJson(Object.fromEntries(Object.entries(request).sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** Encodes a reply; the order of its fields means nothing to anybody. */
export function encodeRegistryReply(reply: JsonObject): Uint8Array {
  return utf8(JSON.stringify(reply));
}

/**
 * Parses what a client or a server sent.
 *
 * @throws PilotError `frame.invalid` for anything but a JSON object in valid UTF-8.
 */
export function parseRegistryMessage(message: Uint8Array): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(message));
  } catch (cause) {
    throw new PilotError('frame.invalid', 'a registry message is not JSON', {}, { cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new PilotError('frame.invalid', 'a registry message is not an object');
}

export function base64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** Standard base64 with padding, in its one canonical form; undefined for anything else. */
export function fromBase64(text: string): Uint8Array | undefined {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    return undefined;
  }
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  return base64(bytes) === text ? bytes : undefined;
}

/** Only what has a text of its own: a stranger's object may hold a `toString` that is no function. */
export function scalarText(value: Json | undefined): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

/** Go's encoder, which the recorded requests come from, also escapes these. */
function goJson(value: Json): string {
  return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
