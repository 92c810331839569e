import { beforeEach, describe, expect, test } from 'vitest';
import type { PilotError } from '../../../../node-core/base/errors.ts';
import type { Attributes, SpanStatus, Tracer } from '../../../../node-core/base/tracer.ts';
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

describe('registration', () => {
  test('comes first, signed, and says everything the profile holds', () => {
    bench.directory.ensureGroup('travel', bench.now);
    bench.register(2);
    node = new Conversation(bench, {
      hostname: 'alpha',
      public: true,
      tags: ['fares'],
      lanAddresses: ['10.0.0.1:4000'],
      memberships: new Map([[1, '']]),
      trusted: [{ nodeId: 1, publicKey: undefined }],
    });
    const early = node.ask('list_networks', {});
    node.pass(1);
    expect(node.typesAsked()).toEqual([
      'register',
      'set_visibility',
      'set_hostname',
      'set_tags',
      'report_trust',
      'beacon_list',
      'lookup',
      'list_networks',
      'join_network',
    ]);
    expect(node.client.nodeId).toBe(2);
    expect(early.result).toMatchObject({ networks: [{ name: 'backbone' }, { name: 'travel' }] });
    expect(bench.ask(ME, 'lookup', { node_id: 2 })).toMatchObject({
      hostname: 'alpha',
      public: true,
      tags: ['fares'],
      networks: [0, 1],
      version: '1.18.0',
    });
    expect(bench.ask(ME, 'check_trust', { node_id: 2, peer_id: 1 })).toMatchObject({ trusted: true });
    expect(node.events).toContainEqual({
      type: 'registered',
      nodeId: 2,
      address: '0:0000.0000.0002',
      observedAddress: '127.0.0.1:4000',
    });
  });

  test('under another address says no more than that', () => {
    node = new Conversation(bench, { hostname: 'alpha' });
    node.pass(1);
    node.typesAsked();
    node.profile = { ...node.profile, listenAddress: '127.0.0.1:4001' };
    node.client.register(bench.now);
    node.pass(1);
    expect(node.typesAsked()).toEqual(['register']);
    expect(node.events.at(-1)).toMatchObject({ observedAddress: '127.0.0.1:4001' });
  });

  test('that is refused is tried again, ever later', () => {
    const refusing = node.client;
    const opened: number[] = [];
    for (let turn = 0; turn < 200; turn++) {
      refusing.handleTimeout(bench.now);
      for (let event = refusing.pollEvent(); event !== undefined; event = refusing.pollEvent()) {
        if (event.type === 'open-channel') opened.push(bench.seconds - 1_000);
        if (event.type === 'open-channel') refusing.handleOpened(bench.now);
      }
      if (refusing.pollSend() !== undefined) {
        refusing.handleMessage(encodeRegistryReply({ type: 'error', error: 'rate limited' }), bench.now);
      }
      bench.seconds += 0.125;
    }
    expect(opened).toEqual([0, 0.25, 0.75, 1.75, 3.75, 7.75, 12.75, 17.75, 22.75]);
  });

  test.each([
    ['no node id', { type: 'register_ok', address: '0:0000.0000.0001' }],
    ['an id that is none', { type: 'register_ok', node_id: 0.5, address: '0:0000.0000.0001' }],
    ['no address', { type: 'register_ok', node_id: 1 }],
    ['no type', { node_id: 1, address: '0:0000.0000.0001' }],
  ])('with %s is none', (_what, reply) => {
    node.answers = false;
    node.pass(0.1);
    node.client.handleMessage(encodeRegistryReply(reply), bench.now);
    node.settle();
    expect(node.client.nodeId).toBe(0);
    expect(node.states()).not.toContain('ok');
  });
});

