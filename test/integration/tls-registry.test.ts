import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Endpoint, parseEndpoint } from '../../node-core/base/transport.ts';
import { openChannel } from '../../node-core/io/open-channel.ts';
import { encodeRegistryReply, parseRegistryMessage } from '../../node-core/wire/registry-message.ts';
import { FlightdeckProcess } from '../support/flightdeck-process.ts';
import { waitFor } from '../support/wait-for.ts';

const closing: (() => unknown)[] = [];
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flightdeck-tls-'));
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await rm(folder, { recursive: true });
});

async function start(...words: string[]): Promise<FlightdeckProcess> {
  const started = await FlightdeckProcess.start(words);
  closing.push(() => started.end('SIGKILL'));
  return started;
}

const rendezvous = () => start('rendezvous', '--tls', join(folder, 'registry.pem'));
const joining = ({ ready }: FlightdeckProcess) => [
  '--registry',
  String(ready.registry),
  '--beacon',
  String(ready.beacon),
];

test('a node joins over TLS by the fingerprint of a certificate that the rendezvous made and keeps to itself', async () => {
  const first = await rendezvous();
  const file = join(folder, 'registry.pem');
  expect(first.ready.fingerprint).toMatch(/^[0-9a-f]{64}$/);
  expect((await stat(file)).mode & 0o077).toBe(0);
  const node = await start('node', ...joining(first), '--registry-fingerprint', String(first.ready.fingerprint));
  expect(node.ready.nodeId).toBe(1);
  await first.end('SIGTERM');
  expect((await rendezvous()).ready.fingerprint).toBe(first.ready.fingerprint);
});

test('nobody is believed by another certificate, and nothing is said in clear', async () => {
  const { ready } = await rendezvous();
  const registry = parseEndpoint(String(ready.registry)) as Endpoint;
  const other = String(ready.fingerprint).replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
  await expect(openChannel(registry, 10_000, other)).rejects.toThrow('its certificate has another fingerprint');
  const clear = await openChannel(registry, 10_000);
  let ended = false;
  clear.onClosed = () => {
    ended = true;
  };
  clear.send(encodeRegistryReply({ type: 'lookup', node_id: 1 }));
  await waitFor(() => ended);
});

test('over TLS the registry answers as it does in clear', async () => {
  const { ready } = await rendezvous();
  const channel = await openChannel(
    parseEndpoint(String(ready.registry)) as Endpoint,
    10_000,
    String(ready.fingerprint),
  );
  closing.push(() => channel.close());
  const replies: unknown[] = [];
  channel.onMessage = (message) => replies.push(parseRegistryMessage(message));
  for (let asked = 0; asked < 3; asked++) channel.send(encodeRegistryReply({ type: 'lookup', node_id: 7 }));
  await waitFor(() => replies.length === 3);
  expect(replies[2]).toEqual({ type: 'error', error: 'node 7: node not found' });
});

test('a file without a key that fits its certificate is set aside and said', async () => {
  const first = await rendezvous();
  await first.end('SIGTERM');
  const file = join(folder, 'registry.pem');
  const certificate = /-----BEGIN CERTIFICATE[\s\S]+/.exec(await readFile(file, 'utf8'))?.[0];
  await writeFile(file, String(certificate));
  const second = await rendezvous();
  expect(second.ready.fingerprint).not.toBe(first.ready.fingerprint);
  expect(second.log).toContain('are set aside');
});

test('a deck refuses to send the admin token in clear to another host, in one sentence', async () => {
  const far = ['--registry', '192.0.2.1:9000', '--beacon', '192.0.2.1:9001', '--data', join(folder, 'deck')];
  const serve = FlightdeckProcess.spawn(['serve', ...far], { FLIGHTDECK_ADMIN_TOKEN: 'secret-of-the-registry' });
  expect(await serve.ended).toBe(1);
  expect(serve.log).toMatch(/FLIGHTDECK_ADMIN_TOKEN is not sent in clear to 192\.0\.2\.1:9000: name its certificate/);
  expect(serve.log.trim().split('\n')).toHaveLength(1);
});
