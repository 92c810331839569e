import { beforeEach, describe, expect, test } from 'vitest';
import { Directory } from '../../../../node-core/rendezvous/directory.ts';
import type { JsonObject } from '../../../../node-core/wire/registry-message.ts';
import {
  error,
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
