import type { Instant } from '../base/clock.ts';
import { formatAddress } from '../wire/address.ts';
import type { JsonObject } from '../wire/registry-message.ts';
import type { NodeRecord } from './directory-state.ts';
import { cleanTags } from './names.ts';
import { unixMs } from './node-book.ts';
import type { Handler, RegistryState } from './registry-state.ts';
import { type Request, RequestError } from './request.ts';

/** What a node says of itself, and how others find it. */
export function lookupRequests(state: RegistryState): Readonly<Record<string, Handler>> {
  return {
    lookup: (request) => lookup(state, request),
    resolve: (request, _source, now) => resolve(state, request, now),
    resolve_hostname: (request) => resolveHostname(state, request),
    set_hostname: (request) => setHostname(state, request),
    set_visibility: (request) => setVisibility(state, request),
    set_tags: (request) => setTags(state, request),
    punch: (request) => punch(state, request),
  };
}

/** Name, tags and version, where there are any. */
export function described(node: NodeRecord): JsonObject {
  return {
    ...(node.hostname === '' ? {} : { hostname: node.hostname }),
    ...(node.tags.length === 0 ? {} : { tags: node.tags }),
    ...(node.version === '' ? {} : { version: node.version }),
  };
}

function lookup(state: RegistryState, request: Request): JsonObject {
  const node = state.nodes.require(request.uint('node_id', 32));
  return {
    node_id: node.nodeId,
    address: formatAddress({ network: 0, node: node.nodeId }),
    networks: [0, ...state.groups.idsOf(node.nodeId)],
    public_key: node.publicKey,
    ...rotationsOf(node),
    public: node.public,
    ...described(node),
    ...(node.public ? reachableAt(state, node) : {}),
  };
}

/** How the node came to its key, for peers that trusted an earlier one: each is signed for by the one before (ours). */
function rotationsOf({ rotationLog }: NodeRecord): JsonObject {
  if (rotationLog.length === 0) return {};
  return { key_rotations: rotationLog.map(({ publicKey, signature }) => ({ public_key: publicKey, signature })) };
}

function resolve(state: RegistryState, request: Request, now: Instant): JsonObject {
  const requester = state.authenticate(request, 'requester_id');
  const target = state.nodes.require(request.uint('node_id', 32));
  if (!maySee(state, target, requester.nodeId)) {
    throw new RequestError(`resolve denied: node ${target.nodeId} is private (establish mutual trust first)`);
  }
  return {
    node_id: target.nodeId,
    public_key: target.publicKey,
    key_age_days: Math.floor((unixMs(now) - target.keyCreatedAt) / 86_400_000),
    ...reachableAt(state, target),
    ...(target.relayOnly || target.lanAddresses.length === 0 ? {} : { lan_addrs: target.lanAddresses }),
  };
}

/** The beacon stands in for a node that hides its address. */
function reachableAt(state: RegistryState, node: NodeRecord): JsonObject {
  if (!node.relayOnly) return { real_addr: node.realAddress };
  return { relay_only: true, real_addr: state.options.beaconAddress ?? '' };
}

/** A private name looks like an unknown one to strangers. */
function resolveHostname(state: RegistryState, request: Request): JsonObject {
  const hostname = request.text('hostname');
  const node = state.nodes.named(hostname);
  if (hostname === '' || node === undefined || !maySee(state, node, request.uint('requester_id', 32))) {
    throw new RequestError(`hostname "${hostname.slice(0, 64)}" not found`);
  }
  return {
    node_id: node.nodeId,
    address: formatAddress({ network: 0, node: node.nodeId }),
    public: node.public,
    hostname,
  };
}

function maySee(state: RegistryState, node: NodeRecord, requester: number): boolean {
  return node.public || node.nodeId === requester || state.allows(node.nodeId, requester);
}

function setHostname(state: RegistryState, request: Request): JsonObject {
  const node = state.authenticateOrAdmin(request, 'node_id');
  const hostname = request.text('hostname');
  const before = node.hostname;
  state.nodes.name(node, hostname);
  state.changed = before !== hostname; // a stock daemon says its name every minute
  return { node_id: node.nodeId, hostname };
}

function setVisibility(state: RegistryState, request: Request): JsonObject {
  const node = state.authenticateOrAdmin(request, 'node_id');
  const wanted = request.truth('public');
  state.changed = node.public !== wanted;
  node.public = wanted;
  return { node_id: node.nodeId, visibility: wanted ? 'public' : 'private' };
}

function setTags(state: RegistryState, request: Request): JsonObject {
  const node = state.authenticateOrAdmin(request, 'node_id');
  node.tags = cleanTags(request.texts('tags'));
  state.changed = true;
  return { node_id: node.nodeId, tags: node.tags };
}

/** Only who may resolve the other learns its address, and nobody that of a node which hides it. */
function punch(state: RegistryState, request: Request): JsonObject {
  const requester = state.authenticate(request, 'requester_id');
  const a = state.nodes.require(request.uint('node_a', 32));
  const b = state.nodes.require(request.uint('node_b', 32));
  if (requester !== a && requester !== b) throw new RequestError('cannot punch for others');
  for (const node of [a, b]) {
    if (maySee(state, node, requester.nodeId) && !node.relayOnly) continue;
    throw new RequestError(`punch denied: node ${node.nodeId} is private`);
  }
  return { node_a: a.nodeId, node_a_addr: a.realAddress, node_b: b.nodeId, node_b_addr: b.realAddress };
}
