import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, chromium, type Page } from '@playwright/test';
import { build, type InlineConfig } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import config from '../../../electron/electron.vite.config.ts';
import { createDeckDouble, type DeckDouble } from '../../support/deck-double.ts';
import { type DoubleServer, serveDouble } from '../../support/double-server.ts';

const CHROMIUM = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
const WAIT_MS = 20_000;

let folder = '';
let browser: Browser;

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

interface Opened {
  readonly page: Page;
  readonly double: DeckDouble;
  readonly server: DoubleServer;
  /** Errors, and contents that the policy refused. */
  readonly complaints: string[];
}

interface Setting {
  readonly theme?: 'dark' | 'light';
  readonly size?: readonly [width: number, height: number];
  readonly hostname?: string;
  readonly empty?: boolean;
}

/** Opens the built window on a double of the deck, and closes both when `use` is done. */
async function withWindow(setting: Setting, use: (opened: Opened) => Promise<void>): Promise<void> {
  const { theme = 'dark', size = [1_440, 900], hostname, empty } = setting;
  const double = createDeckDouble(Date.now(), {
    ...(hostname === undefined ? {} : { hostname }),
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

async function goTo(page: Page, view: 'Graph' | 'Traces' | 'Groups' | 'Log'): Promise<void> {
  const menu = page.getByLabel('View', { exact: true });
  if (await menu.isVisible()) await menu.selectOption(view.toLowerCase());
  else await page.getByRole('navigation', { name: 'Views' }).getByRole('button', { name: view }).click();
  await page.getByRole('main', { name: view }).waitFor();
}

async function expectAccessible(page: Page, where: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.map(({ id, nodes }) => `${where}: ${id} at ${nodes.map((node) => node.html).join(' | ')}`);
  expect(found).toEqual([]);
}

async function openFirstTrace(page: Page): Promise<void> {
  await goTo(page, 'Traces');
  await page
    .getByRole('grid', { name: 'Traces' })
    .getByRole('row', { name: /Issuers/ })
    .first()
    .click();
  await page.getByRole('treegrid', { name: 'Spans' }).waitFor();
}

describe.each(['dark', 'light'] as const)('in the %s theme', (theme) => {
  test('every view passes axe, and the content policy refuses nothing', async () => {
    await withWindow({ theme }, async ({ page, complaints }) => {
      await page.getByRole('button', { name: /^filings-2, agent, group finance, degraded/ }).waitFor();
      await expectAccessible(page, 'graph');
      await page.keyboard.press('t');
      await page.getByRole('grid', { name: 'Agents' }).waitFor();
      await expectAccessible(page, 'table');
      await openFirstTrace(page);
      await page.keyboard.press('e');
      await page.getByRole('complementary', { name: 'Inspector' }).getByText('query shard 3').first().waitFor();
      await expectAccessible(page, 'traces');
      await goTo(page, 'Groups');
      await expectAccessible(page, 'groups');
      await goTo(page, 'Log');
      await expectAccessible(page, 'log');
      await page.keyboard.press('Control+k');
      await page.getByRole('dialog', { name: 'Command palette' }).waitFor();
      await expectAccessible(page, 'palette');
      expect(complaints).toEqual([]);
    });
  });
});

test.each([
  [1_440, 900],
  [1_024, 640],
  [720, 450],
] as const)('nothing scrolls sideways at %d x %d', async (width, height) => {
  await withWindow({ size: [width, height] }, async ({ page }) => {
    for (const view of ['Graph', 'Traces', 'Groups', 'Log'] as const) {
      await goTo(page, view);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(over, view).toBeLessThanOrEqual(0);
    }
    await expectAccessible(page, `${width} px`);
  });
});

test('the token leaves the address and is kept for the tab', async () => {
  await withWindow({}, async ({ page }) => {
    expect(new URL(page.url()).hash).toBe('');
    await page.reload();
    await page.getByText('25 of 25 nodes').waitFor();
  });
});

test('draws a relayed tunnel through its beacon and shows what both ends say of it', async () => {
  await withWindow({}, async ({ page }) => {
    await page.getByRole('button', { name: /^filings-2, agent/ }).click();
    const inspector = page.getByRole('complementary', { name: 'Inspector' });
    await inspector.getByRole('button', { name: /^Tunnel flightdeck to filings-2, relay/ }).click();
    await inspector.getByText('Relayed through 127.0.0.1:9001').waitFor();
    await inspector.getByText('AES-256-GCM').waitFor();
    await inspector.getByText('filings-2 does not report: its half is unknown.').waitFor();
    const drawn = page.getByRole('img', { name: /^Tunnel flightdeck to filings-2, relay through 127\.0\.0\.1:9001/ });
    expect(await drawn.count()).toBe(1);
  });
});

test('focus leaves the neighbourhood, and Escape brings back all of it', async () => {
  await withWindow({}, async ({ page }) => {
    await page.getByRole('button', { name: /^ct-watch, agent/ }).click();
    await page.keyboard.press('f');
    await page.getByText('4 of 25 nodes, 3 of 40 tunnels drawn').waitFor();
    await page.keyboard.press('Escape');
    await page.getByText('25 of 25 nodes, 40 of 40 tunnels drawn').waitFor();
  });
});

test('arrow keys walk the graph and Enter inspects', async () => {
  await withWindow({}, async ({ page }) => {
    await page.getByRole('button', { name: /^flightdeck, this node/ }).focus();
    await page.keyboard.press('ArrowRight');
    const label = await page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? '');
    expect(label).toMatch(/, agent, group (finance|research)|^Group/);
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await page
      .getByRole('complementary', { name: 'Inspector' })
      .getByText(/^(Agent|Group)/)
      .first()
      .waitFor();
  });
});

test('a filter that hides everything says so and how to get out', async () => {
  await withWindow({}, async ({ page }) => {
    await page.keyboard.press('/');
    await page.keyboard.type('no such thing');
    await page.getByText('Nothing matches. 24 nodes are hidden by the filter.').waitFor();
    await page.getByRole('button', { name: 'Clear filter' }).click();
    await page.getByText('25 of 25 nodes').waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('group: finance');
    await page.keyboard.press('Enter');
    await page.getByText('7 of 25 nodes').waitFor();
  });
});

test('a strange name is shown with its hidden characters and turns nothing around it', async () => {
  await withWindow({ hostname: 'evil\u202egnp\u0000<b>' }, async ({ page }) => {
    await page.getByRole('button', { name: /^evil\\u202egnp\\u0000<b>, agent/ }).waitFor();
    await goTo(page, 'Groups');
    const texts = await page.evaluate(() => document.body.textContent);
    expect(texts).not.toMatch(/\u202e/);
  });
});

test('says when the engine is gone, dims and dates the picture, and heals by itself', async () => {
  await withWindow({}, async ({ page, server, complaints }) => {
    server.setAccepting(false);
    server.dropConnections();
    await page
      .getByText(/^Reconnecting to the engine\. The picture is from \d\d:\d\d:\d\d; nothing acknowledged is lost\.$/)
      .waitFor();
    expect(await page.locator('.picture').evaluate((element) => getComputedStyle(element).opacity)).toBe('0.6');
    server.setAccepting(true);
    await page.getByText(/^Reconnecting/).waitFor({ state: 'detached' });
    await page.getByText('25 of 25 nodes').waitFor();
    expect(complaints.filter((text) => !text.includes('WebSocket'))).toEqual([]);
  });
});

test('pause freezes the picture while the engine goes on', async () => {
  await withWindow({}, async ({ page, double }) => {
    await page.keyboard.press('Space');
    await page.getByText(/waiting/).waitFor();
    double.change({ goneAgents: [12 * 4_096 + 0x7c2d] });
    await page.waitForTimeout(600);
    expect(await page.getByText('25 of 25 nodes').count()).toBe(1);
    await page.keyboard.press('Shift+Space');
    await page.getByText('24 of 24 nodes').waitFor();
  });
});

test('joining happens at once and can be undone; leaving asks first, with the focus on Cancel', async () => {
  await withWindow({}, async ({ page, double }) => {
    await goTo(page, 'Groups');
    await page.getByRole('button', { name: /^travel,/ }).click();
    await page.getByRole('main').getByRole('button', { name: 'Join travel' }).click();
    await page.getByText('Joined travel.').waitFor();
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByText('Left travel.').waitFor();
    await page.getByRole('button', { name: /^finance,/ }).click();
    await page.getByRole('main').getByRole('button', { name: 'Leave finance' }).click();
    const focused = () => page.evaluate(() => document.activeElement?.textContent);
    await expect.poll(focused).toBe('Cancel');
    await page.keyboard.press('Enter');
    expect(double.calls).toEqual(expect.arrayContaining(['join 11', 'leave 11']));
    expect(double.calls).not.toContain('leave 12');
  });
});

test('pings a group with progress, and stopping keeps what was measured', async () => {
  await withWindow({}, async ({ page }) => {
    await goTo(page, 'Groups');
    await page.getByRole('button', { name: /^finance,/ }).click();
    await page.getByRole('main').getByRole('button', { name: 'Ping all' }).click();
    await page.getByText(/Pinging: [2-6] of 7/).waitFor();
    await page.getByRole('main').getByRole('button', { name: 'Stop' }).click();
    await page.getByText(/^Stopped at [2-6] of 7\. [1-6] answered\.$/).waitFor();
    await page.getByRole('main').getByRole('button', { name: 'Ping all' }).click();
    await page.getByText('7 of 7 answered.').waitFor();
  });
});

test('an act that fails says what, why and the code, and offers to try again', async () => {
  await withWindow({}, async ({ page }) => {
    await page.keyboard.press('Control+k');
    await page.keyboard.type('ping seats-1');
    await page.keyboard.press('Enter');
    await page.getByText('seats-1 did not answer the ping: it is silent on every path (peer.silent).').waitFor();
    await page.getByRole('button', { name: 'Try again' }).waitFor();
  });
});

test('opens a trace across agents, walks its errors and shows the moved clock', async () => {
  await withWindow({}, async ({ page }) => {
    await openFirstTrace(page);
    await page.getByText('21 of 21 spans, 3 agents').waitFor();
    await page.getByRole('row', { name: /^pilot\.stream, desk-1 to filings-2, .*by relay through/ }).waitFor();
    await page.getByText('190 ms, direct, moved +3.00 s ±0.4 ms').waitFor();
    await page.keyboard.press('e');
    const selected = page.getByRole('treegrid').locator('[aria-selected=true]');
    await expect.poll(() => selected.getAttribute('aria-label')).toContain('error: timeout');
    await page.keyboard.press('r');
    await page.getByRole('button', { name: 'Raw times shown' }).waitFor();
    await page.keyboard.press('[');
    await expect.poll(() => page.getByRole('treegrid').getByRole('row').count()).toBeGreaterThan(5);
  });
});

test('the list shows where the time of each trace went, and alike spans are one row until they are unfolded', async () => {
  await withWindow({}, async ({ page }) => {
    await openFirstTrace(page);
    const list = page.getByRole('grid', { name: 'Traces' });
    await list.getByRole('columnheader', { name: 'critical path, of 1 s' }).waitFor();
    await list.getByRole('img', { name: 'model 420 ms, work 162 ms, dial 114 ms, relay 114 ms' }).first().waitFor();
    const spans = page.getByRole('treegrid', { name: 'Spans' });
    const shards = spans.getByRole('row', { name: /^query shard, 3 alike, the longest, ct-watch, .* 78 milliseconds/ });
    await shards.getByText('78 ms longest of 3').waitFor();
    expect(await spans.getByRole('row', { name: /^query shard, ct-watch/ }).count()).toBe(0);
    await shards.click();
    await page.keyboard.press('l');
    await expect.poll(() => spans.getByRole('row', { name: /^query shard, ct-watch/ }).count()).toBe(3);
    await page.keyboard.press('h');
    await expect.poll(() => spans.getByRole('row', { name: /^query shard, ct-watch/ }).count()).toBe(0);
  });
});

test('Ctrl+J shows the events under any view, those of the selection where something is selected', async () => {
  await withWindow({}, async ({ page, double }) => {
    await page.keyboard.press('Control+j');
    const drawer = page.getByRole('region', { name: 'Events' });
    const line = { at: Date.now(), level: 'info', kind: 'peer.pinged', source: 'operator', actor: 'operator' } as const;
    double.log({ ...line, text: 'Pinged ct-watch', nodeId: 13 * 4_096 + 1 });
    await drawer.getByText('Pinged ct-watch').waitFor();
    await page.getByRole('button', { name: /^filings-2, agent/ }).click();
    await drawer.getByText('of the selection').waitFor();
    await drawer.getByText('Pinged ct-watch').waitFor({ state: 'detached' });
    await expectAccessible(page, 'drawer');
    await goTo(page, 'Traces');
    await page.keyboard.press('Control+j');
    await drawer.waitFor({ state: 'detached' });
  });
});

test('a broad window keeps what is pinned beside the selection, and the list beside the waterfall', async () => {
  await withWindow({ size: [1_920, 1_080] }, async ({ page }) => {
    const [inspector, pinned] = ['Inspector', 'Pinned'].map((name) => page.getByRole('complementary', { name }));
    await page.getByRole('button', { name: /^filings-2, agent/ }).click();
    await page.getByRole('button', { name: 'Keep this open' }).click();
    await page.getByRole('button', { name: /^ct-watch, agent/ }).click();
    await pinned?.getByRole('heading', { name: 'filings-2' }).waitFor();
    await inspector?.getByRole('heading', { name: 'ct-watch' }).waitFor();
    await expectAccessible(page, 'pinned');
    await pinned?.getByRole('button', { name: 'Close' }).click();
    await pinned?.waitFor({ state: 'detached' });
    await inspector?.getByRole('heading', { name: 'ct-watch' }).waitFor();
    await openFirstTrace(page);
    const [list, spans] = await Promise.all(
      [page.getByRole('grid', { name: 'Traces' }), page.getByRole('treegrid')].map((part) => part.boundingBox()),
    );
    expect((list?.x ?? 0) + (list?.width ?? 0)).toBeLessThanOrEqual(spans?.x ?? 0);
  });
});

test('exports the open trace and a marked selection as files', async () => {
  await withWindow({}, async ({ page, double }) => {
    await openFirstTrace(page);
    await page.getByText('Export trace').click();
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: /With joined ids/ }).click();
    const file = await download;
    expect(file.suggestedFilename()).toMatch(/^trace-[0-9a-f]{32}\.otlp\.json$/);
    const text = await readFile(await file.path(), 'utf8');
    expect(JSON.parse(text).resourceSpans[0].scopeSpans[0].spans).toHaveLength(21);
    const boxes = page.getByRole('grid', { name: 'Traces' }).getByRole('checkbox');
    await boxes.nth(1).check();
    await boxes.nth(2).check();
    await page.getByText('Export 2 marked').click();
    const second = page.waitForEvent('download');
    await page.getByRole('button', { name: /With raw ids/ }).click();
    expect((await second).suggestedFilename()).toBe('traces-2.otlp.json');
    expect(double.calls).toEqual(expect.arrayContaining(['export 1 joined', 'export 2 raw']));
  });
});

