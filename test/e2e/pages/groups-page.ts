import type { Locator, Page } from '@playwright/test';

/** The list of groups and the one that is open. */
export class GroupsPage {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  async choose(name: string): Promise<void> {
    await this.#page
      .getByRole('list', { name: 'Groups' })
      .getByRole('button', { name: new RegExp(`^${name},`) })
      .click();
  }

  pane(name: string): Locator {
    return this.#page.getByRole('region', { name: `Group ${name}` });
  }

  members(name: string): Locator {
    return this.pane(name)
      .getByRole('row')
      .filter({ hasNot: this.#page.getByRole('columnheader') });
  }

  async act(name: string, words: string): Promise<void> {
    await this.pane(name).getByRole('button', { name: words }).click();
  }

  /** "Pinging: 3 of 6", then "6 of 6 answered." */
  verdict(name: string): Locator {
    return this.pane(name).getByRole('status');
  }
}
