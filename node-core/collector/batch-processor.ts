import { BoundedQueue } from '../base/bounded-queue.ts';
import type { LogRecord } from './log-record.ts';
import type { SpanRecord } from './span.ts';

/** Records that came together and are acknowledged together. */
export interface Batch {
  readonly spans: readonly SpanRecord[];
  readonly logs: readonly LogRecord[];
  /** About how many bytes they are. */
  readonly bytes: number;
}

export interface BatchProcessorOptions {
  /** Stores records; on disk, all of them, when it resolves. */
  readonly write: (batch: Batch) => Promise<void>;
  /** Batches that come within this time share one write. */
  readonly gatherMs: number;
  /** Records that may wait. */
  readonly mostWaiting: number;
  /** Records, and bytes, of one write; a writer that is busy for long hears nobody meanwhile. */
  readonly mostOfOneWrite: number;
  readonly mostBytesOfOneWrite: number;
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

  /** Batches together as far as they fit into one write; one that is too large in pieces. */
  *#pieces(batches: readonly Batch[]): Generator<Batch> {
    let piece: Batch[] = [];
    let [records, bytes] = [0, 0];
    for (const batch of batches) {
      if (piece.length > 0 && !this.#fits(records + sizeOf(batch), bytes + batch.bytes)) {
        yield merged(piece);
        [piece, records, bytes] = [[], 0, 0];
      }
      if (!this.#fits(sizeOf(batch), batch.bytes)) {
        yield* this.#split(batch);
        continue;
      }
      piece.push(batch);
      records += sizeOf(batch);
      bytes += batch.bytes;
    }
    if (piece.length > 0) yield merged(piece);
  }

  #fits(records: number, bytes: number): boolean {
    return records <= this.#options.mostOfOneWrite && bytes <= this.#options.mostBytesOfOneWrite;
  }

  *#split({ spans, logs, bytes }: Batch): Generator<Batch> {
    const { mostOfOneWrite, mostBytesOfOneWrite } = this.#options;
    const ofOne = bytes / (spans.length + logs.length);
    const most = Math.max(1, Math.min(mostOfOneWrite, Math.floor(mostBytesOfOneWrite / ofOne)));
    for (let at = 0; at < Math.max(spans.length, logs.length); at += most) {
      const piece = { spans: spans.slice(at, at + most), logs: logs.slice(at, at + most), bytes: 0 };
      yield { ...piece, bytes: ofOne * sizeOf(piece) };
    }
  }
}

function merged(batches: readonly Batch[]): Batch {
  return {
    spans: batches.flatMap(({ spans }) => spans),
    logs: batches.flatMap(({ logs }) => logs),
    bytes: batches.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function sizeOf({ spans, logs }: Batch): number {
  return spans.length + logs.length;
}
