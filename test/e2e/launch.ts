import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { _electron, type Browser, chromium, type ElectronApplication, type Page } from '@playwright/test';
import { RUN_MARK } from './processes.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COMMAND_LINE = fileURLToPath(new URL('../../out/main/flightdeck.cjs', import.meta.url));
const CHROMIUM = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';

/** What every running deck of a test has, whichever way it is looked at. */
export interface RunningDeck {
  /** Marks every process of this run. */
  readonly run: string;
  readonly page: Page;
  readonly dataFolder: string;
  /** What the page wrote that nobody should have to read: errors and refused contents. */
  readonly complaints: readonly string[];
  close(): Promise<void>;
}

/** The app in real Electron, on a data folder of its own. */
export interface RunningApp extends RunningDeck {
  readonly electron: ElectronApplication;
}

/** Launches the production build with the command line given, beside the data folder. */
export async function launchApp(dataFolder: string, args: readonly string[]): Promise<RunningApp> {
  const run = randomUUID();
  const electron = await _electron.launch({
    args: [ROOT, '--data', dataFolder, ...args],
    cwd: ROOT,
    env: environment(run),
    timeout: 60_000,
  });
  const page = await electron.firstWindow();
  return { run, electron, page, dataFolder, complaints: complaintsOf(page), close: () => electron.close() };
}

/** Serves the same interface with `flightdeck serve`, and opens its address in real Chromium. */
export async function launchServed(dataFolder: string, args: readonly string[]): Promise<RunningDeck> {
  const run = randomUUID();
  const { ready, child } = await startCommand(run, ['serve', '--data', dataFolder, '--http', '127.0.0.1:0', ...args]);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  const complaints = complaintsOf(page);
  await page.goto(String(ready.url));
  return { run, page, dataFolder, complaints, close: () => closeServed(browser, child) };
}

async function closeServed(browser: Browser, child: ChildProcess): Promise<void> {
  await browser.close();
  await endCommand(child);
}

export interface RunningCommand {
  readonly child: ChildProcess;
  /** Its one line of JSON. */
  readonly ready: Readonly<Record<string, unknown>>;
}

/** Starts a long command of the built command line, as from another terminal, and waits until it says it is ready. */
export async function startCommand(run: string, args: readonly string[]): Promise<RunningCommand> {
  const child = spawn(process.execPath, [COMMAND_LINE, ...args], {
    env: environment(run),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`flightdeck ${args[0]} ended with code ${code} before it was ready`);
  });
  ended.catch(() => undefined);
  const [line] = await Promise.race([once(lines, 'line'), ended]);
  return { child, ready: JSON.parse(String(line)) };
}

/** Ends a long command as an operator's shell does, and expects a clean exit. */
export async function endCommand(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const [code, signal] = await exit;
  if (code !== 0) throw new Error(`a command ended with ${signal ?? `code ${code}`} after SIGTERM`);
}

/** Runs a short command against the deck in the folder; returns what it printed. */
export async function runCommand(dataFolder: string, args: readonly string[]): Promise<string> {
  const command = [COMMAND_LINE, ...args, '--data', dataFolder];
  const { stdout } = await promisify(execFile)(process.execPath, command, { maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  return complaints;
}

function environment(run: string): Record<string, string> {
  const entries = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { ...Object.fromEntries(entries), [RUN_MARK]: run };
}
