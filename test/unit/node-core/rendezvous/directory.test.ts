import { beforeEach, describe, expect, test } from 'vitest';
import { directoryChange } from '../../../../node-core/rendezvous/directory-state.ts';
import { error, publicKeyOf, RegistryBench, signedRequest } from '../../../support/registry-bench.ts';

const A = 1;
const B = 2;
const C = 3;
let bench: RegistryBench;

beforeEach(() => {
  bench = new RegistryBench({ beaconAddress: '127.0.0.1:9001' });
});

describe('beacons', () => {
  const registered = (beacon_id: number, addr: string) =>
    bench.handle({ type: 'beacon_register', admin_token: 'adm', beacon_id, addr }).reply;
  const listed = () => bench.ask(A, 'beacon_list').beacons;

  test('are listed by id while they say that they are there', () => {
    expect(listed()).toEqual([]);
    expect(registered(7, '5.0.0.7:9001')).toEqual({ type: 'beacon_register_ok', beacon_id: 7 });
    bench.seconds += 40;
    registered(3, '[2001:db8::3]:9001');
    expect(listed()).toEqual([
      { id: 3, addr: '[2001:db8::3]:9001' },
      { id: 7, addr: '5.0.0.7:9001' },
    ]);
    bench.seconds += 21;
    expect(listed()).toEqual([{ id: 3, addr: '[2001:db8::3]:9001' }]);
    registered(3, '5.0.0.3:9001');
    expect(listed()).toEqual([{ id: 3, addr: '5.0.0.3:9001' }]);
  });

  test('are named by the operator only, and in a bounded number', () => {
    const request = { type: 'beacon_register', beacon_id: 1, addr: '5.0.0.1:9001' };
    expect(bench.handle(request).reply).toEqual(error('invalid admin token'));
    expect(registered(0, '5.0.0.1:9001')).toEqual(error('beacon_id required'));
    expect(registered(1, 'beacon.example')).toEqual(error(/invalid addr/));
    const replies = Array.from({ length: 300 }, (_, n) => registered(n + 1, '5.0.0.1:9001'));
    expect(replies.filter(({ type }) => type === 'error')).toHaveLength(300 - 256);
  });
});

describe('an end of a key', () => {
  const expire = (expires_at: string) => bench.ask(A, 'set_key_expiry', { node_id: 1, expires_at });
  const inSeconds = (seconds: number) => new Date((bench.seconds + seconds) * 1_000).toISOString().replace('.000', '');

  beforeEach(() => {
    bench.register(A);
    bench.ask(A, 'create_network', { admin_token: 'adm', name: 'lab', node_id: 1, enterprise: true });
  });

  test('is set by its node or the administrator, in an enterprise group only', () => {
    const at = inSeconds(3_600);
    expect(expire(at)).toEqual({ type: 'set_key_expiry_ok', node_id: 1, expires_at: at });
    expect(bench.ask(B, 'get_key_info', { node_id: 1 })).toMatchObject({ expires_at: at });
    expect(bench.ask(B, 'set_key_expiry', { node_id: 1, expires_at: at })).toEqual(error(/verification failed/));
    for (const never of ['never', '']) {
      const reply = bench.handle({ type: 'set_key_expiry', node_id: 1, expires_at: never, admin_token: 'adm' }).reply;
      expect(reply).toEqual({ type: 'set_key_expiry_ok', node_id: 1 });
    }
    bench.register(B);
    expect(bench.ask(B, 'set_key_expiry', { node_id: 2, expires_at: at })).toEqual(
      error('enterprise feature: requires enterprise network'),
    );
  });

  test.each(['1970-01-01T00:00:01Z', '2100-01-01T00:00:00Z', 'tomorrow', '2027-01-02'])('is refused as %s', (text) => {
    expect(expire(text)).toEqual(error(/^invalid expires_at/));
  });

  test('is warned of a day before, then heartbeats are refused until there is another key', () => {
    expire(inSeconds(86_400 + 60));
    expect(bench.ask(A, 'heartbeat', { node_id: 1 })).not.toHaveProperty('key_expiry_warning');
    bench.seconds += 60;
    expect(bench.ask(A, 'heartbeat', { node_id: 1 })).toMatchObject({ key_expiry_warning: true });
    expire(inSeconds(60));
    bench.restart();
    bench.seconds += 60;
    expect(bench.ask(A, 'heartbeat', { node_id: 1 })).toEqual(error(/^node 1: key expired at /));
    bench.ask(A, 'rotate_key', { node_id: 1, new_public_key: publicKeyOf(C) });
    expect(bench.ask(C, 'heartbeat', { node_id: 1 })).toMatchObject({ type: 'heartbeat_ok' });
  });
});

