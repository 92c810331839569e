import { expect, test } from 'vitest';
import { buildWindow, goTo, withWindow } from './window.fixture.ts';

buildWindow();

test('a strange name is shown with its hidden characters and turns nothing around it', async () => {
  await withWindow({ hostname: 'evil\u202egnp\u0000<b>' }, async ({ page }) => {
    await page.getByRole('button', { name: /^evil\\u202egnp\\u0000<b>, agent/ }).waitFor();
    await goTo(page, 'Groups');
    const texts = await page.evaluate(() => document.body.textContent);
    expect(texts).not.toMatch(/\u202e/);
  });
});
