import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base, expect } from '@playwright/test';
import { launchApp, type RunningApp } from './launch.ts';
import { processesOf } from './processes.ts';

export { expect } from '@playwright/test';

interface Fixtures {
  /** Options on the app's command line, beside the data folder. */
  readonly appArgs: readonly string[];
  readonly app: RunningApp;
}

/** Starts the app before a test and sees to it that it ends whole: a process left over fails the test. */
export const test = base.extend<Fixtures>({
  appArgs: [[], { option: true }],
  app: async ({ appArgs }, use) => {
    const dataFolder = await mkdtemp(join(tmpdir(), 'flightdeck-e2e-'));
    const app = await launchApp(dataFolder, appArgs);
    await use(app);
    await app.electron.close();
    await expectNothingLeft(app);
    await rm(dataFolder, { recursive: true, force: true });
  },
});

export async function expectNothingLeft(app: RunningApp): Promise<void> {
  const left = () => processesOf(app.run, app.dataFolder);
  await expect.poll(left, { message: 'processes left after the app ended', timeout: 15_000 }).toEqual([]);
}