describe('who lives', () => {
  test('a heartbeat keeps a node, silence of five minutes removes it', () => {
    bench.register(A, { hostname: 'alpha' });
    bench.register(B);
    bench.seconds += 200;
    expect(bench.ask(A, 'heartbeat', { node_id: 1 })).toEqual({ type: 'heartbeat_ok', time: bench.seconds });
    bench.seconds += 200;
    expect(bench.ask(A, 'lookup', { node_id: 1 })).toMatchObject({ hostname: 'alpha' });
    expect(bench.ask(A, 'lookup', { node_id: 2 })).toEqual(error('node 2: node not found'));
    expect(bench.ask(B, 'heartbeat', { node_id: 2 })).toEqual(error('node 2: node not found'));
  });

  test('a wall clock that jumps removes nobody', () => {
    bench.register(A);
    const now = { monotonicMs: bench.now.monotonicMs + 10, unixNano: bench.now.unixNano + 86_400_000_000_000n };
    expect(bench.directory.handle({ type: 'lookup', node_id: 1 }, bench.source, now).reply).toMatchObject({
      node_id: 1,
    });
  });

  test('after a restart everyone has five minutes to be heard', () => {
    bench.register(A);
    bench.restart();
    bench.seconds += 3_600;
    expect(bench.ask(A, 'heartbeat', { node_id: 1 })).toMatchObject({ type: 'heartbeat_ok' });
    bench.restart();
    bench.ask(B, 'list_networks');
    bench.seconds += 301;
    expect(bench.ask(A, 'heartbeat', { node_id: 1 })).toEqual(error('node 1: node not found'));
  });

  test('a heartbeat with an address moves the node, under a signature over that address only', () => {
    bench.register(A);
    bench.ask(A, 'set_visibility', { node_id: 1, public: true });
    const short = signedRequest(A, 'heartbeat', { node_id: 1 });
    expect(bench.handle({ ...short, listen_addr: '127.0.0.1:4999' }).reply).toEqual(
      error('signature verification failed'),
    );
    bench.ask(A, 'heartbeat', { node_id: 1, listen_addr: '127.0.0.1:4999' });
    expect(bench.ask(B, 'lookup', { node_id: 1 })).toMatchObject({ real_addr: '127.0.0.1:4999' });
  });

  test('a node that leaves frees its name, and is still a member when it returns', () => {
    bench.register(A, { hostname: 'alpha' });
    bench.directory.ensureGroup('travel', bench.now);
    bench.ask(A, 'join_network', { node_id: 1, network_id: 1 });
    expect(bench.ask(A, 'deregister', { node_id: 1 })).toEqual({ type: 'deregister_ok' });
    expect(bench.ask(A, 'deregister', { node_id: 1 })).toEqual({ type: 'deregister_ok' });
    expect(bench.register(B, { hostname: 'alpha' })).toMatchObject({ hostname: 'alpha' });
    expect(bench.ask(B, 'list_nodes', { network_id: 1 })).toEqual({
      type: 'list_nodes_ok',
      nodes: [{ node_id: 1, address: '1:0001.0000.0001', offline: true, role: 'member' }],
    });
    expect(bench.register(A)).toMatchObject({ node_id: 1 });
    expect(bench.ask(A, 'lookup', { node_id: 1 })).toMatchObject({ networks: [0, 1] });
  });

  test('a rotated key is the node from now on, and is covered by the signature', () => {
    bench.register(A);
    const rotation = { node_id: 1, new_public_key: publicKeyOf(B) };
    const forged = signedRequest(A, 'rotate_key', { ...rotation, new_public_key: publicKeyOf(C) });
    expect(bench.handle({ ...forged, ...rotation }).reply).toEqual(error('signature verification failed'));
    expect(bench.ask(A, 'rotate_key', rotation)).toEqual({
      type: 'rotate_key_ok',
      node_id: 1,
      address: '0:0000.0000.0001',
      public_key: publicKeyOf(B),
    });
    expect(bench.ask(A, 'heartbeat', { node_id: 1 })).toEqual(error('signature verification failed'));
    expect(bench.register(B)).toMatchObject({ node_id: 1 });
    expect(bench.ask(C, 'get_key_info', { node_id: 1 })).toMatchObject({ rotate_count: 1 });
  });
});

