import { join } from 'node:path';
import { type Duplex, pipeline } from 'node:stream';
import { MessageChannel } from 'node:worker_threads';
import { createORPCClient } from '@orpc/client';
import type { ContractRouterClient } from '@orpc/contract';
import { PilotError } from '../base/errors.ts';
import { type Endpoint, parseEndpoint } from '../base/transport.ts';
import type { StoreLimits } from '../collector/duckdb/retention.ts';
import type { RecordedLog } from '../collector/log-record.ts';
import type { RecordedSpan } from '../collector/recording-tracer.ts';
import type { Exporter } from '../collector/span.ts';
import { fromRpcError } from '../contract/rpc-errors.ts';
import type { collectorContract } from './collector-contract.ts';
import { CollectorWorker } from './collector-worker.ts';
import type { CollectorEvents, DeckCollector, TraceCalls } from './deck-collector.ts';
import type { OtlpAddress } from './otlp-server.ts';
import { PortDuplex } from './port-duplex.ts';

export interface CollectorOptions {
  /** Where the store's files are. */
  readonly folder: string;
  /** Where OTLP/HTTP is taken: at the first of these that is free, after a restart where it was if that can be had. */
  readonly listen: readonly Endpoint[];
  /** The program of the thread; by default the one beside this program. */
  readonly thread?: string;
  /** What is not given is as shipped. */
  readonly limits?: Partial<StoreLimits>;
}

const LIMITS: StoreLimits = { capBytes: 20e9, days: 14, bytesOfAFile: 1e9, bytesOfALog: 32e6, leastFreeBytes: 256e6 };
/** A thread that ends is started again at once, then ever later, until one has run for a minute. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5_000;
const STEADY_MS = 60_000;

/**
 * Starts the collector and its store in a thread of their own. A thread that ends by itself is started again, on the same
 * port; what it had acknowledged is in the store.
 *
 * @throws PilotError `store.unavailable` when the store cannot be opened.
 */
export async function startCollector(options: CollectorOptions, events: CollectorEvents): Promise<DeckCollector> {
  const collector = new ThreadedCollector(options, events);
  await collector.start();
  return collector;
}

class ThreadedCollector implements DeckCollector {
  readonly #options: CollectorOptions;
  readonly #events: CollectorEvents;
  readonly #calls: ContractRouterClient<typeof collectorContract> = createORPCClient({
    call: (...call) => this.#call(...call),
  });
  #worker: CollectorWorker | undefined;
  #otlp: OtlpAddress | undefined;
  #self: Exporter | undefined;
  #stopping = false;
  #startedAt = performance.now();
  #pauseMs = 0;
  #restart: ReturnType<typeof setTimeout> | undefined;
  #starting: Promise<void> | undefined;

  constructor(options: CollectorOptions, events: CollectorEvents) {
    this.#options = options;
    this.#events = events;
  }

  get otlpHttp(): string {
    return this.#otlp?.otlpHttp ?? '';
  }

  get otlpTaken(): string | undefined {
    return this.#otlp?.taken;
  }

  start(): Promise<void> {
    const start = this.#start();
    this.#starting = start.catch(() => undefined);
    return start;
  }

  async #start(): Promise<void> {
    this.#startedAt = performance.now();
    const { folder, thread = join(__dirname, 'collector-thread.cjs') } = this.#options;
    const limits = { ...LIMITS, ...this.#options.limits };
    const last = parseEndpoint(this.otlpHttp);
    const listen = last === undefined ? this.#options.listen : [last, ...this.#options.listen];
    const worker = await CollectorWorker.start(thread, { folder, listen, limits }, this.#events);
    const { otlpHttp, taken } = worker.otlp;
    if (taken !== undefined) this.#events.onProblem(`${taken}: OTLP is taken at ${otlpHttp} instead`);
    this.#otlp = { otlpHttp, taken: taken ?? this.otlpTaken };
    this.#worker = worker;
    if (this.#self !== undefined) this.setSelf(this.#self);
    void worker.ended.then((code) => this.#handleEnd(code));
  }

  setSelf(self: Exporter): void {
    this.#self = self;
    this.#worker?.post({ type: 'self', self });
  }

  submit(spans: readonly RecordedSpan[], logs: readonly RecordedLog[]): void {
    this.#worker?.post({ type: 'submit', spans, logs });
  }

  serveStream(stream: Duplex, peer: Exporter): void {
    if (this.#worker === undefined) {
      stream.destroy();
      return;
    }
    const { port1, port2 } = new MessageChannel();
    this.#worker.post({ type: 'stream', port: port2, peer }, [port2]);
    const there = new PortDuplex(port1);
    pipeline(stream, there, stream, () => {
      stream.destroy();
      there.destroy();
    });
  }

  async events(publicKey: string, most: number) {
    return await this.#calls.recall({ publicKey, most });
  }

  get trace(): TraceCalls {
    return this.#calls.trace;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    await this.#starting;
    await this.#worker?.stop();
  }

  /** Hands a call to the thread that runs now; its PilotErrors are ours again. */
  async #call(...call: Parameters<CollectorWorker['link']['call']>): Promise<unknown> {
    const worker = this.#worker;
    if (worker === undefined) throw unavailable();
    try {
      return await worker.link.call(...call);
    } catch (error) {
      throw this.#worker === worker ? fromRpcError(error) : unavailable(error);
    }
  }

  #handleEnd(code: number): void {
    this.#worker = undefined;
    if (this.#stopping) return;
    if (performance.now() - this.#startedAt > STEADY_MS) this.#pauseMs = 0;
    this.#startAgain(`The collector ended with code ${code} and is started again`);
  }

  #startAgain(why: string): void {
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, 2 * pauseMs));
    this.#events.onProblem(pauseMs === 0 ? why : `${why} in ${pauseMs / 1_000} s`);
    this.#restart = setTimeout(() => {
      this.start().catch((error: Error) => {
        if (!this.#stopping) this.#startAgain(`The collector does not start (${error.message}), which is tried again`);
      });
    }, pauseMs);
  }
}

function unavailable(cause?: unknown): PilotError {
  return new PilotError('store.unavailable', 'the collector is not running', {}, { cause });
}
