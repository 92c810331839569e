import { unixMillis } from '../base/clock.ts';
import { formatAddress } from '../wire/address.ts';
import { RegistryRefusal } from '../wire/registry-refusal.ts';
import type { NodeRecord } from './directory-state.ts';
import { cleanTags } from './names.ts';
import type { Handler, Handlers, RegistryState } from './registry-state.ts';

/** What a node says of itself, and how others find it. */
export function lookupRequests(state: RegistryState): Handlers {
  return {
    lookup: lookup(state),
    resolve: resolve(state),
    resolve_hostname: resolveHostname(state),
    set_hostname: (request) => {
      const node = state.authenticateOrAdmin(request, request.fields.nodeId);
      state.nodes.name(node, request.fields.hostname);
      return { nodeId: node.nodeId, hostname: node.hostname };
    },
    set_visibility: (request) => {
      const node = state.authenticateOrAdmin(request, request.fields.nodeId);
      state.nodes.update(node, { public: request.fields.public });
      return { nodeId: node.nodeId, visibility: node.public ? 'public' : 'private' };
    },
    set_tags: (request) => {
      const node = state.authenticateOrAdmin(request, request.fields.nodeId);
      state.nodes.update(node, { tags: cleanTags(request.fields.tags) });
      return { nodeId: node.nodeId, tags: node.tags };
    },
    punch: punch(state),
  };
}

/** Name, tags and version, where there are any. */
export function described({ hostname, tags, version }: NodeRecord): Pick<NodeRecord, 'hostname' | 'tags' | 'version'> {
  return { hostname, tags, version };
}

function lookup(state: RegistryState): Handler<'lookup'> {
  return ({ fields }) => {
    const node = state.nodes.require(fields.nodeId);
    return {
      nodeId: node.nodeId,
      address: formatAddress({ network: 0, node: node.nodeId }),
      networks: [0, ...state.groups.idsOf(node.nodeId)],
      publicKey: node.publicKey,
      keyRotations: node.rotationLog,
      public: node.public,
      ...described(node),
      ...(node.public ? reachableAt(state, node) : {}),
    };
  };
}

function resolve(state: RegistryState): Handler<'resolve'> {
  return (request, _source, now) => {
    const requester = state.authenticate(request, request.fields.requesterId);
    const target = state.nodes.require(request.fields.nodeId);
    if (!maySee(state, target, requester.nodeId)) throw new RegistryRefusal('resolve-denied', target.nodeId);
    return {
      nodeId: target.nodeId,
      publicKey: target.publicKey,
      keyAgeDays: Math.floor((unixMillis(now.unixNano) - target.keyCreatedAt) / 86_400_000),
      ...reachableAt(state, target),
      lanAddresses: target.relayOnly ? [] : target.lanAddresses,
    };
  };
}

/** The beacon stands in for a node that hides its address. */
function reachableAt(state: RegistryState, node: NodeRecord) {
  if (!node.relayOnly) return { realAddress: node.realAddress };
  return { relayOnly: true, realAddress: state.options.beaconAddress ?? '' };
}

/** A private name looks like an unknown one to strangers. */
function resolveHostname(state: RegistryState): Handler<'resolve_hostname'> {
  return ({ fields: { hostname, requesterId = 0 } }) => {
    const node = hostname === '' ? undefined : state.nodes.named(hostname);
    if (node === undefined || !maySee(state, node, requesterId)) {
      throw new RegistryRefusal('hostname-unknown', hostname.slice(0, 64));
    }
    const { nodeId } = node;
    return { nodeId, address: formatAddress({ network: 0, node: nodeId }), public: node.public, hostname };
  };
}

function maySee(state: RegistryState, node: NodeRecord, requester: number): boolean {
  return node.public || node.nodeId === requester || state.allows(node.nodeId, requester);
}

/** Only who may resolve the other learns its address, and nobody that of a node which hides it. */
function punch(state: RegistryState): Handler<'punch'> {
  return (request) => {
    const requester = state.authenticate(request, request.fields.requesterId);
    const a = state.nodes.require(request.fields.nodeA);
    const b = state.nodes.require(request.fields.nodeB);
    if (requester !== a && requester !== b) throw new RegistryRefusal('punch-for-others');
    for (const node of [a, b]) {
      if (maySee(state, node, requester.nodeId) && !node.relayOnly) continue;
      throw new RegistryRefusal('punch-denied', node.nodeId);
    }
    return { nodeA: a.nodeId, addressA: a.realAddress, nodeB: b.nodeId, addressB: b.realAddress };
  };
}
