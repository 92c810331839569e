import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { writeDeckFile } from '../../node-core/host/deck-file.ts';
import { takeDataFolder } from '../../node-core/supervisor/data-folder.ts';
import { FlightdeckProcess } from '../support/flightdeck-process.ts';
import { processesOfFolder } from '../support/processes-of-folder.ts';

let folder: string;
/** Takes connections and never answers, so that whoever asks it waits for its registration. */
let silent: Server;
let registry: string;
let started: FlightdeckProcess | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flightdeck-ending-'));
  silent = createServer((socket) => socket.on('error', () => {}));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  registry = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await started?.end('SIGKILL');
  silent.close();
  await rm(folder, { recursive: true, force: true });
});

const rendezvous = () => ['--registry', registry, '--beacon', '127.0.0.1:1'];
const deck = () => ['--data', folder, ...rendezvous(), '--http', '127.0.0.1:0', '--otlp-http', '127.0.0.1:0'];
const fleet = (...more: string[]) => ['fleet', 'up', '--agents', '3', '--data', folder, ...more];

async function expectNothingLeft(): Promise<void> {
  expect(await processesOfFolder(folder)).toEqual([]);
  const left = (await readdir(folder)).filter((name) => /^deck\.|\.sock$/.test(name));
  expect(left).toEqual([]);
}

test.each([
  { command: 'serve', words: () => ['serve', '--no-fleet', ...deck()] },
  { command: 'host', words: () => ['host', ...deck()] },
  { command: 'node', words: () => ['node', ...rendezvous(), '--identity', join(folder, 'identity.json')] },
])('$command ends cleanly while it waits for its registration', async ({ words }) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const asked = once(silent, 'connection');
    started = FlightdeckProcess.spawn(words());
    await asked;
    expect(await started.end(signal)).toBe(0);
    await expectNothingLeft();
  }
});

test('host ends cleanly while it opens its store', async () => {
  for (let round = 0; round < 5; round++) {
    started = FlightdeckProcess.spawn(['host', ...deck()]);
    await vi.waitFor(async () => expect(await readdir(folder)).toContain('store'), { timeout: 20_000, interval: 1 });
    expect(await started.end('SIGTERM')).toBe(0);
    await expectNothingLeft();
    await rm(join(folder, 'store'), { recursive: true });
  }
});

test('serve and its processes end when its parent dies while it is not ready', async () => {
  const asked = once(silent, 'connection');
  started = FlightdeckProcess.spawn(['serve', '--no-fleet', ...deck()]);
  await asked;
  expect(await started.abandon()).toBe(0);
  await expectNothingLeft();
});

test('fleet up ends cleanly while it waits for the deck', async () => {
  started = FlightdeckProcess.spawn(fleet());
  await vi.waitFor(async () => expect(await readdir(folder)).toContain('agents'), { timeout: 20_000 });
  expect(await started.end('SIGTERM')).toBe(0);
  await expectNothingLeft();
});

test.each([{ more: [] }, { more: ['--one-process-each'] }])(
  'fleet up $more ends cleanly while its agents wait for their registration',
  async ({ more }) => {
    const nobody = {
      sockets: folder,
      url: 'http://127.0.0.1:1/',
      otlpHttp: '127.0.0.1:1',
      beacon: '127.0.0.1:1',
    };
    await writeDeckFile(folder, { pid: process.pid, nodeId: 1, address: '0:0000.0000.0001', registry, ...nobody });
    const asked = once(silent, 'connection');
    started = FlightdeckProcess.spawn(fleet(...more));
    await asked;
    expect(await started.end('SIGTERM')).toBe(0);
    await rm(join(folder, 'deck.json'));
    await expectNothingLeft();
  },
);

test('a process that cannot start ends although the pipe to its parent is open', async () => {
  const lock = await takeDataFolder(folder);
  started = FlightdeckProcess.spawn(['serve', ...deck()]);
  expect(await started.ended).toBe(1);
  expect(started.log).toBe(
    `flightdeck: the data folder ${folder} is in use by a running Flightdeck (process ${process.pid})`,
  );
  lock.release();
});
