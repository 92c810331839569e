import type { Deviation } from './deviation.ts';
import type { Fields } from './vector-file.ts';

/** Any error will do: the words are ours. */
const REFUSED: Fields = { type: 'error' };

interface Exchange {
  readonly request: Fields;
  readonly reply: Fields;
  /** The exchanges before this one. */
  readonly before: readonly Exchange[];
}

/** A rule over one request and its reply; undefined where it has nothing to say. */
function perReply(rule: string, expect: (exchange: Exchange) => Fields | undefined): Deviation {
  return {
    section: 'registry_server_replies',
    rule,
    expect(input, expected) {
      const requests = input.requests as readonly { readonly json: Fields }[];
      const { replies } = expected as { readonly replies: readonly Fields[] };
      const before: Exchange[] = [];
      for (const [index, { json }] of requests.entries()) {
        before.push({ request: json, reply: replies[index] ?? {}, before: before.slice() });
      }
      return { replies: before.map((exchange) => expect(exchange) ?? exchange.reply) };
    },
  };
}

export const registryDeviations: readonly Deviation[] = [
  perReply('a failure says what failed, not `request failed`', ({ reply }) =>
    reply.error === 'request failed' ? REFUSED : undefined,
  ),
  perReply('polo scores are not kept', ({ reply }) => {
    const nodes = reply.nodes as readonly Fields[] | undefined;
    if (nodes !== undefined) return { ...reply, nodes: nodes.map((node) => without(node, 'polo_score')) };
    return 'polo_score' in reply ? without(reply, 'polo_score') : undefined;
  }),
  perReply('a private node is found only by those it has let in itself', (exchange) =>
    succeeded(exchange) && soughtNodes(exchange).some((node) => !isOpenTo(exchange, node)) ? REFUSED : undefined,
  ),
  perReply('a new key is signed for together with the node id', (exchange) => {
    const { request, reply, before } = exchange;
    if (request.type === 'rotate_key' && succeeded(exchange)) return REFUSED;
    const refused = before.some(
      (each) => each.request.type === 'rotate_key' && succeeded(each) && sameNode(each, request),
    );
    if (request.type !== 'heartbeat' || !refused) return undefined; // so the old key goes on, and the new one does not
    return succeeded(exchange) ? REFUSED : { ...without(reply, 'error'), type: 'heartbeat_ok' };
  }),
];

function succeeded({ reply }: Exchange): boolean {
  return reply.type !== 'error';
}

function sameNode(exchange: Exchange, request: Fields): boolean {
  return exchange.request.node_id === request.node_id;
}

/** The nodes whose address a request would give away. */
function soughtNodes({ request, reply }: Exchange): readonly unknown[] {
  switch (request.type) {
    case 'resolve':
    case 'resolve_hostname':
      return [reply.node_id];
    case 'punch':
      return [reply.node_a, reply.node_b];
    default:
      return [];
  }
}

/** What the list of requests so far has done for the requester: made the node public, let it in, or joined both to a group. */
function isOpenTo({ request, before }: Exchange, node: unknown): boolean {
  const requester = request.requester_id;
  if (node === requester) return true;
  return before.filter(succeeded).some(({ request: earlier }) => {
    if (earlier.type === 'set_visibility') return earlier.node_id === node && earlier.public === true;
    if (earlier.type === 'report_trust') return earlier.node_id === node && earlier.peer_id === requester;
    if (earlier.type === 'request_handshake') return earlier.from_node_id === node && earlier.to_node_id === requester;
    if (earlier.type === 'respond_handshake') return earlier.node_id === node && earlier.accept === true;
    return earlier.type === 'join_network' && (earlier.node_id === node || earlier.node_id === requester);
  });
}

function without(reply: Fields, key: string): Fields {
  const { [key]: _removed, ...rest } = reply;
  return rest;
}
