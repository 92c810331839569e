import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { _electron, test as base, type ElectronApplication, expect, type Page } from '@playwright/test';
import { processesOf, RUN_MARK } from './processes.ts';

export { expect } from '@playwright/test';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The app in real Electron, on a data folder of its own. */
export interface RunningApp {
  readonly run: string;
  readonly electron: ElectronApplication;
  readonly window: Page;
  readonly dataFolder: string;
  /** What the page and the main process wrote that nobody should have to read: errors and refused contents. */
  readonly complaints: readonly string[];
}

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

export async function launchApp(dataFolder: string, args: readonly string[]): Promise<RunningApp> {
  const run = randomUUID();
  const electron = await _electron.launch({
    args: [ROOT, '--data', dataFolder, ...args],
    cwd: ROOT,
    env: { ...definedEnvironment(), [RUN_MARK]: run },
    timeout: 60_000,
  });
  const complaints: string[] = [];
  const window = await electron.firstWindow();
  window.on('pageerror', (error) => complaints.push(error.message));
  window.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  return { run, electron, window, dataFolder, complaints };
}

export async function expectNothingLeft(app: RunningApp): Promise<void> {
  const left = () => processesOf(app.run, app.dataFolder);
  await expect.poll(left, { message: 'processes left after the app ended', timeout: 15_000 }).toEqual([]);
}

function definedEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
