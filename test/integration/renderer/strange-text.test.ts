import type { Page } from '@playwright/test';
import { expect, test } from 'vitest';
import { buildWindow, goTo, openFirstTrace, withWindow } from './window.fixture.ts';

buildWindow();

/** A line end that runs what stands before it, a direction override, an escape sequence in both forms, invisible text. */
const STRANGE = '\nrm -rf ~\n\u202egnp\u001b[31m\u009b31m\u200b\u{e0041}\u2028<b>';
const SHOWN = '\\u000arm -rf ~\\u000a\\u202egnp\\u001b[31m\\u009b31m\\u200b\\u{e0041}\\u2028<b>';

/** Texts and spoken or hovered attributes of the page that hold what moves, hides or runs. */
async function hiddenIn(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const hidden = /(?![\n\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
    const found: string[] = [];
    for (const element of document.body.querySelectorAll('*')) {
      for (const { name, value } of element.attributes) {
        if (/^(aria-.*|title|alt|placeholder|download)$/.test(name) && (hidden.test(value) || value.includes('\n')))
          found.push(`${name}=${JSON.stringify(value)}`);
      }
      for (const node of element.childNodes) {
        const text = node.nodeType === Node.TEXT_NODE ? (node.textContent ?? '') : '';
        const ownLines = element.closest('pre, style, script') !== null;
        if (hidden.test(text) || (!ownLines && text.trim().includes('\n')))
          found.push(`${element.tagName} ${JSON.stringify(text)}`);
      }
    }
    return [...new Set([...found, ...(hidden.test(document.title) ? [document.title] : [])])];
  });
}

const copied = (page: Page): Promise<string> => page.evaluate(() => navigator.clipboard.readText());

test('no view shows or speaks what moves, hides or ends text, and no part of the inspector does', async () => {
  await withWindow({ strange: STRANGE, size: [1_920, 1_080] }, async ({ page, double }) => {
    const inspector = page.getByRole('complementary', { name: 'Inspector' });
    const clean = async (where: string) => expect(await hiddenIn(page), where).toEqual([]);
    await clean('network now');
    await page.getByRole('button', { name: `filings-2${SHOWN}, agent, group finance${SHOWN}, degraded` }).click();
    await inspector.getByText('Last traces').waitFor();
    await clean('agent');
    await inspector.getByRole('button', { name: /^Tunnel flightdeck.* to filings-2.*, relay/ }).click();
    await inspector.getByText(/^Relayed through/).waitFor();
    await clean('tunnel');
    await inspector.getByRole('button', { name: /^Ping filings-2/ }).click();
    await page.getByText(/^filings-2.* answered in/).waitFor();
    await clean('notice of a ping');
    await page.getByText(/^Streams \d/).click();
    await clean('streams');
    await page.keyboard.press('t');
    await page.getByRole('grid', { name: 'Agents' }).waitFor();
    await clean('table');
    await page.keyboard.press('Control+j');
    await page.getByRole('region', { name: 'Events' }).waitFor();
    await clean('events');
    for (const part of ['registry', 'beacons', 'sources', 'store']) {
      await page.getByLabel('Status', { exact: true }).getByRole('button', { name: part }).click();
      await clean(part);
    }
    await openFirstTrace(page);
    await page.keyboard.press('e');
    await inspector.getByText('query shard 3').first().waitFor();
    await page.getByRole('button', { name: 'Show the record' }).click();
    await inspector.locator('pre').waitFor();
    await clean('span');
    await goTo(page, 'Groups');
    await page.getByRole('button', { name: /^finance/ }).click();
    await page.getByRole('main').getByRole('button', { name: 'Ping all' }).click();
    await page.getByText(/7 of 7 answered/).waitFor();
    await clean('groups');
    await page
      .getByRole('main')
      .getByRole('button', { name: /^Leave finance/ })
      .click();
    await clean('leave');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await goTo(page, 'Log');
    await clean('log');
    await page.keyboard.press('Control+k');
    await clean('palette');
    await page.keyboard.press('Escape');
    double.setStatus({ sources: { live: 23, known: 24, away: [`papers-1${STRANGE}`] } });
    await page.getByText(/sends no spans/).waitFor();
    await clean('state line');
  });
});

test('what is copied is one line without hidden characters, and the notice says that some are left out', async () => {
  await withWindow({ strange: STRANGE }, async ({ page }) => {
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('button', { name: /^filings-2.*, agent/ }).click();
    await page.getByRole('button', { name: 'Copy the name' }).click();
    await page.getByText('Copied the name, without hidden characters.').waitFor();
    expect(await copied(page)).toBe('filings-2 rm -rf ~ gnp[31m31m <b>');
    await page.keyboard.press('y');
    await page.getByText(`Copied filings-2${SHOWN}, without hidden characters.`).waitFor();
    expect(await copied(page)).toBe('filings-2 rm -rf ~ gnp[31m31m <b>');
    await page.keyboard.press('Shift+y');
    await page.getByText(/^Copied 0:0000\.[0-9A-F.]+\.$/).waitFor();
    expect(await copied(page)).toMatch(/^0:0000\.[0-9A-F]{4}\.[0-9A-F]{4}$/);
    await openFirstTrace(page);
    await page.keyboard.press('e');
    await page.getByRole('button', { name: 'Copy gen_ai.tool.name' }).click();
    await page.getByText('Copied gen_ai.tool.name, without hidden characters.').waitFor();
    expect(await copied(page)).toBe('query shard 3 rm -rf ~ gnp[31m31m <b>');
    await page.getByRole('button', { name: 'Copy', exact: true }).click();
    await page.getByText('Copied the span.').waitFor();
    const json = await copied(page);
    expect(json).not.toMatch(/[\n\u202e\u009b]/);
    expect(JSON.parse(json).name).toBe(`query shard 3${STRANGE}`);
  });
});
