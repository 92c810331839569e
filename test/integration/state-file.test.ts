import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readStateFile, writeStateFile } from '../../node-core/io/state-file.ts';
import { SmallDisk } from '../support/small-disk.ts';

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flightdeck-state-'));
});
afterEach(() => rm(folder, { recursive: true }));

const never = () => {
  throw new Error('not corrupt');
};

test('is owner-only, in a folder made for it, and leaves nothing beside it', async () => {
  const path = join(folder, 'deep', 'state.json');
  await writeStateFile(path, '{"a":1}');
  await writeStateFile(path, '{"a":2}');
  expect(await readStateFile(path, JSON.parse, never)).toEqual({ a: 2 });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(join(folder, 'deep'))).toEqual(['state.json']);
});

test('that cannot be written is as it was, and leaves nothing beside it', async () => {
  const disk = await SmallDisk.open(1);
  try {
    const path = join(disk.path, 'state.json');
    await writeStateFile(path, '{"a":1}');
    await disk.fill(8_192);
    await expect(writeStateFile(path, JSON.stringify('x'.repeat(50_000)))).rejects.toMatchObject({ code: 'ENOSPC' });
    expect((await readdir(disk.path)).sort()).toEqual(['ballast', 'state.json']);
    expect(await readStateFile(path, JSON.parse, never)).toEqual({ a: 1 });
    await disk.free();
    await writeStateFile(path, '{"a":2}');
    expect(await readStateFile(path, JSON.parse, never)).toEqual({ a: 2 });
  } finally {
    await disk.close();
  }
});

test.each([
  ['written', (path: string) => writeStateFile(path, '{"a":2}')],
  ['read', (path: string) => readStateFile(path, JSON.parse, never)],
])('is %s for the first time: what a killed process left of it is gone, and nothing else', async (_, use) => {
  const path = join(folder, 'state.json');
  const others = ['other.json.1234.tmp', 'state.json', 'state.json.corrupt-5'];
  for (const name of [...others, 'state.json.0a1b.tmp', 'state.json.2c3d.tmp'])
    await writeFile(join(folder, name), '{}');
  await use(path);
  expect((await readdir(folder)).sort()).toEqual(others);
});

test('that is not there is none', async () => {
  expect(await readStateFile(join(folder, 'none.json'), JSON.parse, never)).toBeUndefined();
});

test('that cannot be read is set aside whole, and its place is free', async () => {
  const path = join(folder, 'state.json');
  await writeFile(path, '{"a":');
  let aside = '';
  const read = await readStateFile(path, JSON.parse, (at) => {
    aside = at;
  });
  expect(read).toBeUndefined();
  expect(await readFile(aside, 'utf8')).toBe('{"a":');
  expect(await readStateFile(path, JSON.parse, never)).toBeUndefined();
});
