import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, chromium, type Page } from '@playwright/test';
import { build, type InlineConfig } from 'vite';
import { afterAll, beforeAll, expect } from 'vitest';
import config from '../../../electron/electron.vite.config.ts';
import { createDeckDouble, type DeckDouble } from '../../support/deck-double.ts';
import { type DoubleServer, serveDouble } from '../../support/double-server.ts';

const CHROMIUM = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
const WAIT_MS = 20_000;

let folder = '';
let browser: Browser;

/** Builds the window and starts a browser before the tests of the file that calls this, and ends both after them. */
export function buildWindow(): void {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flightdeck-window-'));
    const { renderer } = config as { renderer: InlineConfig };
    await build({
      ...renderer,
      configFile: false,
      logLevel: 'error',
      build: { ...renderer.build, outDir: folder, emptyOutDir: true },
    });
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  });

  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });
}

export interface Opened {
  readonly page: Page;
  readonly double: DeckDouble;
  readonly server: DoubleServer;
  /** Errors, and contents that the policy refused. */
  readonly complaints: string[];
}

interface Setting {
  readonly theme?: 'dark' | 'light';
  readonly size?: readonly [width: number, height: number];
  /** Stands behind every text that comes from others. */
  readonly strange?: string;
  readonly empty?: boolean;
}

/** Opens the built window on a double of the deck, and closes both when `use` is done. */
export async function withWindow(setting: Setting, use: (opened: Opened) => Promise<void>): Promise<void> {
  const { theme = 'dark', size = [1_440, 900], strange, empty } = setting;
  const double = createDeckDouble(Date.now(), {
    ...(strange === undefined ? {} : { strange }),
    ...(empty === undefined ? {} : { empty }),
  });
  const server = await serveDouble(folder, double);
  const [width, height] = size;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme });
  context.setDefaultTimeout(WAIT_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  try {
    await page.goto(server.url);
    await page.getByText(/\d+ of \d+ nodes/).waitFor();
    await use({ page, double, server, complaints });
  } finally {
    await context.close();
    await server.close();
  }
}

/** Goes to a view as an operator does, by the rail or by the menu of a narrow window. */
export async function goTo(page: Page, view: 'Graph' | 'Traces' | 'Groups' | 'Log'): Promise<void> {
  const menu = page.getByLabel('View', { exact: true });
  if (await menu.isVisible()) await menu.selectOption(view.toLowerCase());
  else await page.getByRole('navigation', { name: 'Views' }).getByRole('button', { name: view }).click();
  await page.getByRole('main', { name: view }).waitFor();
}

/** Nothing that axe finds; `where` names the state in a failure. */
export async function expectAccessible(page: Page, where: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.map(({ id, nodes }) => `${where}: ${id} at ${nodes.map((node) => node.html).join(' | ')}`);
  expect(found).toEqual([]);
}

/** The traces view with its newest trace open. */
export async function openFirstTrace(page: Page): Promise<void> {
  await goTo(page, 'Traces');
  await page
    .getByRole('grid', { name: 'Traces' })
    .getByRole('row', { name: /Issuers/ })
    .first()
    .click();
  await page.getByRole('treegrid', { name: 'Spans' }).waitFor();
}
