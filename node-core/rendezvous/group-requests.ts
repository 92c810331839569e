import { formatAddress } from '../wire/address.ts';
import { RegistryRefusal } from '../wire/registry-refusal.ts';
import type { ListedNode } from '../wire/registry-request.ts';
import type { MemberRecord } from './directory-state.ts';
import { described } from './lookup-requests.ts';
import { unixSeconds } from './node-book.ts';
import type { Handler, Handlers, RegistryState } from './registry-state.ts';

/** Groups, "networks" on the wire. Every node is in number 0, the backbone. */
export function groupRequests(state: RegistryState): Handlers {
  return {
    create_network: createNetwork(state),
    delete_network: deleteNetwork(state),
    join_network: joinNetwork(state),
    leave_network: leaveNetwork(state),
    list_networks: listNetworks(state),
    list_nodes: listNodes(state),
    get_network_policy: networkPolicy(state),
    get_member_tags: memberTags(state),
    poll_invites: (request) => {
      state.authenticate(request, request.fields.nodeId);
      return { invites: [] }; // groups here are open or want a token, so nobody is ever invited
    },
  };
}

function createNetwork(state: RegistryState): Handler<'create_network'> {
  return (request, _source, now) => {
    state.requireAdmin(request);
    const { nodeId, name, joinRule = 'open', token = '', enterprise = false } = request.fields;
    const owner = nodeId === 0 ? undefined : state.nodes.require(nodeId).nodeId; // 0: the operator, who is no member
    const { networkId } = state.groups.create({ name, joinRule, token, enterprise, created: unixSeconds(now) }, owner);
    return { networkId, name, enterprise };
  };
}

function deleteNetwork(state: RegistryState): Handler<'delete_network'> {
  return (request) => {
    state.requireAdmin(request);
    const networkId = requireGroupId(request.fields.networkId, 'delete');
    state.groups.delete(networkId);
    return { networkId };
  };
}

function joinNetwork(state: RegistryState): Handler<'join_network'> {
  return (request) => {
    const networkId = requireGroupId(request.fields.networkId, 'join');
    const { nodeId } = state.authenticateOrAdmin(request, request.fields.nodeId);
    state.groups.join(networkId, nodeId, request.fields.token);
    return { networkId, address: formatAddress({ network: networkId, node: nodeId }) };
  };
}

function leaveNetwork(state: RegistryState): Handler<'leave_network'> {
  return (request) => {
    const networkId = requireGroupId(request.fields.networkId, 'leave');
    const { nodeId } = state.authenticateOrAdmin(request, request.fields.nodeId);
    state.groups.leave(networkId, nodeId);
    return { networkId };
  };
}

function requireGroupId(networkId: number, act: string): number {
  if (networkId === 0) throw new RegistryRefusal('backbone-fixed', act);
  return networkId;
}

function listNetworks(state: RegistryState): Handler<'list_networks'> {
  return () => {
    const members = state.nodes.present.length;
    const backbone = { networkId: 0, name: 'backbone', joinRule: 'open', members, enterprise: false, created: 0 };
    const groups = state.groups.groups.map(
      ({ network: { networkId, name, joinRule, enterprise, created }, members }) => {
        return { networkId, name, joinRule, members: members.size, enterprise, created };
      },
    );
    return { networks: [backbone, ...groups] };
  };
}

/** Members who are away are listed as such. The backbone's list is for whoever has the admin token. */
function listNodes(state: RegistryState): Handler<'list_nodes'> {
  return (request) => {
    const { networkId } = request.fields;
    if (networkId !== 0) {
      const { members } = state.groups.require(networkId);
      return { nodes: [...members.values()].map((member) => listed(state, networkId, member.nodeId, member)) };
    }
    state.requireAdmin(request);
    return { nodes: state.nodes.present.map(({ nodeId }) => listed(state, 0, nodeId)) };
  };
}

function listed(state: RegistryState, networkId: number, nodeId: number, member?: MemberRecord): ListedNode {
  const entry = { nodeId, address: formatAddress({ network: networkId, node: nodeId }), role: member?.role };
  const node = state.nodes.find(nodeId);
  if (node === undefined) return { ...entry, offline: true };
  return {
    ...entry,
    public: node.public,
    lastSeen: new Date(node.lastSeen).toISOString(),
    ...described(node),
    realAddress: node.public && !node.relayOnly ? node.realAddress : undefined,
  };
}

/** No group here limits its members or ports. */
function networkPolicy(state: RegistryState): Handler<'get_network_policy'> {
  return ({ fields: { networkId } }) => {
    if (networkId !== 0) state.groups.require(networkId);
    return { networkId, allowedPorts: [], maxMembers: 0, description: '' };
  };
}

/** Of one member, or of all for node 0. */
function memberTags(state: RegistryState): Handler<'get_member_tags'> {
  return ({ fields: { networkId, targetNodeId } }) => {
    const { members } = state.groups.require(networkId);
    if (targetNodeId !== 0) return { networkId, tags: members.get(targetNodeId)?.tags ?? [] };
    return { networkId, members: Object.fromEntries([...members.values()].map(({ nodeId, tags }) => [nodeId, tags])) };
  };
}
