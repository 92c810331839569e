import { beforeEach, describe, expect, test } from 'vitest';
import { Directory } from '../../../../node-core/rendezvous/directory.ts';
import { directoryChange } from '../../../../node-core/rendezvous/directory-state.ts';
import type { JsonObject } from '../../../../node-core/wire/registry-message.ts';
import {
  provenRequest,
  publicKeyOf,
  RegistryBench,
  registrationOf,
  signedRequest,
  unsignedRegistrationOf,
} from '../../../support/registry-bench.ts';

const A = 1;
const B = 2;
const C = 3;
let bench: RegistryBench;

beforeEach(() => {
  bench = new RegistryBench({ beaconAddress: '127.0.0.1:9001' });
});

const OTHER_SOURCE = { host: '192.0.2.1', port: 50_000 };

function error(text: string | RegExp) {
  return { type: 'error', error: typeof text === 'string' ? text : expect.stringMatching(text) };
}

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

describe('register', () => {
  test('hands out ids from 1 and tells a node where it was seen', () => {
    expect(bench.register(A, { listen_addr: ':4001' })).toEqual({
      type: 'register_ok',
      node_id: 1,
      network_id: 0,
      address: '0:0000.0000.0001',
      public_key: publicKeyOf(A),
      observed_addr: '127.0.0.1:4001',
      protocol_version: 1,
    });
    expect(bench.register(B)).toMatchObject({ node_id: 2, address: '0:0000.0000.0002' });
  });

  test.each([
    ['203.0.113.9:4000', '127.0.0.1:4000'],
    ['[::1]:4005', '127.0.0.1:4005'],
    ['nonsense', '127.0.0.1:50000'],
    ['127.0.0.1:99999', '127.0.0.1:50000'],
    ['', '127.0.0.1:50000'],
  ])('stores %s as %s: nobody registers a foreign address', (listen, stored) => {
    expect(bench.register(A, { listen_addr: listen })).toMatchObject({ observed_addr: stored });
  });

  test('gives a key the same id for ever: again, after silence, after a restart', () => {
    bench.register(A);
    bench.register(B);
    bench.seconds += 1_000;
    bench.register(C);
    bench.restart();
    expect(bench.register(B)).toMatchObject({ node_id: 2 });
    expect(bench.register(A)).toMatchObject({ node_id: 1 });
  });

  test('gives no id again that a registry may have given which went on from the same state and is lost', () => {
    bench.register(A);
    const copy = JSON.parse(JSON.stringify(bench.directory.everything()));
    const given = [B, C, 4, 5].map((seed) => bench.register(seed).node_id);
    bench.directory = Directory.restore(copy);
    const late = [5, 4, C, B].map((seed) => bench.register(seed).node_id);
    expect(given).toEqual([2, 3, 4, 5]);
    expect(late).toEqual([257, 258, 259, 260]);
    bench.restart();
    expect(bench.register(6)).toMatchObject({ node_id: 513 });
  });

  test('notes a registration once, and ids once in 256', () => {
    bench = new RegistryBench({ acceptUnsigned: true });
    const changes = Array.from(
      { length: 600 },
      (_, index) => bench.handle(unsignedRegistrationOf(index)).changes,
    ).flat();
    expect(changes.filter(({ type }) => type === 'ids')).toHaveLength(3);
    expect(changes.filter(({ type }) => type === 'node')).toHaveLength(600);
  });

  test('wants a signature from the first registration on', () => {
    const unsigned = { type: 'register', listen_addr: '127.0.0.1:4000', public_key: publicKeyOf(A) };
    expect(bench.handle(unsigned).reply).toEqual(error('signature required for authenticated node'));
    expect(bench.handle(unsigned).changes).toEqual([]);
    bench.register(A);
    expect(bench.handle(unsigned).reply).toEqual(error(/unsigned registration cannot modify/));
  });

  test('takes a first registration without signature where the operator wants so, but none of a key that has signed', () => {
    bench = new RegistryBench({ acceptUnsigned: true });
    const unsigned = { type: 'register', listen_addr: '127.0.0.1:4000', public_key: publicKeyOf(A) };
    expect(bench.handle(unsigned).reply).toMatchObject({ node_id: 1 });
    expect(bench.handle(unsigned)).not.toHaveProperty('signedEndpoint');
    bench.register(A);
    expect(bench.handle(unsigned).reply).toEqual(error(/unsigned registration cannot modify/));
  });

  test('refuses a signature over another address', () => {
    const request = signedRequest(A, 'register', { listen_addr: '127.0.0.1:1', public_key: publicKeyOf(A) });
    expect(bench.handle({ ...request, listen_addr: '127.0.0.1:2' }).reply).toEqual(
      error('signature verification failed'),
    );
  });

  test.each([
    [{}, 'public key required'],
    [{ public_key: 'AAAA' }, 'invalid public key: invalid public key size: 3'],
    [{ public_key: 'A-_=' }, 'invalid public key: not standard base64'],
  ])('refuses the key of %j', (fields, text) => {
    expect(bench.handle({ type: 'register', ...fields }).reply).toEqual(error(text));
  });

  test('never fails over a name', () => {
    expect(bench.register(A, { hostname: 'alpha' })).toMatchObject({ hostname: 'alpha' });
    const reply = bench.register(B, { hostname: 'alpha' });
    expect(reply).toMatchObject({ node_id: 2, hostname_error: 'hostname "alpha" already in use by node 1' });
    expect(reply).not.toHaveProperty('hostname');
  });

  test('lets no owner name take over a node', () => {
    bench.register(A, { owner: 'a@example.com' });
    expect(bench.register(B, { owner: 'a@example.com' })).toMatchObject({ node_id: 2 });
  });

  test('tells the beacon which endpoint was signed for', () => {
    const request = signedRequest(A, 'register', { listen_addr: '127.0.0.1:4000', public_key: publicKeyOf(A) });
    expect(bench.handle(request).signedEndpoint).toEqual({ nodeId: 1, endpoint: { host: '127.0.0.1', port: 4000 } });
  });

  test('limits new keys per address; known ones are exempt', () => {
    bench = new RegistryBench({ newKeysPerSecond: 0, acceptUnsigned: true });
    for (let index = 0; index < 1_000; index++) bench.handle(unsignedRegistrationOf(index));
    expect(bench.handle(unsignedRegistrationOf(1_000)).reply).toEqual(error(/rate limited/));
    expect(bench.handle(unsignedRegistrationOf(7)).reply).toMatchObject({ node_id: 8 });
    expect(bench.handle(unsignedRegistrationOf(1_000), OTHER_SOURCE).reply).toMatchObject({ node_id: 1_001 });
  });

  test('never gives an id from 16,000 on while there are others', () => {
    bench.register(A);
    const ids = { type: 'ids', node: 15_999, network: 1 } as const;
    bench.directory = Directory.restore([...bench.directory.everything(), ids]);
    expect(bench.register(B)).toMatchObject({ node_id: 15_999 });
    expect(bench.register(C)).toMatchObject({ node_id: 1_000_000 });
  });
});

