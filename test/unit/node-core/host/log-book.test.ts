import { expect, test } from 'vitest';
import type { LogEntry, LogEvent } from '../../../../node-core/contract/log.ts';
import { LogBook } from '../../../../node-core/host/log-book.ts';

const clock = { now: () => ({ monotonicMs: 0, unixNano: 5_000_000n }) };
const entry = (text: string): LogEntry => ({ level: 'info', kind: 'k', text, source: 's', actor: 'node' });

async function lines(log: LogBook, last = 100): Promise<LogEvent[]> {
  for await (const events of log.watch(last, new AbortController().signal)) return events;
  return [];
}

test('lines of earlier runs stand before those of this one, and the count goes on', async () => {
  const log = new LogBook(clock, () => undefined);
  log.add(entry('starting'));
  log.recall([{ ...entry('long ago'), at: 1 }]);
  log.add(entry('now'));
  const found = (await lines(log)).map(({ id, at, text }) => [id, at, text]);
  expect(found).toEqual([
    [1, 1, 'long ago'],
    [2, 5, 'starting'],
    [3, 5, 'now'],
  ]);
});

test('keeps the newest ten thousand, also of what is recalled', async () => {
  const log = new LogBook(clock, () => undefined);
  log.recall(Array.from({ length: 10_005 }, (_, n) => ({ ...entry(`old ${n}`), at: n })));
  log.add(entry('new'));
  const found = await lines(log, 20_000);
  expect([found.length, found[0]?.text, found.at(-1)?.text]).toEqual([10_000, 'old 6', 'new']);
});

test('a new line is told once, a recalled one is not', () => {
  const log = new LogBook(clock, () => undefined);
  const told: string[] = [];
  log.onAdded = ({ text }) => told.push(text);
  log.recall([{ ...entry('old'), at: 1 }]);
  log.add(entry('new'));
  expect(told).toEqual(['new']);
});
