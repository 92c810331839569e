import { PilotError } from '../base/errors.ts';
import {
  absent,
  type Fields,
  flag,
  listOf,
  optional,
  readFields,
  text,
  texts,
  textsByKey,
  uint,
  uints,
  type Values,
  writeFields,
} from './registry-field.ts';
import {
  encodeRegistryRequest,
  type JsonObject,
  parseRegistryMessage,
  type SignText,
  scalarText,
} from './registry-message.ts';
import { type RegistryRefusal, refusalOf } from './registry-refusal.ts';

interface Call {
  readonly request: Fields;
  readonly reply: Fields;
}

const nodeId = uint('node_id', 32);
const peerId = uint('peer_id', 32);
const networkId = uint('network_id', 16);
const address = text('address');
const publicKey = text('public_key');
const hostname = text('hostname');
const adminToken = optional(text('admin_token'));
const fromNodeId = uint('from_node_id', 32);
/** Unix seconds. */
const timestamp = uint('timestamp', 53);

/** Name, tags and version, where there are any. */
const description = { hostname: optional(hostname), tags: optional(texts('tags')), version: optional(text('version')) };
const relayOnly = optional(flag('relay_only'));
/** `H:P`; of a node that hides (`relayOnly`) it is the beacon's. */
const realAddress = text('real_addr');

const member = {
  nodeId,
  address,
  offline: optional(flag('offline')),
  public: absent(flag('public')),
  role: optional(text('role')),
  /** RFC 3339. */
  lastSeen: optional(text('last_seen')),
  ...description,
  realAddress: optional(realAddress),
};

const network = {
  networkId: uint('id', 16),
  name: text('name'),
  joinRule: text('join_rule'),
  members: uint('members', 32),
  enterprise: flag('enterprise'),
  /** Unix seconds. */
  created: uint('created', 53),
};

/** `expires_at` is RFC 3339; empty or `never` where there is no end. */
const expiresAt = text('expires_at');

/**
 * What a node may ask of a registry: the type of the request, and the fields of request and reply. The one place that knows
 * their names; groups are "networks" on the wire.
 *
 * @see PROTOCOL.md, "Rendezvous"
 */
const CALLS = {
  register: {
    request: {
      /** `H:P` of the tunnel socket. */
      listenAddress: text('listen_addr'),
      publicKey,
      version: optional(text('version')),
      owner: optional(text('owner')),
      lanAddresses: optional(texts('lan_addrs')),
      relayOnly,
      hostname: optional(hostname),
    },
    reply: {
      nodeId,
      networkId,
      address,
      publicKey,
      observedAddress: text('observed_addr'),
      protocolVersion: uint('protocol_version', 32),
      hostname: optional(hostname),
      hostnameError: optional(text('hostname_error')),
    },
  },
  heartbeat: {
    request: { nodeId, listenAddress: optional(text('listen_addr')) },
    reply: { time: uint('time', 53), keyExpiryWarning: optional(flag('key_expiry_warning')) },
  },
  deregister: { request: { nodeId }, reply: {} },
  rotate_key: {
    request: { nodeId, newPublicKey: text('new_public_key') },
    reply: { nodeId, address, publicKey },
  },
  set_key_expiry: { request: { nodeId, expiresAt }, reply: { nodeId, expiresAt: optional(expiresAt) } },
  get_key_info: {
    request: { nodeId },
    reply: {
      /** RFC 3339. */
      createdAt: text('created_at'),
      rotateCount: uint('rotate_count', 32),
      expiresAt: optional(expiresAt),
    },
  },
  lookup: {
    request: { nodeId },
    reply: {
      nodeId,
      address,
      networks: uints('networks', 16),
      publicKey,
      /** How it came to that key, oldest first; each signature is by the key before, over `rotate:ID:KEY` (ours). */
      keyRotations: optional(listOf('key_rotations', { publicKey, signature: text('signature') })),
      public: flag('public'),
      ...description,
      realAddress: optional(realAddress),
      relayOnly,
    },
  },
  resolve: {
    request: { nodeId, requesterId: uint('requester_id', 32) },
    reply: {
      nodeId,
      publicKey: optional(publicKey),
      keyAgeDays: uint('key_age_days', 32),
      realAddress,
      relayOnly,
      lanAddresses: optional(texts('lan_addrs')),
    },
  },
  resolve_hostname: {
    request: { hostname, requesterId: optional(uint('requester_id', 32)) },
    reply: { nodeId, address, public: flag('public'), hostname },
  },
  set_hostname: { request: { nodeId, hostname }, reply: { nodeId, hostname } },
  set_visibility: { request: { nodeId, public: flag('public') }, reply: { nodeId, visibility: text('visibility') } },
  set_tags: { request: { nodeId, tags: texts('tags') }, reply: { nodeId, tags: texts('tags') } },
  punch: {
    request: { nodeA: uint('node_a', 32), nodeB: uint('node_b', 32), requesterId: uint('requester_id', 32) },
    reply: {
      nodeA: uint('node_a', 32),
      addressA: text('node_a_addr'),
      nodeB: uint('node_b', 32),
      addressB: text('node_b_addr'),
    },
  },
  report_trust: { request: { nodeId, peerId }, reply: {} },
  revoke_trust: { request: { nodeId, peerId }, reply: {} },
  check_trust: { request: { nodeId, peerId }, reply: { trusted: flag('trusted') } },
  request_handshake: {
    request: { fromNodeId, toNodeId: uint('to_node_id', 32), justification: text('justification') },
    reply: { status: text('status') },
  },
  poll_handshakes: {
    request: { nodeId },
    reply: {
      requests: listOf('requests', {
        fromNodeId,
        justification: text('justification'),
        publicKey: optional(publicKey),
        timestamp,
      }),
      responses: listOf('responses', { fromNodeId, accept: flag('accept'), timestamp }),
    },
  },
  respond_handshake: {
    request: { nodeId, peerId, accept: flag('accept') },
    reply: { accept: flag('accept'), peerId },
  },
  create_network: {
    request: {
      adminToken,
      nodeId,
      name: text('name'),
      joinRule: optional(text('join_rule')),
      token: optional(text('token')),
      enterprise: optional(flag('enterprise')),
    },
    reply: { networkId, name: text('name'), enterprise: flag('enterprise') },
  },
  delete_network: { request: { adminToken, networkId }, reply: { networkId } },
  join_network: {
    request: { nodeId, networkId, inviterId: uint('inviter_id', 32), token: text('token') },
    reply: { networkId, address },
  },
  leave_network: { request: { nodeId, networkId }, reply: { networkId } },
  list_networks: { request: {}, reply: { networks: listOf('networks', network) } },
  list_nodes: { request: { networkId, adminToken }, reply: { nodes: listOf('nodes', member) } },
  get_network_policy: {
    request: { networkId },
    reply: {
      networkId,
      allowedPorts: uints('allowed_ports', 16),
      maxMembers: uint('max_members', 32),
      description: text('description'),
    },
  },
  get_member_tags: {
    request: { networkId, targetNodeId: uint('target_node_id', 32) },
    /** Of one member, or of each by node id when none was named. */
    reply: { networkId, tags: absent(texts('tags')), members: absent(textsByKey('members')) },
  },
  poll_invites: { request: { nodeId }, reply: { invites: listOf('invites', {}) } },
  beacon_register: {
    request: { adminToken, beaconId: uint('beacon_id', 32), endpoint: text('addr') },
    reply: { beaconId: uint('beacon_id', 32) },
  },
  beacon_list: {
    request: {},
    reply: { beacons: listOf('beacons', { beaconId: uint('id', 32), endpoint: text('addr') }) },
  },
} as const satisfies Readonly<Record<string, Call>>;

