import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from './app.fixture.ts';

/** Pictures of the running app; those in the README are taken by naming electron/docs here. */
const FOLDER =
  process.env.FLIGHTDECK_SCREENSHOTS ?? fileURLToPath(new URL('../../test-results/screenshots', import.meta.url));

test('pictures of the graph and of a trace', async ({ fleet }) => {
  const { deck, page } = fleet;
  await mkdir(FOLDER, { recursive: true });
  await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
  await deck.open('Graph');
  await expect(deck.status).toContainText('sources 25 of 25', { timeout: 60_000 });
  await expect(deck.graph.counts).toContainText(/[3-9]\d of [3-9]\d tunnels/, { timeout: 60_000 });
  await deck.graph.select('filings-2');
  await page.screenshot({ path: join(FOLDER, 'graph.png') });

  await deck.open('Traces');
  await deck.traces.search('Issuers with a 10-K');
  await deck.traces.rows('Issuers with a 10-K', 4).first().click();
  const stream = deck.traces.spans(/pilot\.stream, desk-1 to /).first();
  await deck.selectFlow(stream);
  await page.mouse.move(0, 0); // under the pointer nothing would move when the clocks become known
  await expect(deck.traces.open).not.toContainText('clock unknown', { timeout: 30_000 });
  await expect(
    deck.traces
      .rows('Issuers with a 10-K')
      .getByRole('img', { name: /^model / })
      .first(),
  ).toBeVisible();
  await page.screenshot({ path: join(FOLDER, 'trace.png') });
  await deck.traces.search('');
});
