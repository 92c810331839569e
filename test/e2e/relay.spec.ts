import { readDeckFile } from '../../node-core/host/deck-file.ts';
import { expect, test } from './app.fixture.ts';
import { runCommand } from './launch.ts';

const PINGS = 40;

interface Crossing {
  readonly outgoing: number;
  readonly incoming: number;
}
type Counters = Readonly<Record<string, Crossing & { readonly remotes: Readonly<Record<string, Crossing>> }>>;

/** How much more crossed the NATs of both ends during an act: in all, and to and from the beacon. */
async function crossedDuring(folder: string, beacon: string, ends: readonly string[], act: () => Promise<void>) {
  const read = async (): Promise<Counters> => JSON.parse(await runCommand(folder, ['fleet', 'counters']));
  const before = await read();
  await act();
  const after = await read();
  return ends.map((name) => {
    const [was, is] = [before[name]?.remotes[beacon], after[name]?.remotes[beacon]];
    return {
      name,
      toBeacon: (is?.outgoing ?? 0) - (was?.outgoing ?? 0),
      fromBeacon: (is?.incoming ?? 0) - (was?.incoming ?? 0),
      total: (after[name]?.outgoing ?? 0) - (before[name]?.outgoing ?? 0),
    };
  });
}

test('a relayed path goes through the beacon until a router changes, and becomes a straight one by itself', async ({
  fleet,
}) => {
  const { deck, dataFolder } = fleet;
  const { beacon } = await readDeckFile(dataFolder);
  await deck.open('Graph');
  const tunnel = deck.graph.tunnelBetween('flightdeck', 'fare-watch');
  await expect(tunnel).toHaveAccessibleName(/relay through/, { timeout: 40_000 });
  await deck.graph.select('fare-watch');
  const address =
    /\d:[0-9A-F]{4}\.[0-9A-F]{4}\.[0-9A-F]{4}/.exec((await deck.inspector.textContent()) ?? '')?.[0] ?? '';
  const pingAll = async (path: RegExp) => {
    for (let i = 0; i < PINGS; i++) {
      const result = JSON.parse(await runCommand(dataFolder, ['ping', address, '--json']));
      expect(result.path).toMatch(path);
    }
  };

  const relayed = await crossedDuring(dataFolder, beacon, ['flightdeck', 'fare-watch'], () => pingAll(/^relay$/));
  for (const { toBeacon, fromBeacon } of relayed) {
    expect(toBeacon).toBeGreaterThanOrEqual(PINGS);
    expect(fromBeacon).toBeGreaterThanOrEqual(PINGS);
  }

  await runCommand(dataFolder, ['fleet', 'nat', 'fare-watch', 'full-cone']);
  await expect(tunnel).toHaveAccessibleName(/, (punched|direct),/, { timeout: 30_000 });
  const [, straight] = await crossedDuring(dataFolder, beacon, ['flightdeck', 'fare-watch'], () =>
    pingAll(/^(punched|direct)$/),
  );
  expect((straight?.total ?? 0) - (straight?.toBeacon ?? 0)).toBeGreaterThanOrEqual(PINGS);
});
