import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { _electron, type ElectronApplication, type Page } from '@playwright/test';
import { RUN_MARK } from './processes.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The app in real Electron, on a data folder of its own. */
export interface RunningApp {
  /** Marks every process of this run. */
  readonly run: string;
  readonly electron: ElectronApplication;
  readonly window: Page;
  readonly dataFolder: string;
  /** What the page wrote that nobody should have to read: errors and refused contents. */
  readonly complaints: readonly string[];
}

/** Launches the production build with the command line given, beside the data folder. */
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

function definedEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries);
}
