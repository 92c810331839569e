import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DuckdbSpanStore } from '../../../../../node-core/collector/duckdb/duckdb-span-store.ts';
import { Duckdb } from '../../../../../node-core/io/duckdb.ts';
import { FileFolder } from '../../../../../node-core/io/store-folder.ts';
import { describeSpanStore } from '../../../../support/span-store-compliance.ts';
import { aSpan, at, T0, traceIdOf } from '../../../../support/spans.ts';

const HOUR = 3_600_000_000_000n;
const DAY = 24n * HOUR;

describeSpanStore('DuckDB', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'span-store-'));
  return {
    open: async (clock) =>
      DuckdbSpanStore.open({
        database: await Duckdb.open({ memoryLimit: '256MB', threads: 1 }),
        folder: await FileFolder.open(folder),
        limits: { capBytes: 1e9, days: 14 },
        now: clock,
        onProblem: (text) => expect.unreachable(text),
      }),
    remove: () => rm(folder, { recursive: true }),
  };
});

let path: string;
let now: bigint;
let problems: string[];
let store: DuckdbSpanStore;

async function open(limits: { capBytes?: number; days?: number } = {}): Promise<DuckdbSpanStore> {
  store = await DuckdbSpanStore.open({
    database: await Duckdb.open({ memoryLimit: '256MB', threads: 1 }),
    folder: await FileFolder.open(path),
    limits: { capBytes: 1e9, days: 14, ...limits },
    now: () => now,
    onProblem: (text) => problems.push(text),
  });
  return store;
}

async function reopen(limits = {}): Promise<DuckdbSpanStore> {
  await store.close();
  return open(limits);
}

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'span-store-'));
  now = T0;
  problems = [];
  await open();
});
afterEach(async () => {
  await store.close();
  await rm(path, { recursive: true });
});

const files = async (): Promise<string[]> => (await readdir(path)).filter((name) => name.endsWith('.duckdb')).sort();

describe('days of a store of DuckDB', () => {
  test('a batch after midnight goes to a file of its own, and both are asked as one', async () => {
    await store.add([aSpan(1, undefined)], []);
    now += DAY;
    await store.add([aSpan(2, 1)], []);
    expect(await files()).toEqual(['day-2026-11-02.duckdb', 'day-2026-11-03.duckdb']);
    expect((await store.spansOf([traceIdOf(1)])).spans).toHaveLength(2);
    expect((await store.search({ limit: 10 })).traces[0]?.spans).toBe(2);
  });

  test('too old ones are dropped with their files, whatever the spans say of their time', async () => {
    await store.add([aSpan(1, undefined, { startTimeUnixNano: at(1e12) })], []);
    now += 2n * DAY;
    await store.add([aSpan(2, undefined, { traceId: traceIdOf(2), startTimeUnixNano: 0n })], []);
    await reopen({ days: 2 });
    expect(await store.retain()).toEqual(['2026-11-02']);
    expect(await files()).toEqual(['day-2026-11-04.duckdb']);
    expect((await store.spansOf([traceIdOf(1)])).spans).toEqual([]);
    expect((await store.spansOf([traceIdOf(2)])).spans).toHaveLength(1);
    expect(store.spanCount).toBe(1);
  });

  test('the oldest go first when there is too much, today stays', async () => {
    for (let day = 0; day < 3; day++) {
      await store.add([aSpan(day + 1, undefined)], []);
      now += DAY;
    }
    await reopen({ capBytes: 1 });
    expect(await store.retain()).toEqual(['2026-11-02', '2026-11-03', '2026-11-04']);
    expect(await files()).toEqual(['day-2026-11-05.duckdb']);
  });

  test('one that is no database is set aside, and said; the others are there', async () => {
    await store.add([aSpan(1, undefined)], []);
    await store.close();
    await writeFile(join(path, 'day-2026-11-01.duckdb'), 'no database at all, but long enough to look at'.repeat(100));
    await open();
    expect(problems).toEqual([expect.stringContaining('2026-11-01')]);
    expect((await store.spansOf([traceIdOf(1)])).spans).toHaveLength(1);
    expect((await readdir(path)).some((name) => name.startsWith('day-2026-11-01.duckdb.unreadable-'))).toBe(true);
    await reopen();
    expect(problems).toHaveLength(1);
  });
});
