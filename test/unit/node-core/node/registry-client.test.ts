import { beforeEach, describe, expect, test } from 'vitest';
import { utf8 } from '../../../../node-core/base/bytes.ts';
import type { PilotError } from '../../../../node-core/base/errors.ts';
import type { Attributes, SpanStatus, Tracer } from '../../../../node-core/base/tracer.ts';
import {
  RegistryClient,
  type RegistryClientOptions,
  type RegistryEvent,
} from '../../../../node-core/node/registry-client.ts';
import type { RegistryProfile } from '../../../../node-core/node/registry-profile.ts';
import {
  encodeRegistryReply,
  type JsonObject,
  parseRegistryMessage,
} from '../../../../node-core/wire/registry-message.ts';
import type { RegistryCall, ReplyOf, RequestOf } from '../../../../node-core/wire/registry-request.ts';
import { identityOf, RegistryBench } from '../../../support/registry-bench.ts';

const ME = 1;
let bench: RegistryBench;
let node: Conversation;

interface Asked<T extends RegistryCall> {
  result: ReplyOf<T> | PilotError | undefined;
}

/** A client and the real registry, joined by a channel that a test can cut, delay and tamper with. */
class Conversation {
  readonly client: RegistryClient;
  /** As it is now: the client reads it at each registration. */
  profile: RegistryProfile;
  /** Everything asked, in order. */
  readonly asked: JsonObject[] = [];
  readonly events: RegistryEvent[] = [];
  /** Whether the registry can be reached, and whether it answers. */
  reachable = true;
  /** Requests of these types are refused as too many. */
  readonly tooMany = new Set<unknown>();
  answers = true;

  constructor(profile: Partial<RegistryProfile> = {}, options: Partial<RegistryClientOptions> = {}) {
    this.profile = {
      listenAddress: '127.0.0.1:4000',
      lanAddresses: [],
      version: '1.18.0',
      hostname: '',
      public: false,
      tags: [],
      memberships: new Map(),
      trusted: [],
      ...profile,
    };
    this.client = new RegistryClient({ identity: identityOf(ME), profile: () => this.profile, ...options });
  }

  /** Lets time pass and everything be said that is to be said. */
  pass(seconds: number): void {
    const until = bench.seconds + seconds;
    for (let rounds = 0; rounds < 10_000; rounds++) {
      this.settle();
      const next = this.client.nextTimeout();
      if (next === undefined || next / 1_000 > until) break;
      bench.seconds = Math.max(bench.seconds, next / 1_000);
      this.client.handleTimeout(bench.now);
    }
    bench.seconds = until;
  }

  settle(): void {
    for (;;) {
      const event = this.client.pollEvent();
      const message = event === undefined ? this.client.pollSend() : undefined;
      if (event === undefined && message === undefined) return;
      if (event !== undefined) this.#take(event);
      if (message !== undefined) this.#deliver(message);
    }
  }

  cut(): void {
    this.client.handleClosed('cut', bench.now);
    this.settle();
  }

  typesAsked(): unknown[] {
    return this.asked.splice(0).map((request) => request.type);
  }

  /** Asks as the node would; the result is there once it is answered. */
  ask<T extends RegistryCall>(type: T, request: RequestOf<T>): Asked<T> {
    const asked: Asked<T> = { result: undefined };
    const answer = (result: ReplyOf<T> | PilotError) => {
      asked.result = result;
    };
    this.client.call(type, request, answer, bench.now);
    return asked;
  }

  states(): string[] {
    return this.events.flatMap((event) => (event.type === 'state' ? [event.state] : []));
  }

  #take(event: RegistryEvent): void {
    this.events.push(event);
    if (event.type === 'answered') event.deliver(bench.now);
    if (event.type !== 'open-channel') return;
    if (this.reachable) this.client.handleOpened(bench.now);
    else this.client.handleClosed('nothing listens', bench.now);
  }

  #deliver(message: Uint8Array): void {
    const request = parseRegistryMessage(message);
    this.asked.push(request);
    if (!this.answers) return;
    const tooMany = { type: 'error', error: 'rate limited: too many requests' };
    const reply = this.tooMany.has(request.type) ? tooMany : bench.handle(request).reply;
    this.client.handleMessage(encodeRegistryReply(reply), bench.now);
  }
}

beforeEach(() => {
  bench = new RegistryBench();
  node = new Conversation();
});

describe('registration', () => {
  test('comes first, signed, and says everything the profile holds', () => {
    bench.directory.ensureGroup('travel', bench.now);
    bench.register(2);
    node = new Conversation({
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
    node = new Conversation({ hostname: 'alpha' });
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

describe('a registry that', () => {
  beforeEach(() => {
    node = new Conversation({ hostname: 'alpha' });
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
    node = new Conversation({ hostname: 'alpha' });
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
    node = new Conversation(profile);
    node.pass(1);
    expect(news()).toMatchObject([{ what, refused: { code } }]);
  });

  test('at a bad moment is no news, and said again', () => {
    node = new Conversation({ tags: ['fares'] });
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
    node = new Conversation({ hostname: 'beta', tags: ['x'], public: true });
    node.pass(200);
    expect(news()).toEqual([]);
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
  node = new Conversation({ hostname: 'alpha' });
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
  node = new Conversation({ hostname: 'alpha', tags: ['x'], public: true, memberships: new Map([[1, '']]) });
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
  node = new Conversation({}, { tracer });
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
