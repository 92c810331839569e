import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { utf8 } from '../../node-core/base/bytes.ts';
import type { Endpoint } from '../../node-core/base/transport.ts';
import { parseEndpoint } from '../../node-core/base/transport.ts';
import { SystemClock } from '../../node-core/io/system-clock.ts';
import { UdpSocket } from '../../node-core/io/udp-socket.ts';
import { createIdentity } from '../../node-core/runtime/identity-file.ts';
import { createProfile } from '../../node-core/runtime/profile.ts';
import { RunningNode } from '../../node-core/runtime/running-node.ts';
import { decodeBeaconMessage, encodeBeaconMessage } from '../../node-core/wire/beacon-message.ts';
import { encodeLengthPrefixed } from '../../node-core/wire/length-prefix.ts';
import { encodeRegistryReply, type JsonObject } from '../../node-core/wire/registry-message.ts';
import { FlightdeckProcess } from '../support/flightdeck-process.ts';
import { HostileInput } from '../support/hostile/hostile-input.ts';
import { requestsOf } from '../support/hostile/rendezvous-surfaces.ts';
import { notRun } from '../support/not-run.ts';
import { sendFromPortZero } from '../support/raw-udp.ts';
import { publicKeyOf, signedRequest } from '../support/registry-bench.ts';
import { RegistryCaller } from '../support/registry-caller.ts';
import { waitFor } from '../support/wait-for.ts';

const ANY: Endpoint = { host: '127.0.0.1', port: 0 };
const closing: (() => unknown)[] = [];
let folder = '';
let store = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flightdeck-rendezvous-'));
  store = join(folder, 'rendezvous.json');
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await rm(folder, { recursive: true });
});

async function start(registry = '127.0.0.1:0', beacon = '127.0.0.1:0', ...more: string[]): Promise<FlightdeckProcess> {
  const addresses = ['--registry-addr', registry, '--beacon-addr', beacon];
  const rendezvous = await FlightdeckProcess.start(
    ['rendezvous', ...addresses, '--store', store, '--group', 'travel', ...more],
    { FLIGHTDECK_ADMIN_TOKEN: 'adm' },
  );
  closing.push(() => rendezvous.end('SIGKILL'));
  return rendezvous;
}

async function call(rendezvous: FlightdeckProcess): Promise<RegistryCaller> {
  const caller = await RegistryCaller.open(rendezvous.ready.registry);
  closing.push(() => caller.close());
  return caller;
}

function restart({ ready }: FlightdeckProcess): Promise<FlightdeckProcess> {
  return start(String(ready.registry), String(ready.beacon));
}

function endpointOf(text: unknown): Endpoint {
  return parseEndpoint(String(text)) as Endpoint;
}

test('a disk that takes nothing is told once, and when it takes again', async () => {
  const rendezvous = await start();
  const caller = await call(rendezvous);
  await rm(folder, { recursive: true });
  await writeFile(folder, 'in the way of the folder');
  for (let seed = 1; seed <= 20; seed++) {
    expect(await caller.register(seed)).toMatchObject({ error: expect.stringContaining('could not save') });
  }
  const times = () => rendezvous.log.split('the state could not be saved').length - 1;
  await waitFor(() => times() > 0);
  await rm(folder);
  expect(await caller.register(21)).toMatchObject({ node_id: 21 });
  await waitFor(() => rendezvous.log.includes('the state is saved again, after 20 failures'));
  expect(times()).toBe(1);
});

describe('the process', () => {
  test('is ready on the ports it tells, and ends with SIGTERM or with its parent', async () => {
    const first = await start();
    expect(first.ready).toEqual({
      ready: true,
      registry: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      beacon: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    });
    await call(first); // an open connection does not keep it
    expect(await first.end('SIGTERM')).toBe(0);
    const second = await start();
    expect(await second.abandon()).toBe(0);
  });

  test('sets a store aside that it cannot read, says so, and goes on', async () => {
    await writeFile(store, '{"format":"flightdeck-directory/1","nodes":[{}]}');
    const rendezvous = await start();
    expect(await (await call(rendezvous)).register(1)).toMatchObject({ node_id: 1 });
    expect(rendezvous.log).toContain('set aside');
    expect((await readdir(folder)).sort()).toEqual([
      'rendezvous.json',
      expect.stringMatching(/^rendezvous\.json\.corrupt-\d+$/),
      'rendezvous.json.lock',
    ]);
  });
});