export type RegistryCall = keyof typeof CALLS;
export type RequestOf<T extends RegistryCall> = Values<(typeof CALLS)[T]['request']>;
export type ReplyOf<T extends RegistryCall> = Values<(typeof CALLS)[T]['reply']>;

/** One member of a group, or one node of the backbone. */
export type ListedNode = ReplyOf<'list_nodes'>['nodes'][number];

/**
 * Encodes a request, signed where its type asks for it.
 *
 * @param provenAt - Unix milliseconds, to sign what is signed as a whole too.
 */
export function encodeCall<T extends RegistryCall>(
  type: T,
  request: RequestOf<T>,
  sign?: SignText,
  provenAt?: number,
): Uint8Array {
  return encodeRegistryRequest(type, writeFields<Fields>(CALLS[type].request, request), sign, provenAt);
}

const credentials = {
  signature: text('signature'),
  adminToken: text('admin_token'),
  /** Of the whole request (ours), and the Unix milliseconds it was made at. */
  proof: text('proof'),
  signedAt: uint('signed_at', 53),
};

/** By what right a request is made: '' where it names none. */
export type Credentials = Values<typeof credentials>;

export function readCredentials(message: JsonObject): Credentials {
  return readFields(credentials, message);
}

/** The type of a request; '' when it has none. */
export function readType(message: JsonObject): string {
  return text('type').read(message.type);
}

/** The fields of a request. */
export function readRequest<T extends RegistryCall>(type: T, message: JsonObject): RequestOf<T> {
  return readFields<Fields>(CALLS[type].request, message) as RequestOf<T>;
}

export function isRegistryCall(type: string): type is RegistryCall {
  return Object.hasOwn(CALLS, type);
}

/** A success as it goes on the wire. */
export function writeReply<T extends RegistryCall>(type: T, reply: ReplyOf<T>): JsonObject {
  return { ...writeFields<Fields>(CALLS[type].reply, reply), type: `${type}_ok` };
}

/** A refusal as it goes on the wire. */
export function writeRefusal(refusal: RegistryRefusal): JsonObject {
  return { type: 'error', error: refusal.message };
}

/**
 * Reads the reply to a request of that type.
 *
 * @throws PilotError `registry.refused` in the registry's words, with `refusal` (a `RefusalCode`) among its details;
 *   `frame.invalid` for what is no reply.
 */
export function parseReply<T extends RegistryCall>(type: T, message: Uint8Array): ReplyOf<T> {
  const reply = parseRegistryMessage(message);
  if (reply.error !== undefined) {
    const words = scalarText(reply.error) || 'no reason given';
    throw new PilotError('registry.refused', words, { refusal: refusalOf(words) });
  }
  if (typeof reply.type !== 'string') throw new PilotError('frame.invalid', 'a registry reply has no type');
  return readFields<Fields>(CALLS[type].reply, reply) as ReplyOf<T>;
}