describe('what others see', () => {
  beforeEach(() => {
    for (const seed of [A, B, C]) bench.register(seed, { lan_addrs: ['10.0.0.1:4000', 'junk'] });
  });

  test('a private node hides its address from strangers, not its key', () => {
    expect(bench.ask(A, 'lookup', { node_id: 2 })).toEqual({
      type: 'lookup_ok',
      node_id: 2,
      address: '0:0000.0000.0002',
      networks: [0],
      public: false,
      public_key: publicKeyOf(B),
    });
    expect(bench.ask(A, 'resolve', { node_id: 2, requester_id: 1 })).toEqual(
      error(/^resolve denied: node 2 is private/),
    );
    expect(bench.ask(A, 'punch', { node_a: 1, node_b: 2, requester_id: 1 })).toEqual(error(/^punch denied/));
    expect(bench.ask(A, 'punch', { node_a: 2, node_b: 3, requester_id: 1 })).toEqual(error(/^cannot punch for others/));
  });

  test('trust goes one way: only who is let in resolves', () => {
    bench.ask(A, 'report_trust', { node_id: 1, peer_id: 2 });
    expect(bench.ask(A, 'resolve', { node_id: 2, requester_id: 1 })).toEqual(error(/^resolve denied/));
    expect(bench.ask(B, 'resolve', { node_id: 1, requester_id: 2 })).toEqual({
      type: 'resolve_ok',
      node_id: 1,
      public_key: publicKeyOf(A),
      key_age_days: 0,
      real_addr: '127.0.0.1:4000',
      lan_addrs: ['10.0.0.1:4000'],
    });
    expect(bench.ask(A, 'check_trust', { node_id: 1, peer_id: 2 })).toEqual({ type: 'check_trust_ok', trusted: true });
    expect(bench.ask(A, 'check_trust', { node_id: 2, peer_id: 1 })).toEqual({ type: 'check_trust_ok', trusted: false });
  });

  test('either side ends trust for both', () => {
    bench.ask(A, 'report_trust', { node_id: 1, peer_id: 2 });
    bench.ask(B, 'report_trust', { node_id: 2, peer_id: 1 });
    expect(bench.ask(B, 'revoke_trust', { node_id: 2, peer_id: 1 })).toEqual({ type: 'revoke_trust_ok' });
    expect(bench.ask(A, 'check_trust', { node_id: 1, peer_id: 2 })).toMatchObject({ trusted: false });
    expect(bench.ask(B, 'revoke_trust', { node_id: 2, peer_id: 1 })).toEqual(error(/^no trust pair/));
  });

  test('members of a group reach each other', () => {
    bench.directory.ensureGroup('travel', bench.now);
    for (const [seed, node] of [
      [A, 1],
      [B, 2],
    ] as const)
      bench.ask(seed, 'join_network', { node_id: node, network_id: 1 });
    expect(bench.ask(A, 'resolve', { node_id: 2, requester_id: 1 })).toMatchObject({ real_addr: '127.0.0.1:4000' });
    expect(bench.ask(C, 'resolve', { node_id: 2, requester_id: 3 })).toEqual(error(/^resolve denied/));
  });

  test('a node that hides behind the beacon is resolved as the beacon, and nobody punches for it', () => {
    bench.register(B, { relay_only: true });
    bench.ask(B, 'set_visibility', { node_id: 2, public: true });
    const hidden = { real_addr: '127.0.0.1:9001', relay_only: true };
    const resolved = bench.ask(A, 'resolve', { node_id: 2, requester_id: 1 });
    expect(resolved).toMatchObject(hidden);
    expect(resolved).not.toHaveProperty('lan_addrs');
    expect(bench.ask(A, 'lookup', { node_id: 2 })).toMatchObject(hidden);
    expect(bench.ask(A, 'punch', { node_a: 1, node_b: 2, requester_id: 1 })).toEqual(error(/^punch denied/));
  });

  test('a private name looks like an unknown one to strangers', () => {
    bench.ask(B, 'set_hostname', { node_id: 2, hostname: 'beta' });
    const unknown = error('hostname "beta" not found');
    expect(bench.ask(A, 'resolve_hostname', { hostname: 'beta', requester_id: 1 })).toEqual(unknown);
    expect(bench.ask(A, 'resolve_hostname', { hostname: 'beta' })).toEqual(unknown);
    expect(bench.ask(A, 'resolve_hostname', { hostname: '', requester_id: 1 })).toEqual(error('hostname "" not found'));
    const found = { node_id: 2, address: '0:0000.0000.0002', public: false, hostname: 'beta' };
    expect(bench.ask(B, 'resolve_hostname', { hostname: 'beta', requester_id: 2 })).toMatchObject(found);
    bench.ask(B, 'report_trust', { node_id: 2, peer_id: 1 });
    expect(bench.ask(A, 'resolve_hostname', { hostname: 'beta', requester_id: 1 })).toMatchObject(found);
  });

  test('tags are cleaned', () => {
    expect(bench.ask(A, 'set_tags', { node_id: 1, tags: ['#gpu', 'gpu', 'web'] })).toMatchObject({
      tags: ['gpu', 'web'],
    });
    const many = Array.from({ length: 11 }, (_, index) => `t${index}`);
    expect(bench.ask(A, 'set_tags', { node_id: 1, tags: many })).toEqual(error('too many tags (max 10)'));
    expect(bench.ask(A, 'set_tags', { node_id: 1, tags: ['a b'] })).toEqual(error(/^invalid tag/));
    expect(bench.ask(A, 'set_tags', { node_id: 1, tags: [] })).toMatchObject({ tags: [] });
  });
});

