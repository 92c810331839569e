import { cp, mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DuckdbGround } from '../../../../support/duckdb-store.ts';
import { aSpan, traceIdOf } from '../../../../support/spans.ts';

const FILE = 'day-2026-11-02-000001.duckdb';
const SPANS = 30_000;

let parent: string;
let ground: DuckdbGround;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'damaged-'));
  ground = await DuckdbGround.make(join(parent, 'a block of locks')); // words that say nothing of the cause
  await ground.open();
});
afterEach(async () => {
  await ground.close();
  await rm(parent, { recursive: true });
});

/** Spans that compress badly, of one trace each, in batches. */
async function fill(count: number, first = 1): Promise<void> {
  for (let at = first; at < first + count; at += 2_000) {
    const spans = Array.from({ length: Math.min(2_000, first + count - at) }, (_, n) =>
      aSpan(at + n, undefined, { traceId: traceIdOf(at + n), values: { noise: noise(at + n) } }),
    );
    await ground.store.add(spans, []);
  }
}

function noise(seed: number): string {
  let state = seed;
  return Array.from({ length: 12 }, () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state.toString(36);
  }).join('');
}

async function spoil(name: string, at: (bytes: number) => number): Promise<void> {
  const path = join(ground.folder, name);
  const file = await open(path, 'r+');
  await file.write(Buffer.alloc(64, 0xa5), 0, 64, at((await stat(path)).size));
  await file.close();
}

/** How many spans a full reading finds. */
async function readable(): Promise<number> {
  let found = 0;
  for (let at = 1; at <= SPANS + 2_000; at += 1_000) {
    const ids = Array.from({ length: 1_000 }, (_, n) => traceIdOf(at + n));
    found += (await ground.store.spansOf(ids)).spans.length;
  }
  return found;
}

describe('a file with a damaged block', () => {
  test('is read as far as it is sound, says how much is missing, and is kept aside; the day goes on', async () => {
    await fill(SPANS);
    await ground.close();
    await spoil(FILE, (bytes) => Math.floor(bytes * 0.6));
    await ground.open();
    const found = await readable();
    expect(found).toBeGreaterThan(SPANS / 4);
    expect(found).toBeLessThan(SPANS);
    expect(ground.problems).toEqual([expect.stringContaining(`${SPANS - found} of `)]);
    expect((await readdir(ground.folder)).filter((name) => name.startsWith(`${FILE}.damaged-`))).toHaveLength(1);
    await fill(10, SPANS + 1);
    expect(await readable()).toBe(found + 10);
    await ground.open();
    expect(await readable()).toBe(found + 10);
    expect(ground.problems).toHaveLength(1);
  });

  test('whose list of tables is gone is set aside whole, by its error and not by a word of its path', async () => {
    await fill(2_000);
    await ground.close();
    await spoil(FILE, () => 3 * 4_096 + 100);
    await ground.open();
    expect(ground.problems).toEqual([expect.stringContaining('set aside')]);
    expect((await readdir(ground.folder)).some((name) => name.startsWith(`${FILE}.unreadable-`))).toBe(true);
    await fill(10);
    expect(await readable()).toBe(10);
  });
});

test('a damaged log costs what comes after the damage: what the file has, and the log before it, are there', async () => {
  await fill(10_000);
  await ground.open(); // what was in the log is in the file now
  await fill(10_000, 10_001);
  const live = ground.folder;
  const left = await DuckdbGround.make(join(parent, 'left by a kill'));
  await cp(live, left.folder, { recursive: true });
  await ground.close();
  ground = left;
  await spoil(`${FILE}.wal`, (bytes) => Math.floor(bytes / 2));
  await ground.open();
  const found = await readable();
  expect(found).toBeGreaterThanOrEqual(12_000);
  expect(found).toBeLessThan(20_000);
  expect(ground.problems).toEqual([expect.stringMatching(/the last \d+\.\d+ MB of its log were damaged/)]);
  await fill(10, 20_001);
  await ground.open();
  expect(await readable()).toBe(found + 10);
  expect(ground.problems).toHaveLength(1);
});
