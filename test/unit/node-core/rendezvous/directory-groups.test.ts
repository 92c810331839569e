import { beforeEach, describe, expect, test } from 'vitest';
import { error, publicKeyOf, RegistryBench, signedRequest } from '../../../support/registry-bench.ts';

const A = 1;
const B = 2;
const C = 3;
let bench: RegistryBench;

beforeEach(() => {
  bench = new RegistryBench({ beaconAddress: '127.0.0.1:9001' });
});

describe('handshakes', () => {
  beforeEach(() => {
    for (const seed of [A, B]) bench.register(seed);
  });

  test('wait for their node, which is told, and are read once', () => {
    const asked = bench.handle(
      signedRequest(A, 'request_handshake', { from_node_id: 1, to_node_id: 2, justification: 'hello' }),
    );
    expect(asked).toMatchObject({ reply: { status: 'delivered' }, notify: 2 });
    bench.restart();
    expect(bench.ask(B, 'poll_handshakes', { node_id: 2 })).toEqual({
      type: 'poll_handshakes_ok',
      requests: [{ from_node_id: 1, justification: 'hello', public_key: publicKeyOf(A), timestamp: bench.seconds }],
      responses: [],
    });
    expect(bench.ask(B, 'poll_handshakes', { node_id: 2 })).toMatchObject({ requests: [], responses: [] });
  });

  test('asking lets the other in; accepting lets the asker in', () => {
    bench.ask(A, 'request_handshake', { from_node_id: 1, to_node_id: 2, justification: '' });
    const trusts = (node: number, peer: number) =>
      bench.ask(A, 'check_trust', { node_id: node, peer_id: peer }).trusted;
    expect([trusts(1, 2), trusts(2, 1)]).toEqual([true, false]);
    const answered = bench.handle(signedRequest(B, 'respond_handshake', { node_id: 2, peer_id: 1, accept: true }));
    expect(answered).toMatchObject({ reply: { accept: true, peer_id: 1 }, notify: 1 });
    expect([trusts(1, 2), trusts(2, 1)]).toEqual([true, true]);
    expect(bench.ask(A, 'poll_handshakes', { node_id: 1 })).toMatchObject({
      responses: [{ from_node_id: 2, accept: true, timestamp: bench.seconds }],
    });
  });

  test('are bounded', () => {
    const ask = (justification: string) =>
      bench.ask(A, 'request_handshake', { from_node_id: 1, to_node_id: 2, justification });
    expect(ask('x'.repeat(1_025))).toEqual(error(/too long/));
    expect(ask('x')).toMatchObject({ status: 'delivered' });
    expect(ask('x')).toEqual(error('handshake request already pending from node 1'));
    for (let count = 0; count < 100; count++)
      bench.ask(B, 'respond_handshake', { node_id: 2, peer_id: 1, accept: true });
    const last = bench.ask(B, 'respond_handshake', { node_id: 2, peer_id: 1, accept: true });
    expect(last).toEqual(error(/too many handshake responses/));
  });
});