describe('what one source can make the registry keep', () => {
  test('is little for each registration, whatever that says', () => {
    const long = 'x'.repeat(60_000);
    const names = Array.from({ length: 16 }, (_, index) => `${long}${index}:4000`);
    const literal = Array.from({ length: 100 }, (_, index) => `10.0.0.${index}:4000`);
    const odd = ['10.0.0.1:0', '0.0.0.0:4000', '224.0.0.1:4000', '10.0.0.1', '', '[fe80::1%eth0]:4000'];
    bench.register(A, { owner: long, version: long, hostname: long, lan_addrs: [...names, ...odd, ...literal] });
    bench.register(B, { lan_addrs: [...odd, ...literal] });
    expect(JSON.stringify(bench.directory.everything()).length).toBeLessThan(2_000);
    bench.ask(A, 'report_trust', { node_id: 1, peer_id: 2 });
    expect(bench.ask(B, 'resolve', { node_id: 1, requester_id: 2 }).lan_addrs).toEqual(literal.slice(0, 8));
    bench.ask(B, 'report_trust', { node_id: 2, peer_id: 1 });
    expect(bench.ask(A, 'resolve', { node_id: 2, requester_id: 1 }).lan_addrs).toEqual(literal.slice(0, 8));
  });

  test('is a number of nodes; those that are gone and on whom nobody counts make room', () => {
    bench = new RegistryBench({ nodesPerAddress: 4 });
    bench.directory.ensureGroup('travel', bench.now);
    for (const seed of [A, B, C, 4]) bench.register(seed);
    bench.ask(A, 'join_network', { node_id: 1, network_id: 1, token: '' });
    bench.ask(B, 'report_trust', { node_id: 2, peer_id: 3 });
    expect(bench.register(5)).toEqual(error('registry full: too many nodes of this address'));
    expect(bench.handle(registrationOf(77), OTHER_SOURCE).reply).toMatchObject({ type: 'register_ok' });
    bench.seconds += 400;
    const known = bench.register(5);
    expect(known.type).toBe('register_ok');
    expect(bench.register(6)).toEqual(error('registry full: too many nodes of this address'));
    bench.restart();
    const ids = [A, B, C].map((seed) => bench.register(seed).node_id);
    expect(ids).toEqual([1, 2, 3]);
    expect(bench.register(4)).toEqual(error('registry full: too many nodes of this address'));
    expect(known.node_id).toBeGreaterThan(4);
  });

  test('is counted for a whole IPv6 network, and its nodes are found again after a restart', () => {
    bench = new RegistryBench({ nodesPerAddress: 2 });
    const from = (host: string, index: number) => bench.handle(registrationOf(index), { host, port: 1 }).reply;
    expect(from('2001:db8::1', 1)).toMatchObject({ node_id: 1 });
    bench.restart();
    expect(from('2001:db8::2', 2)).toMatchObject({ type: 'register_ok' });
    expect(from('2001:db8::3', 3)).toEqual(error(/^registry full/));
    expect(from('2001:db8:0:1::3', 3)).toMatchObject({ type: 'register_ok' });
  });

  test('a key that is known stays welcome when there is no room', () => {
    bench = new RegistryBench({ nodesPerAddress: 1 });
    expect(bench.register(A)).toMatchObject({ node_id: 1 });
    bench.handle(registrationOf(77), OTHER_SOURCE);
    expect(bench.handle(registrationOf(77)).reply).toMatchObject({ node_id: 2, observed_addr: '127.0.0.1:4000' });
    expect(bench.register(A)).toMatchObject({ node_id: 1 });
  });

  test('a group has no longer token than anybody needs', () => {
    const create = { admin_token: 'adm', name: 'lab', node_id: 0, join_rule: 'token' };
    expect(bench.ask(A, 'create_network', { ...create, token: 'x'.repeat(257) })).toEqual(error(/^token too long/));
    expect(bench.ask(A, 'create_network', { ...create, token: 'x'.repeat(256) })).toMatchObject({ network_id: 1 });
  });
});

