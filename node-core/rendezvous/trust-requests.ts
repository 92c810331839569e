import { unixSeconds } from './node-book.ts';
import type { Handler, Handlers, RegistryState } from './registry-state.ts';

/** Who lets whom reach it, and the mailbox of handshakes between nodes that cannot reach each other yet. */
export function trustRequests(state: RegistryState): Handlers {
  return {
    report_trust: reportTrust(state),
    revoke_trust: (request) => {
      const node = state.authenticate(request, request.fields.nodeId);
      state.trust.revoke(node.nodeId, request.fields.peerId);
      return {};
    },
    check_trust: ({ fields: { nodeId, peerId } }) => ({ trusted: state.allows(nodeId, peerId) }),
    request_handshake: requestHandshake(state),
    poll_handshakes: pollHandshakes(state),
    respond_handshake: respondHandshake(state),
  };
}

function reportTrust(state: RegistryState): Handler<'report_trust'> {
  return (request) => {
    const node = state.authenticate(request, request.fields.nodeId);
    const peer = state.nodes.require(request.fields.peerId);
    state.trust.consent(node.nodeId, peer.nodeId, state.nodes.neighboursOf(node));
    return {};
  };
}

function requestHandshake(state: RegistryState): Handler<'request_handshake'> {
  return (request, _source, now) => {
    const { fromNodeId, toNodeId, justification } = request.fields;
    const node = state.authenticate(request, fromNodeId);
    const to = state.nodes.require(toNodeId).nodeId;
    const neighbours = state.nodes.neighboursOf(node);
    state.trust.request({ from: node.nodeId, to, justification }, unixSeconds(now), neighbours);
    state.handshakeFor = to;
    return { status: 'delivered' };
  };
}

/** Reading empties the mailbox. With a request goes the key of who asks, as servers of the v1.9 fork do. */
function pollHandshakes(state: RegistryState): Handler<'poll_handshakes'> {
  return (request) => {
    const node = state.authenticate(request, request.fields.nodeId);
    const mine = state.trust.poll(node.nodeId);
    const of = (kind: 'request' | 'response') => mine.filter((entry) => entry.kind === kind);
    return {
      requests: of('request').map(({ from, justification, timestamp }) => {
        return { fromNodeId: from, justification, publicKey: state.nodes.find(from)?.publicKey, timestamp };
      }),
      responses: of('response').map(({ from, accept, timestamp }) => ({ fromNodeId: from, accept, timestamp })),
    };
  };
}

function respondHandshake(state: RegistryState): Handler<'respond_handshake'> {
  return (request, _source, now) => {
    const { nodeId, peerId, accept } = request.fields;
    const node = state.authenticate(request, nodeId);
    const to = state.nodes.require(peerId).nodeId;
    state.trust.respond({ from: node.nodeId, to, accept }, unixSeconds(now), state.nodes.neighboursOf(node));
    state.handshakeFor = to;
    return { accept, peerId: to };
  };
}
