import { expect, test } from 'vitest';
import { buildWindow, expectAccessible, openFirstTrace, withWindow } from './window.fixture.ts';

buildWindow();

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

test('a focus that began outside of the drawing leaves all of it in sight', async () => {
  await withWindow({}, async ({ page }) => {
    await page.keyboard.press('t');
    await page.getByRole('grid', { name: 'Agents' }).waitFor();
    await page.keyboard.press('Control+k');
    await page.keyboard.type('focus on ct-watch');
    await page.keyboard.press('Enter');
    await page.getByText('4 of 25 nodes, 3 of 40 tunnels drawn').waitFor();
    await page.getByRole('button', { name: /^ct-watch, agent/ }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByText('25 of 25 nodes, 40 of 40 tunnels drawn').waitFor();
    for (const name of [/^flightdeck, this node/, /^fare-watch, agent/, /^summarise-3, agent/])
      await page.getByRole('button', { name }).waitFor(); // what is out of sight is not in the page
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

test('a trusted agent whose key changed is said to be shut out, until it is trusted again or the trust is removed', async () => {
  await withWindow({}, async ({ page, double }) => {
    const inspector = page.getByRole('complementary', { name: 'Inspector' });
    await page.getByRole('button', { name: /^ct-watch, agent/ }).click();
    await inspector.getByRole('heading', { name: 'ct-watch' }).waitFor();
    expect(await inspector.getByRole('button', { name: 'Remove trust' }).count()).toBe(0);
    const agent = double.agent('ct-watch');
    const trust = { publicKey: 'aa'.repeat(32), changedTo: 'bb'.repeat(32) };
    double.change({ agents: [{ ...agent, trust }] });
    await inspector.getByRole('alert').getByText('Its key changed').waitFor();
    await expectAccessible(page, 'a changed key');
    await inspector.getByRole('button', { name: 'Trust again' }).click();
    await page.getByText('ct-watch is trusted under its new key.').waitFor();
    expect(double.calls).toContain(`trust ${agent.nodeId} bbbbbbbb`);
    double.change({ agents: [{ ...agent, trust: { publicKey: trust.changedTo } }] });
    await inspector.getByRole('alert').waitFor({ state: 'detached' });
    await inspector.getByRole('button', { name: 'Remove trust' }).click();
    await page.getByText('ct-watch is not trusted any more.').waitFor();
    expect(double.calls).toContain(`untrust ${agent.nodeId}`);
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