test('says what must be written down, and a snapshot of it holds everything', () => {
  bench.register(A, { hostname: 'alpha', version: '1.18.0' });
  bench.register(B);
  bench.ask(A, 'create_network', { admin_token: 'adm', name: 'lab', node_id: 1 });
  bench.ask(B, 'set_tags', { node_id: 2, tags: ['x'] });
  bench.ask(A, 'report_trust', { node_id: 1, peer_id: 2 });
  const before = directoryChange.array().parse(JSON.parse(JSON.stringify(bench.directory.everything())));
  bench.restart();
  expect(bench.directory.everything()).toEqual(before);
  const changes = (type: string, fields: object) =>
    bench.handle(signedRequest(A, type, { node_id: 1, ...fields })).changes.length > 0;
  expect(changes('heartbeat', {})).toBe(false);
  expect(changes('set_hostname', { hostname: 'alpha' })).toBe(false);
  expect(changes('report_trust', { peer_id: 2 })).toBe(false);
  expect(changes('lookup', {})).toBe(false);
  expect(changes('set_hostname', { hostname: 'other' })).toBe(true);
  expect(changes('report_trust', { peer_id: 1 })).toBe(true);
});

test.each([
  [{}, /^unknown message type/],
  [{ type: 7 }, /^unknown message type/],
  [{ type: 'frobnicate' }, /^unknown message type/],
  [{ type: 'constructor' }, /^unknown message type/],
  [{ type: '__proto__' }, /^unknown message type/],
  [{ type: 'get_polo_score', node_id: 1 }, /^unknown message type/],
  [{ type: 'lookup' }, /^node 0: node not found/],
  [{ type: 'lookup', node_id: '1' }, /^node 0: node not found/],
  [{ type: 'lookup', node_id: -1 }, /^node 0: node not found/],
  [{ type: 'lookup', node_id: 4_294_967_296 }, /^node 0: node not found/],
  [{ type: 'set_hostname', node_id: 1, signature: 'x' }, /^invalid signature encoding/],
  [{ type: 'set_hostname', node_id: 1, signature: 'AAAA' }, /^signature verification failed/],
  [
    { type: 'register', public_key: publicKeyOf(A), listen_addr: { toString: 1 }, signature: 'AAAA' },
    /^signature verification failed/,
  ],
])('answers %j with an error', (fields, text) => {
  bench.register(A);
  expect(bench.handle(fields as never).reply).toEqual(error(text));
});
