import { expect, type Locator, type Page } from '@playwright/test';
import { GraphPage } from './graph-page.ts';
import { GroupsPage } from './groups-page.ts';
import { TracesPage } from './traces-page.ts';

/** The frame round every view, in the words that the operator reads. */
export class DeckPage {
  readonly page: Page;
  readonly graph: GraphPage;
  readonly groups: GroupsPage;
  readonly traces: TracesPage;

  constructor(page: Page) {
    this.page = page;
    this.graph = new GraphPage(page);
    this.groups = new GroupsPage(page);
    this.traces = new TracesPage(page);
  }

  async open(view: 'Graph' | 'Traces' | 'Groups' | 'Log'): Promise<void> {
    await this.page.getByRole('navigation', { name: 'Views' }).getByRole('button', { name: view }).click();
  }

  get inspector(): Locator {
    return this.page.getByRole('complementary', { name: 'Inspector' });
  }

  get status(): Locator {
    return this.page.getByRole('contentinfo', { name: 'Status' });
  }

  /** The line that says what came of an act. */
  get notice(): Locator {
    return this.status.getByRole('status');
  }

  /** A line over the view that says what is not as it should be. */
  stateLine(words: string | RegExp): Locator {
    return this.page.getByRole('paragraph').filter({ hasText: words });
  }

  /** Opens the span of a stream in the inspector. */
  async selectFlow(span: Locator): Promise<void> {
    await span.click();
    await expect(this.inspector).toContainText('Flow, seen from both ends');
  }

  /** Runs a command of the palette by its words. */
  async command(words: string): Promise<void> {
    await this.page.keyboard.press('Control+k');
    await this.page.getByRole('combobox', { name: 'Command' }).fill(words);
    await this.page.getByRole('option', { name: words }).first().click();
  }
}