describe('an id', () => {
  const news = () => node.events.filter(({ type }) => type === 'id-lost' || type === 'id-changed');

  beforeEach(() => {
    node.pass(1);
    expect(node.client.nodeId).toBe(1);
    bench.directory = new RegistryBench().directory;
  });

  test('that the registry gave to another key is lost, and the new one is said', () => {
    bench.register(2);
    node.pass(61);
    expect(news()).toEqual([
      { type: 'id-lost', nodeId: 1, to: 'another-key' },
      { type: 'id-changed', before: 1, nodeId: 2, address: '0:0000.0000.0002' },
    ]);
  });

  test('that changes with a new connection is said', () => {
    bench.register(2);
    node.cut();
    node.pass(5);
    expect(news()).toMatchObject([{ type: 'id-changed', before: 1, nodeId: 2 }]);
  });

  test('of which the registry knows nothing is lost, also when it is the same again', () => {
    node.pass(61);
    expect(news()).toEqual([{ type: 'id-lost', nodeId: 1, to: 'nobody' }]);
  });

  test('that belongs to another key than the trusted one is not let in by its number', () => {
    const [trusted, stranger] = [identityOf(2).publicKey, identityOf(3).publicKey];
    node.profile = { ...node.profile, trusted: [{ nodeId: 2, publicKey: trusted }] };
    node.cut();
    node.pass(1);
    bench.register(3);
    expect(bench.ask(3, 'lookup', { node_id: 2 })).toMatchObject({ type: 'lookup_ok' });
    node.pass(181);
    expect(bench.ask(3, 'check_trust', { node_id: 1, peer_id: 2 })).toMatchObject({ trusted: false });
    const told = node.events.filter((event) => event.type === 'peer-key');
    expect(told[0]).toEqual({ type: 'peer-key', nodeId: 2, publicKey: stranger, rotations: [] });
  });
});

test('a node that ends gives its name up, and waits for nobody who is away', () => {
  node = new Conversation(bench, { hostname: 'alpha' });
  let done = 0;
  const giveUp = () => node.client.giveUpName(() => (done += 1), bench.now);
  giveUp();
  expect(done).toBe(1);
  node.pass(1);
  giveUp();
  expect(done).toBe(1);
  node.settle();
  expect(done).toBe(2);
  expect(bench.ask(ME, 'lookup', { node_id: 1 })).not.toHaveProperty('hostname');
  bench.register(2);
  expect(bench.ask(2, 'set_hostname', { node_id: 2, hostname: 'alpha' })).toMatchObject({ hostname: 'alpha' });
});

test('a strict registry is told everything as it wants it', () => {
  bench = new RegistryBench({ strict: true });
  bench.directory.ensureGroup('travel', bench.now);
  node = new Conversation(bench, { hostname: 'alpha', tags: ['x'], public: true, memberships: new Map([[1, '']]) });
  node.pass(200);
  expect(bench.ask(ME, 'lookup', { node_id: 1 })).toMatchObject({
    ...{ hostname: 'alpha', public: true, tags: ['x'], networks: [0, 1] },
  });
  expect(node.states()).toEqual(['ok']);
  const asked = node.typesAsked();
  expect(asked.slice(0, 2)).toEqual(['register', 'register']);
  expect(asked.filter((type) => type === 'register')).toHaveLength(2);
  node.cut();
  node.pass(5);
  expect(node.typesAsked().filter((type) => type === 'register')).toHaveLength(1);
});

test('a refusal is told in the words of the registry', () => {
  node.pass(1);
  const call = node.ask('lookup', { nodeId: 9 });
  node.settle();
  expect(call.result).toMatchObject({ code: 'registry.refused', message: 'node 9: node not found' });
});

test('calls beyond what may wait are refused at once', () => {
  node.reachable = false;
  const ids = Array.from({ length: 1_100 }, () => node.ask('list_networks', {}));
  node.settle();
  const full = ids.filter((id) => (id.result as PilotError | undefined)?.code === 'queue.full');
  expect(full).toHaveLength(76);
});

test('records a span for each call, failed ones with their code', () => {
  const spans: { attributes: Attributes; status: SpanStatus | undefined }[] = [];
  const tracer: Tracer = {
    startSpan: (_name, { attributes }) => {
      const span = { attributes: { ...attributes }, status: undefined as SpanStatus | undefined };
      spans.push(span);
      return {
        context: { traceId: '0'.repeat(32), spanId: '0'.repeat(16) },
        setAttributes: (more) => Object.assign(span.attributes, more),
        addEvent() {},
        addLink() {},
        end: (_at, status = { code: 'unset' }) => {
          span.status = status;
        },
      };
    },
  };
  node = new Conversation(bench, {}, { tracer });
  node.pass(1);
  node.ask('lookup', { nodeId: 9 });
  node.settle();
  expect(spans).toEqual([
    { attributes: { 'pilot.registry.method': 'register' }, status: { code: 'unset' } },
    {
      attributes: { 'pilot.registry.method': 'lookup', 'error.type': 'registry.refused' },
      status: { code: 'error', message: 'node 9: node not found' },
    },
  ]);
});
