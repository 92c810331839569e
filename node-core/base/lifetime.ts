import { PilotError } from './errors.ts';

/**
 * What a long process has opened so far, and the wish to end it, which may come at any point on its way up. Whatever it
 * might wait for without a limit goes through `until`, so that it ends soon after it was asked to.
 */
export class Lifetime {
  readonly #closers: (() => unknown)[] = [];
  readonly #ended: Promise<void>;
  #announceEnd: () => void = () => {};

  constructor() {
    this.#ended = new Promise((resolve) => {
      this.#announceEnd = resolve;
    });
  }

  /** Adds what closes something that was opened; of several the last is called first, and each is awaited. */
  onEnd(close: () => unknown): void {
    this.#closers.push(close);
  }

  /**
   * Waits for something that may never come.
   *
   * @throws PilotError `deck.stopping` when the process is asked to end before.
   */
  until<T>(wait: Promise<T>): Promise<T> {
    const ended = this.#ended.then(() => {
      throw new PilotError('deck.stopping', 'asked to end while it was starting');
    });
    return Promise.race([wait, ended]);
  }

  /** Asks the process to end. */
  end(): void {
    this.#announceEnd();
  }

  /** Starts something, hands on what it says of itself, and closes all of it once it is to end or when it fails. */
  async run<T>(start: (lifetime: Lifetime) => Promise<T>, onReady: (ready: T) => void): Promise<void> {
    try {
      onReady(await start(this));
      await this.#ended;
    } catch (error) {
      if (!(error instanceof PilotError) || error.code !== 'deck.stopping') throw error;
    } finally {
      await this.close();
    }
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }
}
