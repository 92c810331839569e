import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { buildWindow, openFirstTrace, withWindow } from './window.fixture.ts';

buildWindow();

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
