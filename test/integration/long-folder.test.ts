import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readDeckFile } from '../../node-core/host/deck-file.ts';
import { localSockets } from '../../node-core/io/local-sockets.ts';
import { commandFleet } from '../../node-core/testbed/fleet-control.ts';
import { FlightdeckProcess } from '../support/flightdeck-process.ts';
import { processesOfFolder } from '../support/processes-of-folder.ts';
import { waitFor } from '../support/wait-for.ts';

let folder: string;
let runtime: string;
let running: FlightdeckProcess[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flightdeck-long-'));
  runtime = join(folder, 'run');
  await mkdir(runtime);
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map((process) => process.end('SIGKILL')));
  await rm(folder, { recursive: true, force: true });
});

/** Two of these differ only beyond the 107th byte, where the system cuts the path of a local socket. */
const long = (end: string) => join(folder, 'a'.repeat(100), 'b'.repeat(100), end);

async function serve(data: string): Promise<FlightdeckProcess> {
  const ports = ['--http', '127.0.0.1:0', '--otlp-http', '127.0.0.1:0'];
  const env = { XDG_RUNTIME_DIR: runtime, FLIGHTDECK_LOG: 'fatal' };
  const started = await FlightdeckProcess.start(['serve', '--data', data, '--fleet', '2', ...ports], env);
  running.push(started);
  return started;
}

/** Waits for the fleet of the deck, and names all whose routers it tells of. */
async function steered(data: string): Promise<string[]> {
  const { sockets } = await readDeckFile(data);
  let names: string[] = [];
  await waitFor(async () => {
    names = Object.keys(Object.assign({}, ...(await commandFleet(sockets, { act: 'counters' }))));
    return names.length === 3;
  }, 60_000);
  return names;
}

const socketsLeft = async () =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isSocket())
    .map((entry) => entry.name);

test('decks in folders with long names that begin alike are each steered by their own sockets', async () => {
  const [one, other] = [long('one'), long('other')];
  const decks = await Promise.all([one, other].map(serve));
  for (const data of [one, other]) {
    expect(await steered(data)).toHaveLength(3);
    expect((await readdir(data)).filter((name) => name.endsWith('.sock'))).toEqual([]);
  }
  expect((await readDeckFile(one)).sockets).not.toBe((await readDeckFile(other)).sockets);
  for (const deck of decks) expect(await deck.end('SIGTERM')).toBe(0);
  expect(await socketsLeft()).toEqual([]);
});

test('what a killed deck left of sockets is gone with the next start, of whichever folder', async () => {
  const killed = await serve(long('killed'));
  await steered(long('killed'));
  const left = await localSockets((await readDeckFile(long('killed'))).sockets, 'fleet');
  for (const path of left) process.kill(Number(/(\d+)\.sock$/.exec(path)?.[1]), 'SIGKILL');
  await killed.end('SIGKILL');
  await waitFor(async () => (await processesOfFolder(folder)).length === 0);
  expect((await socketsLeft()).length).toBeGreaterThanOrEqual(2);
  const next = await serve(long('next'));
  await steered(long('next'));
  const { sockets } = await readDeckFile(long('next'));
  for (const name of await socketsLeft()) expect(name.startsWith(basename(sockets))).toBe(true);
  expect(await next.end('SIGTERM')).toBe(0);
  expect(await socketsLeft()).toEqual([]);
});
