import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import INITIAL from '../../../../../node-core/collector/duckdb/migrations/0001-spans-logs-joins.sql?raw';
import type { Resource } from '../../../../../node-core/collector/span.ts';
import { DuckdbGround } from '../../../../support/duckdb-store.ts';
import { describeSpanStore } from '../../../../support/span-store-compliance.ts';
import { aSpan, at, spanIdOf, T0, traceIdOf } from '../../../../support/spans.ts';

const MINUTE = 60_000_000_000n;
const DAY = 1_440n * MINUTE;

describeSpanStore('DuckDB', async () => {
  const ground = await DuckdbGround.make();
  return { open: () => ground.open(), remove: () => ground.remove() };
});

let ground: DuckdbGround;

beforeEach(async () => {
  ground = await DuckdbGround.make();
  await ground.open();
});
afterEach(() => ground.remove());

const files = async (): Promise<string[]> =>
  (await readdir(ground.folder)).filter((name) => name.endsWith('.duckdb')).sort();

/** A span of a trace of its own, stored now; the day goes on for so long that it counts. */
async function liveADay(trace: number): Promise<void> {
  await ground.store.add([aSpan(trace, undefined, { traceId: traceIdOf(trace) })], []);
  ground.clock.pass(20n * MINUTE);
  await ground.store.add([aSpan(1_000 + trace, trace, { traceId: traceIdOf(trace) })], []);
  ground.clock.pass(DAY - 20n * MINUTE);
}

const spansOf = async (trace: number): Promise<number> => (await ground.store.spansOf([traceIdOf(trace)])).total;

describe('files of a store of DuckDB', () => {
  test('a batch after midnight goes to a file of its own, and both are asked as one', async () => {
    await ground.store.add([aSpan(1, undefined)], []);
    ground.clock.pass(DAY);
    await ground.store.add([aSpan(2, 1)], []);
    expect(await files()).toEqual(['day-2026-11-02-000001.duckdb', 'day-2026-11-03-000002.duckdb']);
    expect(await spansOf(1)).toBe(2);
    expect((await ground.store.search({ limit: 10 })).traces[0]?.spans).toBe(2);
  });

  test('files that are removed while they are open are said to be gone, and what comes next is on disk', async () => {
    await ground.store.add([aSpan(1, undefined)], []);
    await rm(ground.folder, { recursive: true });
    await ground.store.add([aSpan(2, undefined)], []);
    expect(ground.problems).toEqual([expect.stringMatching(/^Files of the store were removed/)]);
    expect(await files()).toHaveLength(1);
    await ground.open();
    expect(await spansOf(1)).toBe(1);
  });

  test('a file that is full is followed by another of the same day, so that the cap acts on today too', async () => {
    await ground.open({ bytesOfAFile: 1, capBytes: 1 });
    for (const n of [1, 2, 3]) await ground.store.add([aSpan(n, undefined, { traceId: traceIdOf(n) })], []);
    expect((await files()).length).toBeGreaterThanOrEqual(3);
    expect(await ground.store.retain()).toEqual(['2026-11-02']);
    expect(await files()).toHaveLength(1);
    expect([await spansOf(2), await spansOf(3), ground.store.spanCount]).toEqual([0, 1, 1]);
  });

  test('rows as wide as prompts fill a file before a checkpoint of them could need more memory than there is', async () => {
    const wide = (n: number) =>
      aSpan(n, undefined, { values: {}, status: { code: 0, message: `${n}`.repeat(200_000) } });
    for (let at = 0; at < 320; at += 20) {
      const spans = Array.from({ length: 20 }, (_, n) => wide(10_000 + at + n)); // 1 MB each
      await ground.store.add(spans, []);
    }
    expect(ground.problems).toEqual([]);
    expect((await files()).length).toBeGreaterThan(1);
    expect(ground.store.spanCount).toBe(320);
    const { spans, total } = await ground.store.spansOf([traceIdOf(1)], { bytes: 10e6 });
    expect(total).toBe(320);
    expect(spans.length).toBeGreaterThan(5);
    expect(spans.length).toBeLessThan(11);
  });

  test('what does not fit into memory is laid out in the folder, for its owner alone, and is gone at the next start', async () => {
    const spill = join(ground.folder, 'spill');
    await mkdir(join(spill, 'left-by-a-killed-process'));
    await ground.open();
    const [own = '', ...others] = await readdir(spill);
    expect([own.length, others]).toEqual([36, []]);
    expect((await stat(join(spill, own))).mode & 0o777).toBe(0o700);
    expect(await readdir('.')).not.toContain('.tmp');
  });

  test('a file of before resources were kept by key is read as it is', async () => {
    await ground.close();
    const instance = await DuckDBInstance.create(join(ground.folder, 'day-2026-11-01.duckdb'));
    const connection = await instance.connect();
    const resource = `{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"older"}}]}}`;
    await connection.run(`CREATE TABLE schema_version (version INTEGER NOT NULL); INSERT INTO schema_version VALUES (1); ${INITIAL};
      INSERT INTO spans VALUES ('${traceIdOf(7)}', '${spanIdOf(7)}', '', 'old', NULL, 1, 'older', 7, NULL, NULL, NULL, NULL, ${T0}, ${T0 + 5n}, 5, false,
        ${T0}, NULL, NULL, NULL, 'k', '${resource}', '{}', '{}');
      INSERT INTO logs VALUES (${T0}, ${T0}, 'event', 9, '', 7, 'a', 'key', '${resource}', '{}', '{"eventName":"event"}')`);
    connection.closeSync();
    instance.closeSync();
    await ground.open();
    await ground.store.add([aSpan(8, undefined, { traceId: traceIdOf(7), ms: [1, 2] })], []);
    expect((await files()).slice(0, 1)).toEqual(['day-2026-11-01.duckdb']);
    const { spans } = await ground.store.spansOf([traceIdOf(7)]);
    expect(spans.map(({ name }) => name)).toEqual(['old', 'span 8']);
    expect(spans[0]?.resource.attributes).toEqual([{ key: 'service.name', value: 'older' }]);
    expect(await ground.store.lastEvents('event', 'key', 5)).toMatchObject([{ resource: spans[0]?.resource }]);
  });
});

