import { expect, test } from 'vitest';
import type { DeckStatus } from '../../../../node-core/contract/status.ts';
import { formatClock } from '../../../../renderer/format/clock.ts';
import { stateLines } from '../../../../renderer/frame/state-lines.ts';

const at = 1_700_000_000_000;
const clock = formatClock(at);
const status = (change: Partial<DeckStatus> = {}): DeckStatus => ({
  at,
  startedAt: at,
  version: '0.1.0',
  networkName: 'Local network',
  registry: { address: '127.0.0.1:9000', state: 'ok', since: at },
  beacons: [],
  sources: { live: 24, known: 24, away: [] },
  spansPerSecond: 0,
  ledger: [],
  store: { spans: 0, bytes: 0, capBytes: 20_000_000_000 },
  otlpHttp: '127.0.0.1:4318',
  ...change,
});
const texts = (...args: Parameters<typeof stateLines>) => stateLines(...args).map((line) => line.text);

test('says nothing while all is well', () => {
  expect(texts('open', at, status())).toEqual([]);
  expect(texts('connecting', 0, undefined)).toEqual([]);
});

test('a lost engine is said with the age of the picture, and hides what can no longer be known', () => {
  const away = status({ registry: { address: '', state: 'away', since: at } });
  expect(texts('lost', at, away)).toEqual([
    `Reconnecting to the engine. The picture is from ${clock}; nothing acknowledged is lost.`,
  ]);
  expect(texts('lost', 0, undefined)).toEqual(['Reconnecting to the engine.']);
  expect(texts('stopped', at, away)).toEqual(['The engine stopped 3 times in 1 min. The store is whole.']);
});

test('names what is away, since when and what still works', () => {
  const lines = texts(
    'open',
    at,
    status({
      registry: { address: '', state: 'away', since: at },
      beacons: [{ id: 'fra-1', state: 'away', since: at, relayedTunnels: 7 }],
      sources: { live: 23, known: 24, away: ['summarise-3'] },
      store: { spans: 1, bytes: 20_000_000_000, capBytes: 20_000_000_000 },
    }),
  );
  expect(lines).toEqual([
    `Registry does not answer since ${clock}. Existing tunnels go on; new names cannot be found.`,
    `Beacon fra-1 does not answer since ${clock}. 7 relayed tunnels are silent.`,
    'summarise-3 sends no spans. Its part of traces is missing, not fast.',
    'Store is full (20 GB). Oldest spans go first.',
  ]);
});

test('several silent sources are one line', () => {
  const lines = texts('open', at, status({ sources: { live: 1, known: 3, away: ['a', 'b'] } }));
  expect(lines).toEqual(['a and 1 other send no spans. Their parts of traces are missing, not fast.']);
});
