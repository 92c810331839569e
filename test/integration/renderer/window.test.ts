import { describe, expect, test } from 'vitest';
import { buildWindow, expectAccessible, goTo, openFirstTrace, withWindow } from './window.fixture.ts';

buildWindow();

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

test('an act that fails says what, why and the code, and offers to try again', async () => {
  await withWindow({}, async ({ page }) => {
    await page.keyboard.press('Control+k');
    await page.keyboard.type('ping seats-1');
    await page.keyboard.press('Enter');
    await page.getByText('seats-1 did not answer the ping: it is silent on every path (peer.silent).').waitFor();
    await page.getByRole('button', { name: 'Try again' }).waitFor();
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
