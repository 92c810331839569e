import { PilotError } from '../base/errors.ts';

/** What a reader gets: everything at first, then whole values by key and the keys that are gone. */
export interface Delivery<K, V> {
  readonly kind: 'snapshot' | 'changes';
  readonly feedId: string;
  /** To be confirmed; nothing more is sent before. */
  readonly revision: number;
  readonly changed: readonly (readonly [key: K, value: V])[];
  readonly gone: readonly K[];
}

export interface PublisherOptions {
  /** Least time between two deliveries to one reader. */
  readonly intervalMs?: number;
  readonly mostReaders?: number;
  /** How many removals are remembered. A reader that missed more gets a snapshot again. */
  readonly mostRemovals?: number;
}

interface Reader {
  /** What it was last sent, and what it last confirmed. */
  sent: number;
  confirmed: number;
  wake: (() => void) | undefined;
}

interface Entry<V> {
  readonly value: V;
  readonly revision: number;
}

/**
 * Keeps values by key and feeds their changes to any number of readers, each at its own pace. A reader costs three numbers
 * and never a queue: what it missed is found by comparing revisions when it is ready again, so that changes of one key
 * coalesce by themselves, and one that never confirms costs nothing.
 */
export class Publisher<K, V> {
  readonly #entries = new Map<K, Entry<V>>();
  readonly #removals = new Map<K, number>();
  readonly #readers = new Map<string, Reader>();
  readonly #options: Required<PublisherOptions>;
  #revision = 0;
  #forgottenRemoval = 0;
  #feeds = 0;

  constructor(options: PublisherOptions = {}) {
    this.#options = { intervalMs: 200, mostReaders: 64, mostRemovals: 10_000, ...options };
  }

  get readers(): number {
    return this.#readers.size;
  }

  /** Sets a value; the same object as before is no change. */
  set(key: K, value: V): void {
    if (this.#entries.get(key)?.value === value) return;
    this.#revision += 1;
    this.#entries.set(key, { value, revision: this.#revision });
    this.#removals.delete(key);
    this.#wakeAll();
  }

  delete(key: K): void {
    if (!this.#entries.delete(key)) return;
    this.#revision += 1;
    this.#removals.set(key, this.#revision);
    if (this.#removals.size > this.#options.mostRemovals) this.#forgetOldestRemoval();
    this.#wakeAll();
  }

  /** A reader has taken in what it was sent. Anything but its last revision is ignored. */
  confirm(feedId: string, revision: number): void {
    const reader = this.#readers.get(feedId);
    if (reader === undefined || revision !== reader.sent) return;
    reader.confirmed = revision;
    reader.wake?.();
  }

  /**
   * A feed for one reader. It ends when `signal` aborts, also while it waits.
   *
   * @throws PilotError `queue.full` when there are too many readers.
   */
  async *watch(signal: AbortSignal): AsyncGenerator<Delivery<K, V>, void, undefined> {
    if (this.#readers.size >= this.#options.mostReaders) {
      throw new PilotError('queue.full', 'too many windows watch this feed', { readers: this.#readers.size });
    }
    this.#feeds += 1;
    const feedId = `${this.#feeds}`;
    const reader: Reader = { sent: -1, confirmed: -1, wake: undefined };
    this.#readers.set(feedId, reader);
    signal.addEventListener('abort', () => reader.wake?.(), { once: true });
    try {
      while (!signal.aborted) {
        const delivery = this.#take(feedId, reader);
        const notBefore = performance.now() + this.#options.intervalMs;
        yield delivery;
        await this.#untilReady(reader, signal);
        await pause(notBefore - performance.now(), signal);
      }
    } finally {
      this.#readers.delete(feedId);
    }
  }

  #take(feedId: string, reader: Reader): Delivery<K, V> {
    const since = reader.sent;
    const whole = since < 0 || since < this.#forgottenRemoval;
    const changed: [K, V][] = [];
    for (const [key, { value, revision }] of this.#entries) {
      if (whole || revision > since) changed.push([key, value]);
    }
    const gone = whole ? [] : [...this.#removals].filter(([, revision]) => revision > since).map(([key]) => key);
    reader.sent = this.#revision;
    return { kind: whole ? 'snapshot' : 'changes', feedId, revision: this.#revision, changed, gone };
  }

  async #untilReady(reader: Reader, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (reader.confirmed !== reader.sent || reader.sent === this.#revision)) {
      await new Promise<void>((resolve) => {
        reader.wake = resolve;
      });
    }
    reader.wake = undefined;
  }

  #wakeAll(): void {
    for (const reader of this.#readers.values()) {
      if (reader.confirmed === reader.sent) reader.wake?.();
    }
  }

  #forgetOldestRemoval(): void {
    for (const [key, revision] of this.#removals) {
      this.#removals.delete(key);
      this.#forgottenRemoval = revision;
      return;
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
