import { beforeEach, describe, expect, test } from 'vitest';
import { utf8 } from '../../../../node-core/base/bytes.ts';
import { encodeRegistryReply } from '../../../../node-core/wire/registry-message.ts';
import { identityOf, RegistryBench } from '../../../support/registry-bench.ts';
import { Conversation } from '../../../support/registry-conversation.ts';

const ME = 1;
let bench: RegistryBench;
let node: Conversation;

beforeEach(() => {
  bench = new RegistryBench();
  node = new Conversation(bench);
});

describe('a registry that', () => {
  beforeEach(() => {
    node = new Conversation(bench, { hostname: 'alpha' });
    node.pass(1);
    node.typesAsked();
  });

  test('is there hears of the node every minute', () => {
    node.pass(181);
    expect(node.typesAsked().filter((type) => type !== 'beacon_list')).toEqual(Array(3).fill('heartbeat'));
    expect(node.states()).toEqual(['ok']);
  });

  test('lists beacons is asked for them every minute', () => {
    const listed = () => node.events.filter((event) => event.type === 'beacons').at(-1);
    expect(listed()).toEqual({ type: 'beacons', endpoints: [] });
    for (const [beacon_id, addr] of [
      [2, '5.0.0.2:9001'],
      [1, '5.0.0.1:9001'],
    ] as const) {
      bench.handle({ type: 'beacon_register', admin_token: 'adm', beacon_id, addr });
    }
    node.pass(61);
    const endpoints = [
      { host: '5.0.0.1', port: 9001 },
      { host: '5.0.0.2', port: 9001 },
    ];
    expect(listed()).toEqual({ type: 'beacons', endpoints });
  });

  test.each([
    { beacons: null },
    { beacons: 'no list' },
    { beacons: { addr: '5.0.0.1:9001' } },
    { beacons: [null, 7, 'x', [], {}, { addr: 7 }, { addr: '5.0.0.1' }, { addr: '5.0.0.1:99999' }] },
    {},
  ])('lists nonsense lists nothing: %j', (reply) => {
    node.answers = false;
    node.pass(60);
    for (const type of node.typesAsked()) {
      node.client.handleMessage(encodeRegistryReply({ type: `${type}_ok`, ...reply }), bench.now);
    }
    node.settle();
    expect(node.events.at(-1)).toEqual({ type: 'beacons', endpoints: [] });
  });

  test('forgot the node is told everything again at the next heartbeat', () => {
    bench.directory = new RegistryBench().directory;
    bench.register(2);
    node.pass(61);
    expect(node.typesAsked()).toEqual(['heartbeat', 'beacon_list', 'register', 'set_hostname', 'beacon_list']);
    expect(node.client.nodeId).toBe(2);
  });

  test('took another node for it is told again', () => {
    bench.directory = new RegistryBench().directory;
    bench.register(2);
    expect(node.client.nodeId).toBe(1);
    bench.register(3);
    node.pass(61);
    expect(node.client.nodeId).toBe(3);
  });

  test('goes away is dialled again, and told everything when it is back', () => {
    node.reachable = false;
    node.cut();
    const lost = node.ask('lookup', { nodeId: 1 });
    node.pass(30);
    expect(node.states()).toEqual(['ok', 'away']);
    expect(lost.result).toMatchObject({ code: 'registry.unavailable' });
    expect(node.events.filter((event) => event.type === 'open-channel').length).toBeLessThan(15);
    node.reachable = true;
    const kept = node.ask('lookup', { nodeId: 1 });
    node.pass(5);
    expect(node.states()).toEqual(['ok', 'away', 'ok']);
    expect(node.typesAsked()).toEqual(['register', 'set_hostname', 'beacon_list', 'lookup']);
    expect(kept.result).toMatchObject({ hostname: 'alpha' });
  });

  test('does not answer is given up after five seconds, with every call that waits', () => {
    node.answers = false;
    const sent = Array.from({ length: 40 }, () => node.ask('lookup', { nodeId: 1 }));
    node.pass(4.9);
    expect(sent.filter((id) => id.result !== undefined)).toHaveLength(0);
    node.reachable = false;
    node.pass(0.2);
    expect(node.events).toContainEqual({ type: 'close-channel' });
    for (const id of sent) expect(id.result).toMatchObject({ code: 'registry.unavailable' });
    expect(node.states()).toEqual(['ok', 'away']);
  });

  test('speaks without being asked, or nonsense, harms nothing', () => {
    node.client.handleMessage(utf8('{"type":"surprise"}'), bench.now);
    node.settle();
    expect(node.events).toContainEqual({ type: 'close-channel' });
    node.pass(1);
    node.answers = false;
    const call = node.ask('lookup', { nodeId: 1 });
    node.settle();
    node.client.handleMessage(utf8('['), bench.now);
    node.settle();
    expect(call.result).toMatchObject({ code: 'frame.invalid' });
    node.answers = true;
    expect(node.states()).toEqual(['ok', 'away', 'ok']);
  });

  test('lost its memory learns of trust once the trusted peer is back', () => {
    bench.register(2);
    node.profile = { ...node.profile, trusted: [{ nodeId: 2, publicKey: identityOf(2).publicKey }] };
    bench.directory = new RegistryBench().directory;
    node.cut();
    node.pass(1);
    expect(bench.register(2)).toMatchObject({ node_id: 2 });
    expect(bench.ask(2, 'check_trust', { node_id: 1, peer_id: 2 })).toMatchObject({ trusted: false });
    node.pass(60);
    expect(bench.ask(2, 'check_trust', { node_id: 1, peer_id: 2 })).toMatchObject({ trusted: true });
    node.typesAsked();
    node.pass(60);
    expect(node.typesAsked()).toEqual(['heartbeat', 'beacon_list']);
  });
});

