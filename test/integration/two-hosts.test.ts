import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PathKind } from '../../node-core/base/report.ts';
import type { DeckConnection } from '../../node-core/deck-client/deck-connection.ts';
import { connectWhenReady } from '../support/deck-connection.ts';
import { FlightdeckProcess } from '../support/flightdeck-process.ts';
import type { NetworkNamespace } from '../support/network-namespace.ts';
import { notRun } from '../support/not-run.ts';
import { RoutedNetwork } from '../support/routed-network.ts';

const BEACON_PORT = 9001;
const UP_WITHIN_MS = 60_000;
const PATH_WITHIN_MS = 60_000;

const closing: (() => unknown)[] = [];
let folder = '';
let network: RoutedNetwork;

beforeEach(async (context) => {
  network = await RoutedNetwork.open().catch((error: Error) => notRun(context, error.message));
  closing.push(() => network.close());
  folder = await mkdtemp(join(tmpdir(), 'flightdeck-two-hosts-'));
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await rm(folder, { recursive: true, force: true });
});

async function start(at: NetworkNamespace, ...words: string[]): Promise<FlightdeckProcess> {
  const started = await FlightdeckProcess.start(words, {}, at);
  closing.push(() => started.end('SIGKILL'));
  return started;
}

const registryAndBeacon = (host: string) => ['--registry', `${host}:9000`, '--beacon', `${host}:9001`];

/** A node that everybody may reach, as its operator would start it there. */
async function agent(at: NetworkNamespace, hostname: string, rendezvous: string): Promise<number> {
  const { ready } = await start(at, 'node', ...registryAndBeacon(rendezvous), '--hostname', hostname, '--public');
  return ready.nodeId as number;
}

/** A deck as its operator would start it there, and the contract with it. */
async function deck(at: NetworkNamespace, rendezvous: string, ...words: string[]): Promise<DeckConnection> {
  const data = join(folder, 'deck');
  const served = ['--data', data, '--http', `127.0.0.1:${await at.reach()}`, '--otlp-http', '127.0.0.1:0'];
  await start(at, 'serve', ...registryAndBeacon(rendezvous), ...served, ...words);
  const connection = await connectWhenReady(data, UP_WITHIN_MS);
  closing.push(() => connection.close());
  return connection;
}

/** Pings each node from the deck, and resolves once the graph shows the tunnels to all of them on the expected paths. */
async function shown({ client }: DeckConnection, expected: ReadonlyMap<number, PathKind>) {
  for (const nodeId of expected.keys()) await client.peer.ping({ nodeId, timeoutMs: 20_000 });
  const paths = new Map<number, PathKind>();
  const updates = await client.graph.watch(undefined, { signal: AbortSignal.timeout(PATH_WITHIN_MS) });
  try {
    for await (const { feedId, revision, tunnels } of updates) {
      await client.graph.confirm({ feedId, revision });
      for (const { a, b, state, path } of tunnels) {
        if (state !== 'established') continue;
        for (const end of [a, b]) if (expected.has(end)) paths.set(end, path);
      }
      if ([...expected].every(([nodeId, path]) => paths.get(nodeId) === path)) break;
    }
  } catch {
    // in time the graph did not show it: what it showed is compared
  }
  return paths;
}

test('a deck behind a router shows a direct, a punched and a relayed path to agents elsewhere', async () => {
  const rendezvous = await network.host(10);
  const [open, cone, symmetric] = [
    await network.host(20),
    await network.hostBehind(30, 'port-restricted'),
    await network.hostBehind(40, 'symmetric'),
  ];
  const operator = await network.hostBehind(50, 'port-restricted');
  await network.cutOff(open, BEACON_PORT); // its path is no beacon's work
  await start(rendezvous, 'rendezvous', '--registry-addr', '203.0.113.10:9000', '--beacon-addr', '203.0.113.10:9001');
  const expected = new Map<number, PathKind>([
    [await agent(open, 'open', '203.0.113.10'), 'direct'],
    [await agent(cone, 'behind-a-cone', '203.0.113.10'), 'punched'],
    [await agent(symmetric, 'behind-a-symmetric-one', '203.0.113.10'), 'relay'],
  ]);
  expect(await shown(await deck(operator, '203.0.113.10'), expected)).toEqual(expected);
});

test('over IPv6 a deck on one host reaches agents on another, also where some speak IPv4 with a rendezvous for both', async () => {
  const rendezvous = await network.host(10);
  const elsewhere = await network.host(20);
  const operator = await network.host(30);
  await network.cutOff(elsewhere, BEACON_PORT);
  await start(rendezvous, 'rendezvous', '--registry-addr', '[::]:9000', '--beacon-addr', '[::]:9001');
  const expected = new Map<number, PathKind>([
    [await agent(elsewhere, 'six', '[2001:db8::10]'), 'direct'],
    [await agent(elsewhere, 'four', '203.0.113.10'), 'direct'],
  ]);
  expect(await shown(await deck(operator, '[2001:db8::10]'), expected)).toEqual(expected);
});

test('a deck listens where it is told, under the identity it is told, and is reached at the endpoint it names', async () => {
  const rendezvous = await network.host(10);
  const elsewhere = await network.host(20);
  const operator = await network.host(30);
  await start(rendezvous, 'rendezvous', '--registry-addr', '203.0.113.10:9000', '--beacon-addr', '203.0.113.10:9001');
  await network.cutOff(elsewhere, BEACON_PORT);
  const identity = join(folder, 'me.json');
  const own = ['--listen', '203.0.113.30:4444', '--endpoint', '203.0.113.30:4444', '--identity', identity];
  const { client } = await deck(operator, '203.0.113.10', ...own);
  expect(await operator.run('ss -Hlnu')).toContain('203.0.113.30:4444');
  expect((await stat(identity)).mode & 0o077).toBe(0);
  const agentId = await agent(elsewhere, 'agent', '203.0.113.10');
  expect((await client.peer.ping({ nodeId: agentId, timeoutMs: 20_000 })).path).toBe('direct');
});
