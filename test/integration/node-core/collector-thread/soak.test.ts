import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { parseEndpoint } from '../../../../node-core/base/transport.ts';
import { encodeTracesRequest } from '../../../../node-core/collector/otlp/otlp-encode.ts';
import { Bundle } from '../../../support/collector.ts';
import type { CollectorCall } from '../../../support/collector-child.ts';
import { SmallDisk } from '../../../support/small-disk.ts';
import { aSpan, traceIdOf } from '../../../support/spans.ts';

/** Seconds of the soak; by hand as long as one likes, then with its figures on standard error. */
const SECONDS = Number(process.env.FLIGHTDECK_SOAK_SECONDS ?? 20);
/** In the first and the last half of the time, so that both kinds of rounds come often enough. */
const KILLS = Math.max(2, Math.round(SECONDS / 12));
const SPANS = 20;
const PAUSE_MS = 40;

let bundle: Bundle;
let disk: SmallDisk;
let child: ChildProcess;
let address: string;
let said: string[];
let lastId = 0;
let ended: Promise<unknown>;

beforeAll(async () => {
  bundle = await Bundle.make({
    'collector-thread': 'node-core/collector-thread/collector-thread.ts',
    'collector-child': 'test/support/collector-child.ts',
  });
});
afterAll(() => bundle.remove());

beforeEach(async () => {
  disk = await SmallDisk.open(100 + Math.ceil(SECONDS / 2));
  said = [];
  const thread = join(bundle.folder, 'ends-when-told.cjs');
  const mark = JSON.stringify(join(disk.mount, 'end'));
  await writeFile(
    thread,
    `const fs = require('node:fs');
    setInterval(() => { if (fs.existsSync(${mark})) { fs.unlinkSync(${mark}); throw new Error('told to end'); } }, 20);
    require('./collector-thread.cjs');`,
  );
  const options = JSON.stringify({ thread, limits: { leastFreeBytes: 0 } });
  const [command, ...words] = disk.prefix;
  const program = [process.execPath, '--expose-gc', bundle.path('collector-child'), `${disk.mount}/store`, options];
  child = spawn(command, [...words, ...program], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  child.setMaxListeners(0);
  ended = once(child, 'exit');
  createInterface({ input: child.stderr as NonNullable<typeof child.stderr> }).on('line', (line) => said.push(line));
  const lines = createInterface({ input: child.stdout as NonNullable<typeof child.stdout> });
  [address = ''] = await once(lines, 'line');
});
afterEach(async () => {
  child.kill('SIGKILL');
  await ended;
  await disk.close();
});

function ask(call: CollectorCall): Promise<number> {
  const id = ++lastId;
  return new Promise((resolve) => {
    const onMessage = (reply: { id: number; value: number }): void => {
      if (reply.id !== id) return;
      child.off('message', onMessage);
      resolve(reply.value);
    };
    child.on('message', onMessage);
    child.send({ id, call });
  });
}

/** Sends batches, one after another, and knows which were acknowledged. */
class Sender {
  readonly acknowledged: number[] = [];
  refused = 0;
  #running = true;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #first: number;

  constructor(first: number) {
    this.#first = first;
  }

  async run(): Promise<void> {
    for (let n = this.#first; this.#running; n += 1) {
      const spans = Array.from({ length: SPANS }, (_, index) =>
        aSpan(index + 1, undefined, { traceId: traceIdOf(n), status: { code: 0, message: noise(n * 100 + index) } }),
      );
      if ((await this.#post(encodeTracesRequest(spans))) === 200) this.acknowledged.push(n);
      else this.refused += 1;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    this.#agent.destroy();
  }

  stop(): void {
    this.#running = false;
  }

  #post(body: Uint8Array): Promise<number | undefined> {
    const { host = '', port } = parseEndpoint(address) ?? {};
    const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length };
    return new Promise((resolve) => {
      const outgoing = request(
        { method: 'POST', host, port, path: '/v1/traces', agent: this.#agent, headers },
        (reply) => {
          reply.resume();
          reply.once('close', () => resolve(reply.statusCode));
        },
      );
      outgoing.once('error', () => resolve(undefined));
      outgoing.end(body);
    });
  }
}

function noise(seed: number): string {
  let state = seed;
  return Array.from({ length: 80 }, () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state.toString(36);
  }).join('');
}

async function countOf(ids: readonly number[]): Promise<number> {
  let found = 0;
  for (let at = 0; at < ids.length; at += 200) {
    found += Math.max(0, await ask({ type: 'count', traceIds: ids.slice(at, at + 200).map(traceIdOf) }));
  }
  return found;
}

test(
  `${SECONDS} s with the disk full and back, and the thread killed again and again: all that was acknowledged is there`,
  async () => {
    const senders = [1, 2, 3, 4].map((n) => new Sender(n * 1e7));
    const runs = senders.map((sender) => sender.run());
    const all = () => senders.flatMap(({ acknowledged }) => acknowledged);
    const refused = () => senders.reduce((sum, sender) => sum + sender.refused, 0);
    const more = async (count: () => number, by: number) => {
      const before = count();
      await expect.poll(count, { timeout: 90_000 }).toBeGreaterThanOrEqual(before + by);
    };
    const memory: number[] = [];
    const until = performance.now() + SECONDS * 1_000;
    let [kills, fills] = [0, 0];
    while (performance.now() < until || kills < KILLS || fills < 2) {
      await more(() => all().length, 20);
      await disk.fill(fills % 2 === 0 ? 0 : 1_500_000);
      fills += 1;
      await more(refused, 5);
      expect(await ask({ type: 'search' })).toBeGreaterThan(0); // it is read on
      await disk.free();
      await more(() => all().length, 20);
      await writeFile(join(disk.path, 'end'), '');
      kills += 1;
      await expect
        .poll(() => said.filter((line) => line.includes('is started again')).length, { timeout: 60_000 })
        .toBe(kills);
      await more(() => all().length, 20);
      memory.push(Math.round((await ask({ type: 'memory' })) / 1e6));
      if (SECONDS > 20)
        console.error({ fills, kills, acknowledged: all().length, refused: refused(), rssMb: memory.at(-1) });
    }
    for (const sender of senders) sender.stop();
    await Promise.all(runs);
    const acknowledged = all();
    expect(await countOf(acknowledged)).toBe(SPANS * acknowledged.length);
    if (SECONDS > 20) console.error({ acknowledged: acknowledged.length, lines: said.length, memory });
    const [early = 0, late = 0] = [Math.max(...memory.slice(0, Math.ceil(memory.length / 3))), memory.at(-1)];
    expect(late).toBeLessThan(early + 150);
  },
  60_000 + SECONDS * 3_000,
);
