import { expect, test } from 'vitest';
import { buildWindow, goTo, withWindow } from './window.fixture.ts';

buildWindow();

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
