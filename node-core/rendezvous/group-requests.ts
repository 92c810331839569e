import type { Instant } from '../base/clock.ts';
import { formatAddress } from '../wire/address.ts';
import type { JsonObject } from '../wire/registry-message.ts';
import type { NetworkRecord } from './directory-state.ts';
import { memberOf } from './group-book.ts';
import { described } from './lookup-requests.ts';
import { unixSeconds } from './node-book.ts';
import type { Handler, RegistryState } from './registry-state.ts';
import { type Request, RequestError } from './request.ts';

/** Groups, "networks" on the wire. Every node is in number 0, the backbone. */
export function groupRequests(state: RegistryState): Readonly<Record<string, Handler>> {
  return {
    create_network: (request, _source, now) => createNetwork(state, request, now),
    delete_network: (request) => deleteNetwork(state, request),
    join_network: (request) => joinNetwork(state, request),
    leave_network: (request) => leaveNetwork(state, request),
    list_networks: () => listNetworks(state),
    list_nodes: (request) => listNodes(state, request),
    get_network_policy: (request) => networkPolicy(state, request),
    get_member_tags: (request) => memberTags(state, request),
    poll_invites: (request) => {
      state.authenticate(request, 'node_id');
      return { invites: [] }; // groups here are open or want a token, so nobody is ever invited
    },
  };
}

function createNetwork(state: RegistryState, request: Request, now: Instant): JsonObject {
  state.requireAdmin(request);
  const nodeId = request.uint('node_id', 32);
  const owner = nodeId === 0 ? undefined : state.nodes.require(nodeId).nodeId; // 0: the operator, who is no member
  const network = state.groups.create(
    {
      name: request.text('name'),
      joinRule: request.text('join_rule') || 'open',
      token: request.text('token'),
      enterprise: request.truth('enterprise'),
      created: unixSeconds(now),
    },
    owner,
  );
  state.changed = true;
  return { network_id: network.networkId, name: network.name, enterprise: network.enterprise };
}

function deleteNetwork(state: RegistryState, request: Request): JsonObject {
  state.requireAdmin(request);
  const networkId = requireGroupId(request, 'delete');
  state.groups.delete(networkId);
  state.changed = true;
  return { network_id: networkId };
}

function joinNetwork(state: RegistryState, request: Request): JsonObject {
  const networkId = requireGroupId(request, 'join');
  const node = state.authenticateOrAdmin(request, 'node_id');
  state.groups.join(networkId, node.nodeId, request.text('token'));
  state.changed = true;
  return { network_id: networkId, address: formatAddress({ network: networkId, node: node.nodeId }) };
}

function leaveNetwork(state: RegistryState, request: Request): JsonObject {
  const networkId = requireGroupId(request, 'leave');
  const node = state.authenticateOrAdmin(request, 'node_id');
  state.groups.leave(networkId, node.nodeId);
  state.changed = true;
  return { network_id: networkId };
}

function requireGroupId(request: Request, act: string): number {
  const networkId = request.uint('network_id', 16);
  if (networkId === 0) throw new RequestError(`cannot ${act} the backbone network`);
  return networkId;
}

function listNetworks(state: RegistryState): JsonObject {
  const members = state.nodes.present.length;
  const backbone = { id: 0, name: 'backbone', join_rule: 'open', members, enterprise: false, created: 0 };
  const groups = state.groups.networks.map((network) => ({
    id: network.networkId,
    name: network.name,
    join_rule: network.joinRule,
    members: network.members.length,
    enterprise: network.enterprise,
    created: network.created,
  }));
  return { networks: [backbone, ...groups] };
}

/** Members who are away are listed as such. The backbone's list is for whoever has the admin token. */
function listNodes(state: RegistryState, request: Request): JsonObject {
  const networkId = request.uint('network_id', 16);
  if (networkId !== 0) {
    const network = state.groups.require(networkId);
    return { nodes: network.members.map(({ nodeId }) => listed(state, networkId, nodeId, network)) };
  }
  state.requireAdmin(request);
  return { nodes: state.nodes.present.map(({ nodeId }) => listed(state, 0, nodeId)) };
}

function listed(state: RegistryState, networkId: number, nodeId: number, network?: NetworkRecord): JsonObject {
  const address = formatAddress({ network: networkId, node: nodeId });
  const member = network === undefined ? undefined : memberOf(network, nodeId);
  const role = member === undefined ? {} : { role: member.role };
  const node = state.nodes.find(nodeId);
  if (node === undefined) return { node_id: nodeId, address, offline: true, ...role };
  return {
    node_id: nodeId,
    address,
    public: node.public,
    last_seen: new Date(node.lastSeen).toISOString(),
    ...described(node),
    ...(node.public && !node.relayOnly ? { real_addr: node.realAddress } : {}),
    ...role,
  };
}

/** No group here limits its members or ports. */
function networkPolicy(state: RegistryState, request: Request): JsonObject {
  const networkId = request.uint('network_id', 16);
  if (networkId !== 0) state.groups.require(networkId);
  return { network_id: networkId, allowed_ports: [], max_members: 0, description: '' };
}

/** Of one member, or of all for node 0. */
function memberTags(state: RegistryState, request: Request): JsonObject {
  const network = state.groups.require(request.uint('network_id', 16));
  const nodeId = request.uint('target_node_id', 32);
  if (nodeId !== 0) return { network_id: network.networkId, tags: memberOf(network, nodeId)?.tags ?? [] };
  return {
    network_id: network.networkId,
    members: Object.fromEntries(network.members.map((member) => [String(member.nodeId), member.tags])),
  };
}
