import AxeBuilder from '@axe-core/playwright';
import { expect, test } from './app.fixture.ts';

const VIEWS = ['Graph', 'Traces', 'Groups', 'Log'] as const;

for (const colorScheme of ['dark', 'light'] as const) {
  test(`every view is free of what axe finds, ${colorScheme}`, async ({ fleet }) => {
    const { deck, page } = fleet;
    await page.emulateMedia({ colorScheme });
    for (const view of VIEWS) {
      await deck.open(view);
      if (view === 'Traces') await deck.traces.rows('').first().click();
      await expect(page.getByRole('main', { name: view })).toBeVisible();
      const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
      const found = violations.map(({ id, nodes }) => `${view}: ${id} at ${nodes.map((node) => node.html).join(' ')}`);
      expect(found).toEqual([]);
    }
  });
}
