import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readDeckFile } from '../../node-core/host/deck-file.ts';
import { connectWhenReady, waitForLiveAgents } from '../support/deck-connection.ts';
import { expect, expectNothingLeft, test } from './app.fixture.ts';
import { endCommand, launchApp, runCommand, startCommand } from './launch.ts';
import { readOtlpJson } from './otlp-reader.ts';
import { sendSpans } from './otlp-sender.ts';
import { DeckPage } from './pages/deck-page.ts';

const SOON = { timeout: 5_000 };
const HEALED = { timeout: 60_000 };
const RECONNECTING = 'Reconnecting to the engine.';

/** Sends spans of one trace, one request each, until stopped; keeps the ids of those that were answered 200. */
class SteadyExporter {
  readonly traceId = randomBytes(16).toString('hex');
  readonly acknowledged: string[] = [];
  readonly #otlpHttp: string;
  #stopped = false;

  constructor(otlpHttp: string) {
    this.#otlpHttp = otlpHttp;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      const spanId = randomBytes(8).toString('hex');
      const sent = await this.#send(spanId).catch(() => false);
      if (sent) this.acknowledged.push(spanId);
      await sleep(10);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  #send(spanId: string): Promise<boolean> {
    const now = Date.now();
    const span = { traceId: this.traceId, spanId, name: 'steady', startMs: now, endMs: now + 1 };
    return sendSpans(this.#otlpHttp, 'steady-exporter', [span]);
  }
}

test.describe('when the deck host is killed', () => {
  test.use({ appArgs: ['--fleet', '4'] });

  test('the window says so, heals by itself, and nothing acknowledged is lost', async ({ app }) => {
    const deck = new DeckPage(app.page);
    const connection = await connectWhenReady(app.dataFolder, 30_000);
    await waitForLiveAgents(connection, 4, 60_000);
    connection.close();
    const { pid, otlpHttp } = await readDeckFile(app.dataFolder);
    const exporter = new SteadyExporter(otlpHttp);
    const exporting = exporter.run();
    await deck.command('Ping filings-1');
    await sleep(2_000);

    process.kill(pid, 'SIGKILL');
    const beforeDeath = exporter.acknowledged.length;
    await expect(deck.stateLine(RECONNECTING)).toBeVisible(SOON);
    await expect(deck.stateLine(RECONNECTING)).toBeHidden(HEALED);
    await expect(deck.status).toContainText('registry ok', HEALED);
    await expect.poll(() => exporter.acknowledged.length, HEALED).toBeGreaterThan(beforeDeath + 10);
    exporter.stop();
    await exporting;

    await deck.open('Log');
    await expect(deck.page.getByRole('grid', { name: 'Log' })).toContainText('Ping filings-1:');

    const again = await connectWhenReady(app.dataFolder, 30_000);
    await waitForLiveAgents(again, 4, 60_000);
    again.close();
    const stored = await readOtlpJson(await runCommand(app.dataFolder, ['trace', 'show', exporter.traceId, '--otlp']));
    const ids = new Set(stored.map((span) => span.spanId));
    expect(exporter.acknowledged.filter((spanId) => !ids.has(spanId))).toEqual([]);
  });

  test('three times in a minute, it stays down until the operator starts it again', async ({ app }) => {
    const deck = new DeckPage(app.page);
    const stopped = deck.page.getByRole('alert').filter({ hasText: 'The engine stopped 3 times in 1 min.' });
    let last = 0;
    const nextPid = async () => {
      const { pid } = await readDeckFile(app.dataFolder).catch(() => ({ pid: last }));
      return pid !== last;
    };
    for (let kills = 0; kills < 3; kills++) {
      await expect.poll(nextPid, HEALED).toBe(true);
      last = (await readDeckFile(app.dataFolder)).pid;
      process.kill(last, 'SIGKILL');
    }
    await expect(stopped).toBeVisible(SOON);
    await deck.page.getByRole('button', { name: 'Start again' }).click();
    await expect(stopped).toBeHidden(HEALED);
    await expect(deck.status).toContainText('registry ok', HEALED);
  });
});

test.describe('when the app itself is killed', () => {
  test.use({ appArgs: ['--fleet', '4'] });

  test('every process it started ends too', async ({ app }) => {
    const connection = await connectWhenReady(app.dataFolder, 30_000);
    await waitForLiveAgents(connection, 4, 60_000);
    connection.close();
    app.electron.process().kill('SIGKILL');
    await expectNothingLeft(app);
  });
});

test('when the rendezvous is killed, the window says so, and heals when it returns', async ({ app }) => {
  const store = ['--store', join(app.dataFolder, 'other-rendezvous.json')];
  const first = await startCommand(app.run, ['rendezvous', ...store]);
  const [registry, beacon] = [String(first.ready.registry), String(first.ready.beacon)];
  const folder = join(app.dataFolder, 'joined');
  const network = ['--registry', registry, '--beacon', beacon, '--fleet', '4', '--otlp-http', '127.0.0.1:0'];
  const joined = await launchApp(folder, network);
  try {
    const deck = new DeckPage(joined.page);
    const connection = await connectWhenReady(folder, 30_000);
    await waitForLiveAgents(connection, 4, 60_000);
    connection.close();

    first.child.kill('SIGKILL');
    await expect(deck.stateLine(/^Registry does not answer since/)).toBeVisible(SOON);
    await expect(deck.stateLine(/^Beacon .* does not answer since/)).toBeVisible(SOON);

    const addresses = ['--registry-addr', registry, '--beacon-addr', beacon];
    const again = await startCommand(app.run, ['rendezvous', ...store, ...addresses]);
    await expect(deck.stateLine(/does not answer since/)).toHaveCount(0, HEALED);
    await expect(deck.status).toContainText('registry ok', HEALED);
    await joined.close();
    await endCommand(again.child);
  } finally {
    await joined.close();
    first.child.kill('SIGKILL');
  }
});

test('an agent started in another terminal and killed is told within 15 s, and comes back', async ({ app }) => {
  const deck = new DeckPage(app.page);
  const up = ['fleet', 'up', '--agents', '3', '--one-process-each', '--data', app.dataFolder];
  const { ready, child } = await startCommand(app.run, up);
  const agents = ready.agents as { readonly hostname: string; readonly pid: number }[];
  const [victim] = agents;
  expect(victim).toBeDefined();
  const connection = await connectWhenReady(app.dataFolder, 30_000);
  await waitForLiveAgents(connection, 3, 60_000);
  connection.close();
  const card = deck.graph.agent(victim?.hostname ?? '');
  await expect(card).not.toHaveAccessibleName(/failing/, HEALED);

  process.kill(victim?.pid ?? 0, 'SIGKILL');
  await expect(card).toHaveAccessibleName(/failing: silent/, { timeout: 15_000 });
  await expect(card).not.toHaveAccessibleName(/failing: silent/, HEALED);
  await endCommand(child);
});
