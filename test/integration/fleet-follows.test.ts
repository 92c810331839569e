import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectWhenReady, waitForLiveAgents } from '../support/deck-connection.ts';
import { FlightdeckProcess } from '../support/flightdeck-process.ts';

let folder: string;
let running: FlightdeckProcess[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flightdeck-follows-'));
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map((process) => process.end('SIGKILL')));
  await rm(folder, { recursive: true, force: true });
});

async function start(args: readonly string[]): Promise<FlightdeckProcess> {
  const started = await FlightdeckProcess.start(args, { FLIGHTDECK_LOG: 'fatal' });
  running.push(started);
  return started;
}

test('a fleet beside a deck follows it to another registry', async () => {
  const serve = ['serve', '--data', folder, '--no-fleet', '--http', '127.0.0.1:0', '--otlp-http', '127.0.0.1:0'];
  const first = await start(serve);
  const fleet = await start(['fleet', 'up', '--agents', '2', '--data', folder]);
  expect(await first.end('SIGTERM')).toBe(0);
  const second = await start(serve);
  expect(second.ready.registry).not.toBe(first.ready.registry);
  const connection = await connectWhenReady(folder, 30_000);
  await waitForLiveAgents(connection, 2, 60_000);
  connection.close();
  expect(await fleet.end('SIGTERM')).toBe(0);
  expect(await second.end('SIGTERM')).toBe(0);
});