describe('an address that nobody can send to', () => {
  test.each(['x:0', 'example.org:4000', '127.0.0.1:0', '0.0.0.0:0', '[::]:0', ':0', '224.0.0.1:4000'])(
    'is refused at register and at a heartbeat: %s',
    (listen) => {
      expect(bench.register(A, { listen_addr: listen })).toEqual(error(/^invalid listen_addr/));
      bench.register(A);
      const moved = bench.ask(A, 'heartbeat', { node_id: 1, listen_addr: listen });
      expect(moved).toEqual(error(/^invalid listen_addr/));
      expect(bench.register(A)).toMatchObject({ observed_addr: '127.0.0.1:4000' });
    },
  );

  test('is no matter for a node that is reached through the beacon alone', () => {
    const reply = bench.register(A, { listen_addr: '0.0.0.0:0', relay_only: true });
    expect(reply).toMatchObject({ node_id: 1, observed_addr: '127.0.0.1:50000' });
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

describe('a strict registry', () => {
  const unixMs = (seconds = bench.seconds) => seconds * 1_000;
  const proven = (seed: number, type: string, fields: JsonObject, at = unixMs()) =>
    provenRequest(seed, type, fields, at);
  const register = { listen_addr: '127.0.0.1:4000', public_key: publicKeyOf(A) };

  beforeEach(() => {
    bench = new RegistryBench({ strict: true });
    bench.ask(C, 'list_networks');
    bench.seconds += 1;
  });

  test('believes what is signed as a whole, and nothing else that is signed', () => {
    expect(bench.register(A)).toEqual(error('signature of the whole request required'));
    expect(bench.handle(proven(A, 'register', register)).reply).toMatchObject({ node_id: 1 });
    expect(bench.ask(A, 'set_hostname', { node_id: 1, hostname: 'alpha' })).toEqual(error(/required$/));
    bench.seconds += 1;
    const named = proven(A, 'set_hostname', { node_id: 1, hostname: 'alpha' });
    expect(bench.handle({ ...named, hostname: 'beta' }).reply).toEqual(error(/verification failed/));
    expect(bench.handle(named).reply).toMatchObject({ hostname: 'alpha' });
  });

  test('takes nothing twice: no registration from elsewhere, and no refusal as a consent', () => {
    const registration = proven(A, 'register', register);
    bench.handle(registration);
    bench.handle(proven(B, 'register', { ...register, public_key: publicKeyOf(B) }));
    bench.seconds += 2;
    const replayed = bench.handle(registration, OTHER_SOURCE);
    expect(replayed.reply).toEqual(error(/its time is not now, or was used before/));
    expect(replayed).not.toHaveProperty('signedEndpoint');
    const refusal = proven(B, 'respond_handshake', { node_id: 2, peer_id: 1, accept: false });
    expect(bench.handle({ ...refusal, accept: true }).reply).toEqual(error(/verification failed/));
    expect(bench.handle(refusal).reply).toMatchObject({ accept: false });
    expect(bench.handle({ ...refusal, accept: true }).reply).toEqual(error(/was used before/));
    expect(bench.ask(B, 'check_trust', { node_id: 2, peer_id: 1 })).toMatchObject({ trusted: false });
  });

  test('takes a time that is a minute off, but none from before its start', () => {
    expect(bench.handle(proven(A, 'register', register, unixMs(bench.seconds - 2))).reply).toEqual(error(/not now/));
    expect(bench.handle(proven(A, 'register', register, unixMs(bench.seconds + 61))).reply).toEqual(error(/not now/));
    expect(bench.handle(proven(A, 'register', register, unixMs(bench.seconds + 60))).reply.node_id).toBe(1);
    bench.seconds += 300;
    const late = proven(A, 'register', register, unixMs(bench.seconds - 61));
    expect(bench.handle(late).reply).toEqual(error(/not now/));
  });

  test('whose clock is set back starts anew: nobody is shut out until it has caught up', () => {
    bench.handle(proven(A, 'register', register));
    const asked = proven(A, 'set_hostname', { node_id: 1, hostname: 'alpha' }, unixMs() + 1);
    expect(bench.handle(asked).reply).toMatchObject({ hostname: 'alpha' });
    bench.seconds -= 600; // what was signed at the clock of before, or before this start, is still not believed
    const early = proven(A, 'heartbeat', { node_id: 1 }, unixMs() - 1);
    expect(bench.handle(early).reply).toEqual(error(/not now/));
    expect(bench.handle(asked).reply).toEqual(error(/not now/));
    expect(bench.handle(proven(A, 'heartbeat', { node_id: 1 })).reply.type).toBe('heartbeat_ok');
    expect(bench.handle(proven(B, 'register', { ...register, public_key: publicKeyOf(B) })).reply.node_id).toBe(2);
  });
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