describe('kill -9', () => {
  test('loses nothing that was acknowledged, whenever it strikes', async () => {
    let rendezvous = await start();
    const acknowledged = new Map<number, { nodeId: unknown; joined: boolean; trusts: unknown }>();
    for (let round = 0; round < 3; round++) {
      const callers = await Promise.all([1, 2, 3, 4].map(() => call(rendezvous)));
      const killAfter = acknowledged.size + 7 * (round + 1);
      const work = callers.map(async (caller, lane) => {
        for (let step = 0; ; step++) {
          const seed = 1 + round * 80 + lane * 20 + step;
          const { node_id: nodeId } = await caller.register(seed);
          const done = { nodeId, joined: false, trusts: undefined as unknown };
          acknowledged.set(seed, done);
          if (acknowledged.size > killAfter) await rendezvous.end('SIGKILL');
          const joined = await caller.ask(seed, 'join_network', {
            node_id: nodeId as number,
            network_id: 1,
            token: '',
          });
          done.joined = joined.type === 'join_network_ok';
          const peer = acknowledged.get(1)?.nodeId as number;
          const reported = await caller.ask(seed, 'report_trust', { node_id: nodeId as number, peer_id: peer });
          if (reported.type === 'report_trust_ok') done.trusts = peer;
        }
      });
      await Promise.allSettled(work);
      rendezvous = await restart(rendezvous);
      const caller = await call(rendezvous);
      for (const [seed, { nodeId, joined, trusts }] of acknowledged) {
        const found = await caller.ask(seed, 'lookup', { node_id: nodeId as number });
        expect(found).toMatchObject({ public_key: publicKeyOf(seed) });
        if (joined) expect(found.networks).toEqual([0, 1]);
        if (trusts === undefined) continue;
        const trust = { node_id: nodeId as number, peer_id: trusts as number };
        expect(await caller.ask(seed, 'check_trust', trust)).toMatchObject({ trusted: true });
      }
    }
    expect(acknowledged.size).toBeGreaterThan(20);
  });

  test('is survived by a node, which is the same one afterwards and in the same group', async () => {
    const rendezvous = await start();
    const states: string[] = [];
    const socket = await UdpSocket.bind(ANY);
    const node = new RunningNode({
      identity: createIdentity(),
      profile: createProfile({ listen: socket.local, version: 'test', hostname: 'alpha', public: true }),
      socket,
      registry: endpointOf(rendezvous.ready.registry),
      beacon: endpointOf(rendezvous.ready.beacon),
      clock: new SystemClock(),
      onEvent: (event) => {
        if (event.type === 'registry') states.push(event.state);
      },
    });
    closing.push(() => node.stop());
    await node.registered();
    await node.join(1, '');
    const { nodeId } = node;
    await rendezvous.end('SIGKILL');
    await waitFor(() => states.includes('away'));
    await restart(rendezvous);
    await waitFor(() => states.filter((state) => state === 'ok').length === 2);
    expect(node.nodeId).toBe(nodeId);
    expect(await node.ask('lookup', { nodeId })).toMatchObject({ hostname: 'alpha', networks: [0, 1] });
  });
});

