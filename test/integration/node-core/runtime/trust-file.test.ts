import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { TrustedPeer } from '../../../../node-core/node/trusted-peers.ts';
import { TrustFile } from '../../../../node-core/runtime/trust-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trust-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function peer(nodeId: number): TrustedPeer {
  return { nodeId, publicKey: new Uint8Array(32).fill(nodeId), trustedAt: 1_790_000_000_000 };
}

function unexpected(asideAt: string): void {
  throw new Error(`set aside at ${asideAt}`);
}

test('whom a node trusts, and under which keys, is read again as it was written, by its owner alone', async () => {
  const path = join(folder, 'trust.json');
  expect(await new TrustFile(path).read(unexpected)).toEqual([]);
  await new TrustFile(path).write([peer(7), peer(9)]);
  expect(await new TrustFile(path).read(unexpected)).toEqual([peer(7), peer(9)]);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('of many writes at once the last stands, and each waits until it or a later one is on disk', async () => {
  const file = new TrustFile(join(folder, 'trust.json'));
  const writes = Array.from({ length: 50 }, (_, index) => file.write([peer(index + 1)]));
  await Promise.all(writes);
  expect(await file.read(unexpected)).toEqual([peer(50)]);
  expect(await readdir(folder)).toEqual(['trust.json']);
});

test('a write that fails is told, and the next one is tried', async () => {
  const file = new TrustFile(join(folder, 'file', 'trust.json'));
  await writeFile(join(folder, 'file'), 'in the way of the folder');
  await expect(file.write([peer(1)])).rejects.toThrow();
  await rm(join(folder, 'file'));
  await file.write([peer(2)]);
  expect(await file.read(unexpected)).toEqual([peer(2)]);
});

test.each([
  ['half a file', '{"trusted":[{"node_id":7'],
  ['a key of another length', '{"trusted":[{"node_id":7,"public_key":"AAAA","trusted_at":1}]}'],
  ['no list', '{"trusted":7}'],
])('%s is set aside for a person to look at, and nobody is trusted by it', async (_what, content) => {
  const path = join(folder, 'trust.json');
  await writeFile(path, content);
  const aside: string[] = [];
  expect(await new TrustFile(path).read((at) => aside.push(at))).toEqual([]);
  expect(await readFile(aside[0] as string, 'utf8')).toBe(content);
});
