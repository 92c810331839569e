import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { lockFile } from '../../node-core/io/folder-lock.ts';
import { Bundle } from '../support/collector.ts';

let bundle: Bundle;
let folder: string;
let children: ChildProcess[];

beforeAll(async () => {
  bundle = await Bundle.make({ 'lock-child': 'test/support/lock-child.ts' });
});
afterAll(() => bundle.remove());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flightdeck-lock-'));
  children = [];
});
afterEach(async () => {
  await Promise.all(children.map(kill));
  await rm(folder, { recursive: true, force: true });
});

const path = () => join(folder, 'lock');

interface Contender {
  readonly child: ChildProcess;
  readonly said: string;
}

/** Processes that try to hold the file at the same moment, and what each says of it. */
async function contend(count: number): Promise<Contender[]> {
  const contenders = await Promise.all(Array.from({ length: count }, waiting));
  for (const { child } of contenders) child.stdin?.write('go\n');
  return Promise.all(contenders.map(async ({ child, lines }) => ({ child, said: (await once(lines, 'line'))[0] })));
}

async function waiting(): Promise<{ readonly child: ChildProcess; readonly lines: Interface }> {
  const stdio: StdioOptions = ['pipe', 'pipe', 'inherit'];
  const child = spawn(process.execPath, [bundle.path('lock-child'), path()], { stdio });
  children.push(child);
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  await once(lines, 'line');
  return { child, lines };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

test('of forty processes that start at once exactly one holds the file, also where one was just killed', async () => {
  const holders: number[] = [];
  for (let round = 0; round < 2; round++) {
    const results = await contend(40);
    const holding = results.filter(({ said }) => said === 'held').map(({ child }) => child);
    holders.push(holding.length);
    await Promise.all(holding.map(kill)); // with the next round on what it left
  }
  expect(holders).toEqual([1, 1]);
});

test('the refused one is told which process holds the file', async () => {
  const [{ child }] = (await contend(1)) as [Contender];
  const [{ said }] = (await contend(1)) as [Contender];
  expect(said).toBe(`it is in use by a running Flightdeck (process ${child.pid})`);
});

test('what a killed process held is free at once, and what was released too', async () => {
  const [{ child, said }] = (await contend(1)) as [Contender];
  expect(said).toBe('held');
  await expect(lockFile(path(), 'it')).rejects.toMatchObject({ code: 'folder.in-use' });
  await kill(child);
  const lock = await lockFile(path(), 'it');
  lock.release();
  (await lockFile(path(), 'it')).release();
});
