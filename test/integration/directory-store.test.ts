import { appendFile, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDirectory } from '../../node-core/cli/directory-store.ts';
import type { JsonObject } from '../../node-core/wire/registry-message.ts';
import { publicKeyOf, signedRequest } from '../support/registry-bench.ts';

const SOURCE = { host: '127.0.0.1', port: 50_000 };
const NOW = { monotonicMs: 1_000, unixNano: 1_000_000_000_000n };
let folder = '';
let store = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flightdeck-store-'));
  store = join(folder, 'rendezvous.json');
});
afterEach(() => rm(folder, { recursive: true }));

/** A registry that goes on from the store. */
async function open() {
  const news: string[] = [];
  const failures: unknown[] = [];
  const events = { onNews: (text: string) => news.push(text), onSaveFailed: (error: unknown) => failures.push(error) };
  const { directory, keeper, close } = await openDirectory(store, {}, events);
  const ask = async (seed: number, type: string, fields: JsonObject) => {
    const { reply, changes } = directory.handle(signedRequest(seed, type, fields), SOURCE, NOW);
    expect(await keeper.keep(changes)).toBe(true);
    return reply;
  };
  const register = async (seed: number): Promise<unknown> => {
    const fields = { listen_addr: '127.0.0.1:4000', public_key: publicKeyOf(seed) };
    return (await ask(seed, 'register', fields)).node_id;
  };
  return { news, failures, directory, ask, register, close };
}

test('a store that was cut at any byte of its last line goes on without that line, and says so', async () => {
  const first = await open();
  for (const seed of [1, 2]) await first.register(seed);
  const before = (await stat(store)).size;
  await first.ask(1, 'set_hostname', { node_id: 1, hostname: 'alpha' });
  await first.close();
  const content = await readFile(store);
  expect((await stat(store)).mode & 0o777).toBe(0o600);
  for (let length = before; length < content.length; length += 7) {
    await writeFile(store, content.subarray(0, length));
    const again = await open();
    const torn = length - before;
    expect(again.news).toEqual(
      torn === 0 ? [] : [`the last ${torn} bytes of the store were never whole, and are left out`],
    );
    await again.ask(2, 'set_hostname', { node_id: 2, hostname: 'alpha' });
    await again.close();
    const later = await open();
    expect(later.news).toEqual([]);
    expect(await later.ask(1, 'lookup', { node_id: 2 })).toMatchObject({ hostname: 'alpha' });
    expect([await later.register(1), await later.register(2)]).toEqual([1, 2]);
    await later.close();
  }
});

test('the store of earlier versions is read and becomes a log', async () => {
  const node = {
    ...{ nodeId: 1, publicKey: publicKeyOf(1), owner: '', realAddress: '10.0.0.1:4000', lanAddresses: [], version: '' },
    ...{ hostname: 'alpha', tags: [], public: true, relayOnly: false, signed: true, present: true },
    ...{ keyCreatedAt: 1, rotations: 0, lastSeen: 1 },
  };
  const empty = { networks: [], consents: [], mailbox: [] };
  const old = { format: 'flightdeck-directory/1', nextNodeId: 5, nextNetworkId: 1, nodes: [node], ...empty };
  await writeFile(store, JSON.stringify(old));
  for (const id of [5, 6]) {
    const registry = await open();
    expect(registry.news).toEqual([]);
    expect(await registry.ask(1, 'lookup', { node_id: 1 })).toMatchObject({ hostname: 'alpha' });
    expect(await registry.register(id)).toBe(id === 5 ? 5 : 261);
    await registry.close();
  }
  expect(await readFile(store, 'utf8')).toMatch(/^\{"format":"flightdeck-directory\/2"\}\n/);
});

test('a store that is damaged is set aside, told, and what is sound of it goes on', async () => {
  const first = await open();
  for (const seed of [1, 2, 3]) await first.register(seed);
  await first.close();
  const lines = (await readFile(store, 'utf8')).split('\n');
  lines[3] = (lines[3] as string).replace('"node"', '"n\0de"');
  await writeFile(store, lines.join('\n'));
  const again = await open();
  expect(again.news).toEqual([expect.stringMatching(/^1 lines of the store were not readable .* set aside as /)]);
  expect([await again.register(1), await again.register(3)]).toEqual([1, 3]);
  expect(await again.register(2)).toBeGreaterThan(257);
  await again.close();
  expect((await readdir(folder)).filter((name) => name.includes('.corrupt-'))).toHaveLength(1);
});

test('a store that is removed while the registry runs, with its folder or without, is written whole again', async () => {
  const first = await open();
  await first.register(1);
  await rm(store);
  await first.register(2);
  await rm(folder, { recursive: true });
  await first.register(3);
  await first.close();
  const again = await open();
  expect([await again.register(3), await again.register(2), await again.register(1)]).toEqual([3, 2, 1]);
  expect([...first.failures, ...again.news]).toEqual([]);
  await again.close();
});

test('what is no store is set aside whole', async () => {
  await writeFile(store, 'nonsense');
  const registry = await open();
  expect(registry.news).toEqual([expect.stringMatching(/^the store was not readable and is set aside as /)]);
  expect(await registry.register(1)).toBe(1);
  await registry.close();
});

test('an empty file, as a crash of the machine leaves it, is a new store', async () => {
  await appendFile(store, '');
  await truncate(store, 0);
  const registry = await open();
  expect(registry.news).toEqual([]);
  expect(await registry.register(1)).toBe(1);
  await registry.close();
});
