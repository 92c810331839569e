import type { Locator, Page } from '@playwright/test';

/** The graph and its table twin. */
export class GraphPage {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  get canvas(): Locator {
    return this.#page.getByRole('application', { name: 'Graph' });
  }

  /** "25 of 25 nodes, 61 of 61 tunnels drawn". */
  get counts(): Locator {
    return this.#page.getByRole('toolbar', { name: 'Graph' }).getByText(/of .* nodes/);
  }

  agent(hostname: string): Locator {
    return this.canvas.getByRole('button', { name: new RegExp(`^${hostname}, (agent|this node),`) });
  }

  group(name: string): Locator {
    return this.canvas.getByRole('button', { name: new RegExp(`^Group ${name},`) });
  }

  beacon(): Locator {
    return this.canvas.getByRole('button', { name: /^Beacon / });
  }

  /** Tunnels drawn with a path of this kind; a relayed one says through which beacon. */
  tunnels(path: string): Locator {
    return this.canvas.getByRole('img', { name: new RegExp(`^Tunnel .*, ${path}`) });
  }

  tunnelBetween(one: string, other: string): Locator {
    return this.canvas.getByRole('img', { name: new RegExp(`^Tunnel (${one} to ${other}|${other} to ${one}),`) });
  }

  async select(hostname: string): Promise<void> {
    await this.agent(hostname).focus();
    await this.#page.keyboard.press('Enter');
  }
}