describe('hostile input', () => {
  const SEED = 20_261_125;
  const input = new HostileInput(SEED);
  const REQUESTS: ReturnType<typeof requestsOf> = [
    ...requestsOf(1, 2, 9),
    ['create_network', { admin_token: 'adm', name: 'n', node_id: 1, join_rule: 'token', token: 't' }],
    ['get_network_policy', { network_id: 1 }],
    ['get_member_tags', { network_id: 1, target_node_id: 0 }],
  ];

  /** A request of a known node, wrong inside, under its own good signature. */
  function wrongInside(): JsonObject {
    const [type, fields] = input.pick(REQUESTS);
    const name = input.pick([...Object.keys(fields), 'public_key']);
    return signedRequest(1, type, { public_key: publicKeyOf(1), ...fields, [name]: input.value() });
  }

  test.each([
    ['as it is', []],
    ['without rate limits', ['--no-rate-limits']],
  ])(`harms the registry in no way, %s (seed ${SEED})`, async (_what, flags) => {
    const rendezvous = await start(undefined, undefined, ...flags);
    const witness = await call(rendezvous);
    for (const seed of [2, 3]) await witness.register(seed);
    const to = endpointOf(rendezvous.ready.registry);
    const good = REQUESTS.map(([type, fields]) =>
      encodeLengthPrefixed(encodeRegistryReply(signedRequest(1, type, fields))),
    );
    for (let round = 0; round < 150; round++) {
      const parts = Array.from({ length: 20 }, (_, index) => {
        if (index % 3 === 0) return input.bytes(1 + input.upTo(64));
        if (index % 3 === 1) return input.mutated(input.pick(good));
        return encodeLengthPrefixed(encodeRegistryReply(wrongInside()));
      });
      await hurl(to, round % 3 === 2 ? parts.filter((_, index) => index % 3 === 2) : parts);
    }
    expect(await witness.ask(2, 'heartbeat', { node_id: 1 })).toMatchObject({ type: 'heartbeat_ok' });
    expect(await (await call(rendezvous)).ask(3, 'lookup', { node_id: 2 })).toMatchObject({
      public_key: publicKeyOf(3),
    });
  });

  /** Writes it all to one connection, which may be closed at any moment. */
  function hurl(to: Endpoint, parts: readonly Uint8Array[]): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect(to.port, to.host);
      socket.on('error', () => {});
      socket.on('close', () => resolve());
      socket.resume();
      for (const part of parts) socket.write(part);
      socket.end();
    });
  }

  test('of a size or depth that no client sends ends only its own connection', async () => {
    const rendezvous = await start();
    const witness = await call(rendezvous);
    const to = endpointOf(rendezvous.ready.registry);
    await hurl(to, [encodeLengthPrefixed(new Uint8Array(1_048_577))]);
    await hurl(to, [encodeLengthPrefixed(utf8('['.repeat(500_000)))]);
    await hurl(to, [encodeLengthPrefixed(utf8(`{"type":${'{"a":'.repeat(100_000)}`))]);
    const longSignature = { type: 'register', public_key: publicKeyOf(1), signature: 'A'.repeat(1_000_000) };
    expect(await witness.send(longSignature)).toMatchObject({ error: 'signature verification failed' });
    const flood = Array.from({ length: 5_000 }, () => witness.send({ type: 'list_networks' }).catch(() => 'cut off'));
    expect(await Promise.all(flood)).toContain('cut off');
    expect(await (await call(rendezvous)).register(1)).toMatchObject({ node_id: 1 });
  });

  test('cannot take a node’s place at the beacon, nor stop it', async () => {
    const rendezvous = await start();
    const to = endpointOf(rendezvous.ready.beacon);
    const nodes = await Promise.all(
      [1, 2].map(async (seed) => {
        const socket = await UdpSocket.bind(ANY);
        closing.push(() => socket.close());
        const listen = `127.0.0.1:${socket.local.port}`;
        const reply = await (await call(rendezvous)).register(seed, { listen_addr: listen });
        const nodeId = reply.node_id as number;
        const heard: ReturnType<typeof decodeBeaconMessage>[] = [];
        socket.onDatagram = (datagram) => heard.push(decodeBeaconMessage(datagram));
        socket.send(encodeBeaconMessage({ kind: 'discover', nodeId }), to);
        await waitFor(() => heard.length === 1);
        return { socket, nodeId, heard };
      }),
    );
    const [a, b] = nodes as [(typeof nodes)[number], (typeof nodes)[number]];
    const ids = { senderNodeId: a.nodeId, destinationNodeId: b.nodeId };
    const good = [
      encodeBeaconMessage({ kind: 'discover', nodeId: b.nodeId }),
      encodeBeaconMessage({ kind: 'punch-request', requesterNodeId: b.nodeId, targetNodeId: a.nodeId }),
      encodeBeaconMessage({ kind: 'relay', ...ids, frame: utf8('forged') }),
      encodeBeaconMessage({ kind: 'sync', beaconId: 7, nodeIds: [a.nodeId, b.nodeId] }),
    ];
    const stranger = await UdpSocket.bind(ANY);
    closing.push(() => stranger.close());
    let answers = 0;
    stranger.onDatagram = () => {
      answers += 1;
    };
    for (const datagram of good) stranger.send(datagram, to);
    for (let sent = 0; sent < 6_000; sent++) {
      stranger.send(sent % 2 === 0 ? input.bytes(input.upTo(64)) : input.mutated(input.pick(good)), to);
      if (sent % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await waitFor(() => answers > 0);
    a.socket.send(encodeBeaconMessage({ kind: 'relay', ...ids, frame: utf8('true') }), to);
    await waitFor(() =>
      b.heard.some((message) => message.kind === 'relay-deliver' && new TextDecoder().decode(message.frame) === 'true'),
    );
  });

  test('a datagram from UDP port 0 ends nothing', async (context) => {
    const rendezvous = await start();
    const to = endpointOf(rendezvous.ready.beacon);
    if (!(await sendFromPortZero(encodeBeaconMessage({ kind: 'discover', nodeId: 0 }), to)))
      notRun(context, 'no raw sockets here');
    await sendFromPortZero(encodeBeaconMessage({ kind: 'discover', nodeId: 77 }), to);
    const stranger = await UdpSocket.bind(ANY);
    closing.push(() => stranger.close());
    let answers = 0;
    stranger.onDatagram = () => {
      answers += 1;
    };
    stranger.send(encodeBeaconMessage({ kind: 'punch-request', requesterNodeId: 78, targetNodeId: 77 }), to);
    stranger.send(encodeBeaconMessage({ kind: 'discover', nodeId: 78 }), to);
    await waitFor(() => answers === 1);
    expect((await (await call(rendezvous)).register(1)).type).toBe('register_ok');
    await rendezvous.end('SIGTERM');
    expect(rendezvous.log).toContain('"datagramsDropped":{"port 0":2}');
  });

  test('that squats a node’s id after a restart gets nothing of what is relayed to it', async () => {
    const before = await start();
    const node = await UdpSocket.bind(ANY);
    const squatter = await UdpSocket.bind({ host: '127.0.0.2', port: 0 });
    const sender = await UdpSocket.bind(ANY);
    for (const socket of [node, squatter, sender]) closing.push(() => socket.close());
    const listen = { listen_addr: `127.0.0.1:${node.local.port}` };
    const { node_id: nodeId } = (await (await call(before)).register(1, listen)) as { node_id: number };
    await before.end('SIGKILL');
    const to = endpointOf((await restart(before)).ready.beacon);
    const heard = { node: [] as string[], squatter: [] as string[] };
    node.onDatagram = (datagram) => heard.node.push(decodeBeaconMessage(datagram).kind);
    squatter.onDatagram = (datagram) => heard.squatter.push(decodeBeaconMessage(datagram).kind);
    const relayed = encodeBeaconMessage({
      kind: 'relay',
      senderNodeId: 9,
      destinationNodeId: nodeId,
      frame: utf8('x'),
    });
    squatter.send(encodeBeaconMessage({ kind: 'discover', nodeId }), to);
    await waitFor(() => heard.squatter.length === 1);
    sender.send(relayed, to);
    node.send(encodeBeaconMessage({ kind: 'discover', nodeId }), to);
    await waitFor(() => heard.node.length === 1);
    squatter.send(encodeBeaconMessage({ kind: 'discover', nodeId }), to);
    await waitFor(() => heard.squatter.length === 2);
    sender.send(relayed, to);
    await waitFor(() => heard.node.includes('relay-deliver'));
    expect(heard.squatter).toEqual(['discover-reply', 'discover-reply']);
  });
});
