import type { Locator, Page } from '@playwright/test';

/** The list of traces and the waterfall of the open one. */
export class TracesPage {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  /** Traces whose title holds these words, seen at that many agents or more. */
  rows(words: string, agents = 1): Locator {
    const counts = agents === 1 ? '\\d+' : `(?:[${agents}-9]|\\d{2,})`;
    return this.#page.getByRole('row', { name: new RegExp(`^.*${words}.*, ${counts} agents, `) });
  }

  async search(words: string): Promise<void> {
    await this.#page.getByRole('searchbox', { name: 'Words in names and attributes' }).fill(words);
  }

  get open(): Locator {
    return this.#page.getByRole('region', { name: 'Open trace' });
  }

  /** Spans of the open trace, by what a reader hears of their row. */
  spans(words: string | RegExp): Locator {
    return this.open.getByRole('treegrid', { name: 'Spans' }).getByRole('row', { name: words });
  }

  /** What came into the open trace while the pointer is on its spans. */
  get newSpans(): Locator {
    return this.open.getByRole('button', { name: /^Show \d+ new spans?$/ });
  }

  /** Saves the open trace; `ids` is whose ids the file carries. */
  async save(ids: 'raw' | 'joined'): Promise<void> {
    await this.open.getByText('Export trace', { exact: true }).click();
    await this.open.getByRole('button', { name: `With ${ids} ids` }).click();
  }
}