describe('what is kept', () => {
  test('days are counted by arrivals: the oldest goes once so many days have been lived after it', async () => {
    await ground.open({ days: 2 });
    for (const day of [1, 2]) await liveADay(day);
    expect(await ground.store.retain()).toEqual([]);
    await liveADay(3);
    expect(await ground.store.retain()).toEqual(['2026-11-02']);
    expect([await spansOf(1), await spansOf(2), await spansOf(3)]).toEqual([0, 2, 2]);
  });

  test('a clock that is 20 days ahead for a minute, or 20 days behind, deletes nothing, now or when it is right again', async () => {
    await ground.open({ days: 14 });
    for (const day of [1, 2, 3]) await liveADay(day);
    for (const [trace, wrong] of [
      [4, 20n],
      [5, -20n],
    ] as const) {
      ground.clock.unixNano += wrong * DAY;
      await ground.store.add([aSpan(trace, undefined, { traceId: traceIdOf(trace) })], []);
      ground.clock.pass(MINUTE);
      expect(await ground.store.retain()).toEqual([]);
      ground.clock.unixNano -= wrong * DAY;
      await ground.store.add([aSpan(100 + trace, trace, { traceId: traceIdOf(trace) })], []);
      expect(await ground.store.retain()).toEqual([]);
      await ground.open();
      expect(await ground.store.retain()).toEqual([]);
    }
    for (const day of [6, 7, 8]) await liveADay(day);
    expect(await ground.store.retain()).toEqual([]);
    for (const trace of [1, 2, 3, 4, 5]) expect(await spansOf(trace)).toBe(2);
  });

  test('a clock that goes back and forth makes no file each time', async () => {
    for (let n = 1; n <= 20; n++) {
      ground.clock.unixNano += n % 2 === 0 ? DAY : -DAY;
      await ground.store.add([aSpan(n, undefined)], []);
    }
    expect(await files()).toHaveLength(2);
  });

  test('the oldest go first when there is too much, the newest stays', async () => {
    for (const day of [1, 2, 3]) await liveADay(day);
    await ground.store.add([aSpan(9, undefined, { startTimeUnixNano: at(1e12) })], []);
    await ground.open({ capBytes: 1 });
    expect(await ground.store.retain()).toEqual(['2026-11-02', '2026-11-03', '2026-11-04']);
    expect(await files()).toEqual(['day-2026-11-05-000004.duckdb']);
  });
});

describe('texts that spans share', () => {
  const wide = (n: number): Resource => ({
    attributes: [
      { key: 'service.name', value: `service ${n}` },
      { key: 'host.description', value: 'x'.repeat(60_000) },
    ],
    droppedAttributesCount: 0,
    schemaUrl: '',
  });

  test('are stored once in a file, however many spans and batches have them', async () => {
    const resource = wide(1);
    for (let batch = 0; batch < 4; batch++) {
      const spans = Array.from({ length: 1_500 }, (_, n) => aSpan(1 + batch * 1_500 + n, undefined, { resource }));
      await ground.store.add(spans, []);
      if (batch === 1) await ground.open();
    }
    expect(await ground.store.bytes()).toBeLessThan(4e6); // 360 MB in each row
    expect((await ground.store.spansOf([traceIdOf(1)], { spans: 10 })).spans[9]?.resource).toEqual(resource);
  });

  test('are there in each file that names them', async () => {
    await ground.store.add([aSpan(1, undefined, { resource: wide(1) })], []);
    ground.clock.pass(DAY);
    await ground.store.add(
      [aSpan(2, undefined, { resource: wide(1) }), aSpan(3, undefined, { resource: wide(2) })],
      [],
    );
    await ground.open({ capBytes: 1 });
    await ground.store.retain();
    const { spans } = await ground.store.spansOf([traceIdOf(1)]);
    expect(spans.map(({ resource }) => resource)).toEqual([wide(1), wide(2)]);
  });
});

test('a file that is no database is set aside, and said; the others are there', async () => {
  await ground.store.add([aSpan(1, undefined)], []);
  await ground.close();
  const text = 'no database at all, but long enough to look at'.repeat(100);
  await writeFile(join(ground.folder, 'day-2026-11-01.duckdb'), text);
  await ground.open();
  expect(ground.problems).toEqual([expect.stringContaining('2026-11-01')]);
  expect(await spansOf(1)).toBe(1);
  expect((await readdir(ground.folder)).some((name) => name.startsWith('day-2026-11-01.duckdb.unreadable-'))).toBe(
    true,
  );
  await ground.open();
  expect(ground.problems).toHaveLength(1);
});
