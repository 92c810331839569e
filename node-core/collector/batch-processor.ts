import { BoundedQueue } from '../base/bounded-queue.ts';
import type { LogRecord } from './log-record.ts';
import type { SpanRecord } from './span.ts';

/** Records that came together and are acknowledged together. */
export interface Batch {
  readonly spans: readonly SpanRecord[];
  readonly logs: readonly LogRecord[];
}

export interface BatchProcessorOptions {
  /** Stores records; on disk, all of them, when it resolves. */
  readonly write: (batch: Batch) => Promise<void>;
  /** Batches that come within this time share one write. */
  readonly gatherMs: number;
  /** Records that may wait. */
  readonly mostWaiting: number;
  /** Records of one write; a writer that is busy for long hears nobody meanwhile. */
  readonly mostOfOneWrite: number;
}

interface Waiting {
  readonly batch: Batch;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/** Gathers small batches of many senders into few writes. Each sender waits for the write its records are in. */
export class BatchProcessor {
  readonly #options: BatchProcessorOptions;
  readonly #waiting: BoundedQueue<Waiting>;
  #working: Promise<void> | undefined;

  constructor(options: BatchProcessorOptions) {
    this.#options = options;
    this.#waiting = new BoundedQueue({ items: options.mostWaiting, weight: options.mostWaiting }, ({ batch }) =>
      sizeOf(batch),
    );
  }

  /** Resolves with true once the batch is on disk, with false when there is no room; rejects when its write failed. */
  async add(batch: Batch): Promise<boolean> {
    if (sizeOf(batch) === 0) return true;
    return new Promise((resolve, reject) => {
      const room = this.#waiting.push({ batch, done: () => resolve(true), failed: reject });
      if (!room) resolve(false);
      else this.#working ??= this.#work();
    });
  }

  /** Resolves when nothing waits any more. */
  async drained(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
  }

  async #work(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, this.#options.gatherMs));
    const waiting = this.#waiting.drain();
    try {
      for (const piece of this.#pieces(waiting.map(({ batch }) => batch))) await this.#options.write(piece);
      for (const { done } of waiting) done();
    } catch (error) {
      for (const { failed } of waiting) failed(error);
    }
    this.#working = this.#waiting.size > 0 ? this.#work() : undefined;
  }

  *#pieces(batches: readonly Batch[]): Generator<Batch> {
    const most = this.#options.mostOfOneWrite;
    const spans = batches.flatMap((batch) => batch.spans);
    const logs = batches.flatMap((batch) => batch.logs);
    for (let at = 0; at < Math.max(spans.length, logs.length); at += most) {
      yield { spans: spans.slice(at, at + most), logs: logs.slice(at, at + most) };
    }
  }
}

function sizeOf({ spans, logs }: Batch): number {
  return spans.length + logs.length;
}
