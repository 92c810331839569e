import { join } from 'node:path';
import { type Duplex, pipeline } from 'node:stream';
import { MessageChannel } from 'node:worker_threads';
import { createORPCClient } from '@orpc/client';
import type { ContractRouterClient } from '@orpc/contract';
import { PilotError } from '../base/errors.ts';
import { type Endpoint, formatEndpoint, parseEndpoint } from '../base/transport.ts';
import type { RecordedLog } from '../collector/log-record.ts';
import type { RecordedSpan } from '../collector/recording-tracer.ts';
import type { Exporter } from '../collector/span.ts';
import { fromRpcError } from '../contract/rpc-errors.ts';
import type { collectorContract } from './collector-contract.ts';
import { CollectorWorker } from './collector-worker.ts';
import type { CollectorEvents, DeckCollector, TraceCalls } from './deck-collector.ts';
import { PortDuplex } from './port-duplex.ts';

export interface CollectorOptions {
  /** Where the store's files are. */
  readonly folder: string;
  readonly listen: Endpoint;
  /** The program of the thread; by default the one beside this program. */
  readonly thread?: string;
  readonly capBytes?: number;
  readonly days?: number;
}

const CAP_BYTES = 20e9;
const DAYS = 14;
const MOST_RESTARTS_A_MINUTE = 3;
const MINUTE_MS = 60_000;

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
  readonly #restarts: number[] = [];
  readonly #calls: ContractRouterClient<typeof collectorContract> = createORPCClient({
    call: (...call) => this.#call(...call),
  });
  #worker: CollectorWorker | undefined;
  #otlpHttp: string;
  #self: Exporter | undefined;
  #stopping = false;

  constructor(options: CollectorOptions, events: CollectorEvents) {
    this.#options = options;
    this.#events = events;
    this.#otlpHttp = formatEndpoint(options.listen);
  }

  get otlpHttp(): string {
    return this.#otlpHttp;
  }

  async start(): Promise<void> {
    const {
      folder,
      thread = join(__dirname, 'collector-thread.cjs'),
      capBytes = CAP_BYTES,
      days = DAYS,
    } = this.#options;
    const listen = parseEndpoint(this.#otlpHttp) ?? this.#options.listen;
    const worker = await CollectorWorker.start(thread, { folder, listen, capBytes, days }, this.#events);
    if (listen.port !== 0 && worker.otlpHttp !== formatEndpoint(listen)) {
      const taken = `${formatEndpoint(listen)} is in use by another program`;
      this.#events.onProblem(`${taken}: OTLP is taken at ${worker.otlpHttp} instead`);
    }
    this.#otlpHttp = worker.otlpHttp;
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
    const now = performance.now();
    while ((this.#restarts[0] ?? now) < now - MINUTE_MS) this.#restarts.shift();
    if (this.#restarts.length >= MOST_RESTARTS_A_MINUTE) {
      this.#events.onProblem('The collector ended too often and is not started again');
      return;
    }
    this.#restarts.push(now);
    this.#events.onProblem(`The collector ended with code ${code} and is started again`);
    this.start().catch((error: Error) => this.#events.onProblem(`The collector does not start: ${error.message}`));
  }
}

function unavailable(cause?: unknown): PilotError {
  return new PilotError('store.unavailable', 'the collector is not running', {}, { cause });
}
