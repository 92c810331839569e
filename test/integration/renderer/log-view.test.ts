import { test } from 'vitest';
import { buildWindow, expectAccessible, goTo, withWindow } from './window.fixture.ts';

buildWindow();

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
