import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { ClientLink } from '@orpc/client';
import { RPCLink } from '@orpc/client/message-port';
import { PilotError } from '../base/errors.ts';
import type { CollectorThreadData, FromCollector, ToCollector } from './collector-thread.ts';
import type { CollectorEvents } from './deck-collector.ts';
import type { OtlpAddress } from './otlp-server.ts';

/** One run of the collector's thread. */
export class CollectorWorker {
  readonly otlp: OtlpAddress;
  /** Carries calls of the collector's contract. */
  readonly link: ClientLink<Record<never, never>>;
  /** Resolves with the exit code when the thread is gone, however it went. */
  readonly ended: Promise<number>;
  readonly #worker: Worker;
  readonly #calls: MessagePort;

  private constructor(worker: Worker, ended: Promise<number>, otlp: OtlpAddress) {
    this.#worker = worker;
    this.ended = ended;
    this.otlp = otlp;
    const { port1, port2 } = new MessageChannel();
    this.#calls = port1;
    this.post({ type: 'calls', port: port2 }, [port2]);
    this.link = new RPCLink({ port: port1 });
    port1.start();
  }

  /** @throws PilotError `store.unavailable` when it does not come up. */
  static async start(program: string, data: CollectorThreadData, events: CollectorEvents): Promise<CollectorWorker> {
    const worker = new Worker(program, { workerData: data });
    const ended = new Promise<number>((resolve) => worker.once('exit', resolve));
    const otlp = await new Promise<OtlpAddress>((resolve, reject) => {
      const fail = (why: string) => reject(new PilotError('store.unavailable', why));
      worker.on('error', (error) => fail(`the collector ended: ${error.message}`));
      void ended.then((code) => fail(`the collector ended with code ${code}`));
      worker.on('message', (message: FromCollector) => {
        if (message.type === 'ready') resolve(message.value);
        else if (message.type === 'failed') fail(message.value);
        else handleEvent(message, events);
      });
    }).catch(async (error) => {
      await worker.terminate();
      throw error;
    });
    return new CollectorWorker(worker, ended, otlp);
  }

  post(message: ToCollector, transfer: readonly MessagePort[] = []): void {
    this.#worker.postMessage(message, [...transfer]);
  }

  /** Ends the thread once all it took in is stored. */
  async stop(): Promise<void> {
    const done = new Promise<void>((resolve) => {
      this.#worker.on('message', ({ type }: FromCollector) => {
        if (type === 'stopped') resolve();
      });
    });
    this.post({ type: 'stop' });
    await Promise.race([done, this.ended]);
    this.#calls.close();
    await this.#worker.terminate();
  }
}

function handleEvent(message: FromCollector, events: CollectorEvents): void {
  switch (message.type) {
    case 'reports':
      return events.onReports(message.value);
    case 'figures':
      return events.onFigures(message.value);
    case 'clocks':
      return events.onClocks(message.value);
    case 'problem':
      return events.onProblem(message.value);
    case 'trouble':
      return events.onTrouble(message.value);
    default:
      return undefined;
  }
}
