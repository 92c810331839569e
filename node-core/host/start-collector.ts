import { join } from 'node:path';
import { type Duplex, pipeline } from 'node:stream';
import { MessageChannel, Worker } from 'node:worker_threads';
import { createORPCClient } from '@orpc/client';
import { RPCLink } from '@orpc/client/message-port';
import type { RouterClient } from '@orpc/server';
import { PilotError } from '../base/errors.ts';
import type { Endpoint } from '../base/transport.ts';
import type { CollectorRouter, CollectorThreadData, ToCollector } from './collector-thread.ts';
import type { CollectorEvents, DeckCollector } from './deck-collector.ts';
import { PortDuplex } from './port-duplex.ts';
import { fromRpcError } from './rpc-errors.ts';

const CAP_BYTES = 20e9;
const DAYS = 14;

export interface CollectorOptions {
  /** Where the store's files are. */
  readonly folder: string;
  readonly listen: Endpoint;
  /** The program of the thread; by default the one beside this program. */
  readonly thread?: string;
}

/**
 * Starts the collector and its store in a thread of their own and speaks with it.
 *
 * @throws PilotError `store.unavailable` when the store cannot be opened.
 */
export async function startCollector(options: CollectorOptions, events: CollectorEvents): Promise<DeckCollector> {
  const { folder, listen, thread = join(__dirname, 'collector-thread.cjs') } = options;
  const data: CollectorThreadData = { folder, listen, capBytes: CAP_BYTES, days: DAYS };
  const worker = new Worker(thread, { workerData: data });
  const stopped = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const otlpHttp = await untilReady(worker, events);
  if (!otlpHttp.endsWith(`:${options.listen.port}`) && options.listen.port !== 0) {
    events.onProblem(`Port ${options.listen.port} is taken by another program: OTLP is taken at ${otlpHttp} instead`);
  }
  const post = (message: ToCollector, transfer: readonly MessageChannel['port1'][] = []) =>
    worker.postMessage(message, [...transfer]);
  const calls = new MessageChannel();
  post({ type: 'calls', port: calls.port2 }, [calls.port2]);
  const client: RouterClient<CollectorRouter> = createORPCClient(new RPCLink({ port: calls.port1 }));
  calls.port1.start();
  return {
    otlpHttp,
    setSelf: (self) => post({ type: 'self', self }),
    submit: (spans, logs) => post({ type: 'submit', spans, logs }),
    serveStream: (stream, peer) => {
      const { port1, port2 } = new MessageChannel();
      post({ type: 'stream', port: port2, peer }, [port2]);
      connect(stream, new PortDuplex(port1));
    },
    search: (query) => answer(client.search(query)),
    async *tail(query, signal) {
      yield* await answer(client.tail(query, { signal }));
    },
    trace: (traceId) => answer(client.trace({ traceId })),
    exportTraces: (traceIds, joined) => answer(client.exportTraces({ traceIds: [...traceIds], joined })),
    volume: (fromMs, toMs, buckets) => answer(client.volume({ fromMs, toMs, buckets })),
    async stop(): Promise<void> {
      const done = new Promise<void>((resolve) => {
        worker.on('message', ({ type }: { type: string }) => {
          if (type === 'stopped') resolve();
        });
      });
      post({ type: 'stop' });
      await Promise.race([done, stopped]);
      calls.port1.close();
      await worker.terminate();
    },
  };
}

/** An answer of the thread; its PilotErrors are ours again. */
function answer<T>(call: Promise<T>): Promise<T> {
  return call.catch((error: unknown) => {
    throw fromRpcError(error);
  });
}

function untilReady(worker: Worker, events: CollectorEvents): Promise<string> {
  return new Promise((resolve, reject) => {
    worker.on('error', (cause) =>
      reject(new PilotError('store.unavailable', `the collector ended: ${cause.message}`, {}, { cause })),
    );
    worker.on('message', ({ type, value }: { readonly type: string; readonly value: never }) => {
      switch (type) {
        case 'ready':
          return resolve((value as { otlpHttp: string }).otlpHttp);
        case 'failed':
          return reject(new PilotError('store.unavailable', String(value)));
        case 'reports':
          return events.onReports(value);
        case 'figures':
          return events.onFigures(value);
        case 'clocks':
          return events.onClocks(value);
        case 'problem':
          return events.onProblem(String(value));
      }
    });
  });
}

function connect(a: Duplex, b: Duplex): void {
  pipeline(a, b, a, () => {
    a.destroy();
    b.destroy();
  });
}
