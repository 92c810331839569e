import { PilotError } from '../base/errors.ts';

/** Settles a promise: a `PilotError` rejects it, everything else is its result. Only the first call counts. */
export type Settle<T> = (result: T | PilotError) => void;

/** The promises that a node has given and not settled: when it ends, they are rejected with `node.stopped`. */
export class Pending {
  readonly #endings = new Set<() => void>();
  #ended = false;

  /** A promise that `start` sees to; what it throws rejects it too. */
  promise<T>(start: (settle: Settle<T>) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle: Settle<T> = (result) => {
        this.#endings.delete(end);
        if (result instanceof PilotError) reject(result);
        else resolve(result);
      };
      const end = () => settle(new PilotError('node.stopped', 'this node has stopped'));
      if (this.#ended) return end();
      this.#endings.add(end);
      try {
        start(settle);
      } catch (error) {
        this.#endings.delete(end);
        reject(error);
      }
    });
  }

  /** From now on nothing is started any more. */
  refuse(): void {
    this.#ended = true;
  }

  /** Rejects all that is not settled. */
  end(): void {
    this.#ended = true;
    for (const end of [...this.#endings]) end();
  }
}