describe('groups', () => {
  const create = { admin_token: 'adm', name: 'lab', node_id: 1, join_rule: 'open', token: '' };

  beforeEach(() => {
    for (const seed of [A, B]) bench.register(seed);
  });

  test('are made with the admin token only', () => {
    expect(bench.ask(A, 'create_network', { ...create, admin_token: 'wrong' })).toEqual(error('invalid admin token'));
    expect(bench.ask(A, 'create_network', create)).toEqual({
      type: 'create_network_ok',
      network_id: 1,
      name: 'lab',
      enterprise: false,
    });
    expect(bench.ask(A, 'create_network', create)).toEqual(error('network "lab" already exists'));
    expect(bench.ask(A, 'create_network', { ...create, name: 'Lab!' })).toEqual(error('invalid network name'));
    expect(bench.ask(A, 'create_network', { ...create, name: 'b', join_rule: 'invite' })).toEqual(
      error(/^invalid join rule/),
    );
    expect(bench.ask(A, 'create_network', { ...create, name: 'c', node_id: 0 })).toMatchObject({ network_id: 2 });
    bench = new RegistryBench({ adminToken: '' });
    bench.register(A);
    expect(bench.ask(A, 'create_network', { ...create, admin_token: '' })).toEqual(error(/has no admin token$/));
  });

  test('are joined and left by the node itself, or by the administrator', () => {
    bench.ask(A, 'create_network', create);
    const join = { node_id: 2, network_id: 1, inviter_id: 0, token: '' };
    expect(bench.handle({ type: 'join_network', ...join }).reply).toEqual(
      error('signature required for authenticated node'),
    );
    expect(bench.ask(A, 'join_network', join)).toEqual(error('signature verification failed'));
    expect(bench.ask(B, 'join_network', join)).toMatchObject({ address: '1:0001.0000.0002', network_id: 1 });
    expect(bench.ask(B, 'join_network', join)).toEqual(error('node 2 already in network 1'));
    expect(bench.ask(B, 'leave_network', { node_id: 2, network_id: 1 })).toMatchObject({ network_id: 1 });
    expect(bench.ask(B, 'leave_network', { node_id: 2, network_id: 1 })).toEqual(
      error('node 2 is not a member of network 1'),
    );
    expect(bench.ask(C, 'join_network', { ...join, admin_token: 'adm' })).toMatchObject({ network_id: 1 });
    expect(bench.ask(B, 'join_network', { ...join, network_id: 9 })).toEqual(error('network 9: network not found'));
    for (const [act, type] of [
      ['join', 'join_network'],
      ['leave', 'leave_network'],
      ['delete', 'delete_network'],
    ] as const) {
      const reply = bench.ask(B, type, { node_id: 2, network_id: 0, admin_token: 'adm' });
      expect(reply).toEqual(error(`cannot ${act} the backbone network`));
    }
  });

  test('may want a token', () => {
    bench.ask(A, 'create_network', { ...create, join_rule: 'token', token: 'sesame' });
    const join = { node_id: 2, network_id: 1, inviter_id: 0 };
    expect(bench.ask(B, 'join_network', { ...join, token: 'nope' })).toEqual(error('invalid token for network 1'));
    expect(bench.ask(B, 'join_network', { ...join, token: 'sesame' })).toMatchObject({ network_id: 1 });
  });

  test('list who is in them, and the backbone is for the administrator', () => {
    bench.ask(A, 'create_network', create);
    bench.ask(B, 'join_network', { node_id: 2, network_id: 1, token: '' });
    bench.ask(B, 'set_tags', { node_id: 2, tags: ['fares'] });
    bench.ask(B, 'set_hostname', { node_id: 2, hostname: 'fare-watch' });
    const lastSeen = new Date(bench.seconds * 1_000).toISOString();
    expect(bench.ask(C, 'list_nodes', { network_id: 1 }).nodes).toEqual([
      { node_id: 1, address: '1:0001.0000.0001', public: false, role: 'owner', last_seen: lastSeen },
      {
        node_id: 2,
        address: '1:0001.0000.0002',
        public: false,
        role: 'member',
        last_seen: lastSeen,
        hostname: 'fare-watch',
        tags: ['fares'],
      },
    ]);
    expect(bench.ask(C, 'list_nodes', { network_id: 0 })).toEqual(error('invalid admin token'));
    expect(bench.ask(C, 'list_nodes', { network_id: 0, admin_token: 'adm' }).nodes).toHaveLength(2);
    expect(bench.ask(C, 'list_networks').networks).toEqual([
      { id: 0, name: 'backbone', join_rule: 'open', members: 2, enterprise: false, created: 0 },
      { id: 1, name: 'lab', join_rule: 'open', members: 2, enterprise: false, created: bench.seconds },
    ]);
    expect(bench.ask(C, 'get_member_tags', { network_id: 1, target_node_id: 0 })).toMatchObject({
      members: { 1: [], 2: [] },
    });
    expect(bench.ask(C, 'get_member_tags', { network_id: 1, target_node_id: 2 })).toMatchObject({ tags: [] });
    expect(bench.ask(C, 'get_network_policy', { network_id: 0 })).toMatchObject({ allowed_ports: [], max_members: 0 });
    expect(bench.ask(C, 'get_network_policy', { network_id: 7 })).toEqual(error('network 7: network not found'));
  });

  test('are gone with their members when they are deleted, and their number is not used again', () => {
    bench.ask(A, 'create_network', create);
    expect(bench.ask(C, 'delete_network', { network_id: 1 })).toEqual(error('invalid admin token'));
    bench.ask(C, 'delete_network', { network_id: 1, admin_token: 'adm' });
    expect(bench.ask(A, 'lookup', { node_id: 1 })).toMatchObject({ networks: [0] });
    expect(bench.ask(A, 'create_network', create)).toMatchObject({ network_id: 2 });
  });
});