describe('what the registry does not take', () => {
  const news = () => node.events.flatMap((event) => (event.type === 'profile' ? [event] : []));

  beforeEach(() => {
    bench.register(2);
    bench.ask(2, 'set_hostname', { node_id: 1, hostname: 'alpha' });
  });

  test('of this node is said once, with its reason, and again when it is taken after all', () => {
    const reason = 'hostname "alpha" already in use by node 1';
    node = new Conversation(bench, { hostname: 'alpha' });
    node.pass(130);
    node.cut();
    node.pass(130);
    expect(news()).toEqual([
      { type: 'profile', what: 'hostname', value: 'alpha', refused: { code: 'hostname-taken', reason } },
    ]);
    bench.ask(2, 'set_hostname', { node_id: 1, hostname: '' });
    node.pass(200);
    expect(news().slice(1)).toEqual([{ type: 'profile', what: 'hostname', value: 'alpha', refused: undefined }]);
    expect(bench.ask(ME, 'lookup', { node_id: 2 })).toMatchObject({ hostname: 'alpha' });
  });

  test.each([
    [{ hostname: 'Ägypten' }, 'hostname', 'hostname-invalid'],
    [{ tags: ['no good'] }, 'tags', 'tag-invalid'],
    [{ memberships: new Map([[7, '']]) }, 'membership', 'group-unknown'],
  ] as const)('is no less told of %j', (profile, what, code) => {
    node = new Conversation(bench, profile);
    node.pass(1);
    expect(news()).toMatchObject([{ what, refused: { code } }]);
  });

  test('at a bad moment is no news, and said again', () => {
    node = new Conversation(bench, { tags: ['fares'] });
    node.tooMany.add('set_tags');
    node.pass(70);
    node.tooMany.clear();
    node.pass(60);
    expect(news()).toEqual([]);
    expect(bench.ask(ME, 'lookup', { node_id: 2 })).toMatchObject({ tags: ['fares'] });
    node.typesAsked();
    node.pass(60);
    expect(node.typesAsked()).not.toContain('set_tags');
  });

  test('a name that is taken at once is no news', () => {
    node = new Conversation(bench, { hostname: 'beta', tags: ['x'], public: true });
    node.pass(200);
    expect(news()).toEqual([]);
  });
});
