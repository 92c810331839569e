import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StockDaemon } from '../../node-core/cli/interop/stock-daemon.ts';
import { FlightdeckProcess } from '../support/flightdeck-process.ts';
import { NetworkNamespace } from '../support/network-namespace.ts';
import { stockPrograms } from '../support/stock-programs.ts';
import { waitFor } from '../support/wait-for.ts';

const REGISTRY = '127.0.0.1:9000';
const BEACON = '127.0.0.1:9001';
const closing: (() => unknown)[] = [];
let folder = '';
let programs = '';
let namespace: NetworkNamespace;

beforeEach(async (context) => {
  programs = stockPrograms(context);
  folder = await mkdtemp(join(tmpdir(), 'fd-'));
  namespace = await NetworkNamespace.open();
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  if (programs === '') return;
  await namespace.close();
  await rm(folder, { recursive: true });
});

async function startRendezvous(): Promise<FlightdeckProcess> {
  const args = ['rendezvous', '--registry-addr', REGISTRY, '--beacon-addr', BEACON, '--group', 'travel'];
  const store = ['--store', join(folder, 'rendezvous.json')];
  const started = await FlightdeckProcess.start([...args, ...store], { FLIGHTDECK_ADMIN_TOKEN: 'adm' }, namespace);
  closing.push(() => started.end('SIGKILL'));
  return started;
}

async function startDaemon(name: string, port: number, ...flags: string[]): Promise<StockDaemon> {
  const daemon = await StockDaemon.start({
    ...{ programs, prefix: namespace.prefix },
    ...{ name, flags, registry: REGISTRY, beacon: BEACON, listen: `127.0.0.1:${port}` },
    folder: join(folder, name),
  });
  closing.push(() => daemon.stop());
  return daemon;
}

test('stock daemons live in a network of our rendezvous', async () => {
  const rendezvous = await startRendezvous();
  const open = await startDaemon('open', 4001, '-public');
  const shy = await startDaemon('shy', 4002);
  const third = await startDaemon('third', 4003);
  expect([open, shy, third].map(({ nodeId }) => nodeId)).toEqual([1, 2, 3]);
  expect(await shy.ask('find', 'open')).toMatchObject({ node_id: 1, public: true });
  await expect(open.ask('find', 'shy')).rejects.toThrow('hostname not found or no mutual trust');
  expect(await third.ask('lookup', '1')).toMatchObject({ hostname: 'open', public: true, version: '1.18.0' });

  // straight to a public node; to a private one only with its consent, which it gives through the mailbox
  expect(await third.ask('ping', open.address)).toMatchObject({ timeout: false });
  await expect(third.ask('ping', shy.address)).rejects.toThrow('without trust');
  await third.ask('handshake', '2', 'to test');
  await waitFor(async () => JSON.stringify(await shy.ask('pending')).includes('to test'));
  await shy.ask('approve', '3');
  await waitFor(async () => JSON.stringify(await third.ask('trust')).includes('"node_id":2'));
  expect(await third.ask('ping', shy.address)).toMatchObject({ timeout: false });
  await shy.ask('untrust', '3');
  await expect(shy.ask('untrust', '3')).rejects.toThrow('was not trusted');

  // groups
  await shy.ask('network', 'join', '1');
  await third.ask('network', 'join', '1');
  expect((await open.ask('network', 'members', '1')).nodes).toMatchObject([{ hostname: 'shy' }, { hostname: 'third' }]);
  await third.ask('network', 'leave', '1');
  await expect(open.ask('network', 'join', '7')).rejects.toThrow('network 7: network not found');

  await third.ask('rotate-key');
  await open.ask('set-hostname', 'renamed');
  expect(await shy.ask('find', 'renamed')).toMatchObject({ node_id: 1 });

  // a rendezvous that is killed comes back with everything
  await rendezvous.end('SIGKILL');
  await startRendezvous();
  expect(await shy.ask('lookup', '1')).toMatchObject({ hostname: 'renamed', public: true });
  expect((await shy.ask('network', 'members', '1')).nodes).toMatchObject([{ node_id: 2, hostname: 'shy' }]);
  expect(await third.ask('find', 'renamed')).toMatchObject({ node_id: 1 });
  expect(await third.ask('ping', open.address)).toMatchObject({ timeout: false });
});