test('the log follows its end until the reader scrolls away', async () => {
  await withWindow({ size: [1_440, 640] }, async ({ page, double }) => {
    await goTo(page, 'Log');
    const grid = page.getByRole('grid', { name: 'Log' });
    await grid.getByText('source.silent').last().waitFor();
    await grid.hover();
    await page.mouse.wheel(0, -400);
    await page.getByRole('button', { name: 'Go to end' }).waitFor();
    const line = {
      at: Date.now(),
      level: 'info',
      kind: 'peer.pinged',
      text: 'Pinged ct-watch',
      source: 'operator',
    } as const;
    double.log({ ...line, actor: 'operator' });
    await page.getByRole('button', { name: '1 new, go to end' }).click();
    await grid.getByText('Pinged ct-watch').waitFor();
  });
});

test('an empty network says what it waits for', async () => {
  await withWindow({ empty: true }, async ({ page }) => {
    await page.getByText('No agents yet. This node is up and waits for peers.').first().waitFor();
  });
});

test('theme, view and places survive a reload', async () => {
  await withWindow({}, async ({ page }) => {
    await page.keyboard.press('Control+k');
    await page.keyboard.type('theme light');
    await page.keyboard.press('Enter');
    await goTo(page, 'Log');
    await page.reload();
    await page.getByRole('main', { name: 'Log' }).waitFor();
    expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe('light');
  });
});
