import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base, expect } from '@playwright/test';
import { connectWhenReady, waitForLiveAgents } from '../support/deck-connection.ts';
import { launchApp, launchServed, type RunningApp, type RunningDeck } from './launch.ts';
import { DeckPage } from './pages/deck-page.ts';
import { processesOf } from './processes.ts';

export { expect } from '@playwright/test';

const FLEET_AGENTS = 24;
const FLEET_UP_MS = 90_000;
const FREE_PORTS = ['--otlp-http', '127.0.0.1:0'];

interface TestFixtures {
  /** Options on the app's command line, beside the data folder. */
  readonly appArgs: readonly string[];
  /** The app in real Electron, for this test alone. */
  readonly app: RunningApp;
}

interface WorkerFixtures {
  /** How the deck is looked at: in the app's window, or in a browser while it is served. */
  readonly surface: 'window' | 'browser';
  /** A deck with the whole demo fleet live, shared by the tests of one worker. */
  readonly fleet: RunningDeck & { readonly deck: DeckPage; readonly downloads: string };
}

/** Starts the product before a test and sees to it that it ends whole: a process left over fails the test. */
export const test = base.extend<TestFixtures, WorkerFixtures>({
  surface: ['window', { option: true, scope: 'worker' }],
  appArgs: [['--no-fleet'], { option: true }],

  app: async ({ appArgs }, use) => {
    const folder = await mkdtemp(join(tmpdir(), 'flightdeck-e2e-'));
    const app = await launchApp(folder, [...FREE_PORTS, ...appArgs]);
    await use(app);
    await endWhole(app);
    await rm(folder, { recursive: true, force: true });
  },

  fleet: [
    async ({ surface }, use) => {
      const folder = await mkdtemp(join(tmpdir(), 'flightdeck-e2e-'));
      const downloads = await mkdtemp(join(tmpdir(), 'flightdeck-e2e-downloads-'));
      const args = [...FREE_PORTS, '--fleet', String(FLEET_AGENTS)];
      const running =
        surface === 'window'
          ? await launchApp(folder, [...args, '--downloads', downloads])
          : await launchServed(folder, args);
      const connection = await connectWhenReady(folder, FLEET_UP_MS);
      await waitForLiveAgents(connection, FLEET_AGENTS, FLEET_UP_MS);
      connection.close();
      await use({ ...running, deck: new DeckPage(running.page), downloads });
      await endWhole(running);
      for (const each of [folder, downloads]) await rm(each, { recursive: true, force: true });
    },
    { scope: 'worker', timeout: 240_000 },
  ],
});

async function endWhole(running: RunningDeck): Promise<void> {
  await running.close();
  await expectNothingLeft(running);
}

export async function expectNothingLeft({ run, dataFolder }: RunningDeck): Promise<void> {
  const left = () => processesOf(run, dataFolder);
  await expect.poll(left, { message: 'processes left after the end', timeout: 15_000 }).toEqual([]);
}
