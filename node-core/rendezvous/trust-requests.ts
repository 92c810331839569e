import type { Instant } from '../base/clock.ts';
import type { JsonObject } from '../wire/registry-message.ts';
import { unixSeconds } from './node-book.ts';
import type { Handler, RegistryState } from './registry-state.ts';
import type { Request } from './request.ts';

/** Who lets whom reach it, and the mailbox of handshakes between nodes that cannot reach each other yet. */
export function trustRequests(state: RegistryState): Readonly<Record<string, Handler>> {
  return {
    report_trust: (request) => reportTrust(state, request),
    revoke_trust: (request) => revokeTrust(state, request),
    check_trust: (request) => ({
      trusted: state.allows(request.uint('node_id', 32), request.uint('peer_id', 32)),
    }),
    request_handshake: (request, _source, now) => requestHandshake(state, request, now),
    poll_handshakes: (request) => pollHandshakes(state, request),
    respond_handshake: (request, _source, now) => respondHandshake(state, request, now),
  };
}

function reportTrust(state: RegistryState, request: Request): JsonObject {
  const node = state.authenticate(request, 'node_id');
  const peer = state.nodes.require(request.uint('peer_id', 32));
  state.changed = !state.trust.allows(node.nodeId, peer.nodeId);
  state.trust.consent(node.nodeId, peer.nodeId);
  return {};
}

function revokeTrust(state: RegistryState, request: Request): JsonObject {
  const node = state.authenticate(request, 'node_id');
  state.trust.revoke(node.nodeId, request.uint('peer_id', 32));
  state.changed = true;
  return {};
}

function requestHandshake(state: RegistryState, request: Request, now: Instant): JsonObject {
  const from = state.authenticate(request, 'from_node_id');
  const to = state.nodes.require(request.uint('to_node_id', 32));
  state.trust.request(from.nodeId, to.nodeId, request.text('justification'), unixSeconds(now));
  state.changed = true;
  state.handshakeFor = to.nodeId;
  return { status: 'delivered' };
}

/** Reading empties the mailbox. */
function pollHandshakes(state: RegistryState, request: Request): JsonObject {
  const node = state.authenticate(request, 'node_id');
  const mine = state.trust.poll(node.nodeId);
  state.changed = mine.length > 0;
  const requests = mine.filter((entry) => entry.kind === 'request');
  const responses = mine.filter((entry) => entry.kind === 'response');
  return {
    requests: requests.map(({ from, justification, timestamp }) => ({ from_node_id: from, justification, timestamp })),
    responses: responses.map(({ from, accept, timestamp }) => ({ from_node_id: from, accept, timestamp })),
  };
}

function respondHandshake(state: RegistryState, request: Request, now: Instant): JsonObject {
  const node = state.authenticate(request, 'node_id');
  const peer = state.nodes.require(request.uint('peer_id', 32));
  const accept = request.truth('accept');
  state.trust.respond(node.nodeId, peer.nodeId, accept, unixSeconds(now));
  state.changed = true;
  state.handshakeFor = peer.nodeId;
  return { accept, peer_id: peer.nodeId };
}
