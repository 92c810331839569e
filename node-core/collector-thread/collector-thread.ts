import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { implement } from '@orpc/server';
import { RPCHandler } from '@orpc/server/message-port';
import type { ReportRow } from '../base/report.ts';
import type { Endpoint } from '../base/transport.ts';
import { DuckdbSpanStore } from '../collector/duckdb/duckdb-span-store.ts';
import type { StoreLimits } from '../collector/duckdb/retention.ts';
import type { ClockEstimate } from '../collector/flow/clock-offsets.ts';
import type { RecordedLog } from '../collector/log-record.ts';
import type { RecordedSpan } from '../collector/recording-tracer.ts';
import type { Exporter } from '../collector/span.ts';
import { toRpcError } from '../contract/rpc-errors.ts';
import { Duckdb } from '../io/duckdb.ts';
import { FileFolder } from '../io/store-folder.ts';
import { SystemClock } from '../io/system-clock.ts';
import { collectorContract } from './collector-contract.ts';
import { CollectorService } from './collector-service.ts';
import type { CollectorFigures } from './deck-collector.ts';
import type { OtlpAddress } from './otlp-server.ts';
import { PortDuplex } from './port-duplex.ts';

/** What the deck host starts the thread with. */
export interface CollectorThreadData {
  readonly folder: string;
  /** Where OTLP/HTTP is taken: at the first of these that is free. */
  readonly listen: readonly Endpoint[];
  readonly limits: StoreLimits;
}

/** From the host to the thread, beside the calls: what is too much, or too special, for a call. */
export type ToCollector =
  | { readonly type: 'calls'; readonly port: MessagePort }
  | { readonly type: 'submit'; readonly spans: readonly RecordedSpan[]; readonly logs: readonly RecordedLog[] }
  | { readonly type: 'self'; readonly self: Exporter }
  | { readonly type: 'stream'; readonly port: MessagePort; readonly peer: Exporter }
  | { readonly type: 'stop' };

/** From the thread to the host. */
export type FromCollector =
  | { readonly type: 'ready'; readonly value: OtlpAddress }
  | { readonly type: 'failed' | 'problem' | 'trouble'; readonly value: string }
  | { readonly type: 'reports'; readonly value: readonly ReportRow[] }
  | { readonly type: 'figures'; readonly value: CollectorFigures }
  | { readonly type: 'clocks'; readonly value: ReadonlyMap<string, ClockEstimate> }
  | { readonly type: 'stopped' };

const LONGEST_END_MS = 10_000;
type Tell = (message: FromCollector) => void;

function createRouter(service: CollectorService) {
  const never = new AbortController().signal;
  const os = implement(collectorContract).use(async ({ next }) => {
    try {
      return await next();
    } catch (error) {
      throw toRpcError(error);
    }
  });
  return os.router({
    trace: {
      search: os.trace.search.handler(({ input }) => service.search(input)),
      tail: os.trace.tail.handler(({ input, signal }) => service.tail(input, signal ?? never)),
      get: os.trace.get.handler(({ input }) => service.trace(input.traceId)),
      paths: os.trace.paths.handler(({ input, signal }) => service.paths(input.traceIds, signal ?? never)),
      export: os.trace.export.handler(({ input }) => service.exportTraces(input.traceIds, input.joined)),
      volume: os.trace.volume.handler(({ input }) => service.volume(input.fromMs, input.toMs, input.buckets)),
    },
    recall: os.recall.handler(({ input }) => service.events(input.publicKey, input.most)),
  });
}

async function run(parent: MessagePort, data: CollectorThreadData): Promise<CollectorService> {
  const clock = new SystemClock();
  const tell = (message: FromCollector) => parent.postMessage(message);
  const onProblem = (value: string) => tell({ type: 'problem', value });
  const { limits } = data;
  const folder = await FileFolder.open(data.folder);
  const openDatabase = () => Duckdb.open({ spillFolder: folder.path('spill'), memoryLimit: '512MB', threads: 2 });
  const store = await DuckdbSpanStore.open({ openDatabase, folder, limits, clock, onProblem });
  const service = new CollectorService({
    store,
    capBytes: limits.capBytes,
    clock,
    onReports: (value) => tell({ type: 'reports', value }),
    onFigures: (value) => tell({ type: 'figures', value }),
    onClocks: (value) => tell({ type: 'clocks', value }),
    onProblem,
    onTrouble: (value) => tell({ type: 'trouble', value }),
  });
  await service.recall();
  const otlp = await service.listen(data.listen);
  const handler = new RPCHandler(createRouter(service));
  parent.on('message', (message: ToCollector) => {
    switch (message.type) {
      case 'calls':
        handler.upgrade(message.port);
        return message.port.start();
      case 'submit':
        return void service.submit(message.spans, message.logs);
      case 'self':
        return service.setSelf(message.self);
      case 'stream':
        return service.serveStream(new PortDuplex(message.port), message.peer);
      case 'stop':
        return void service.stop().then(() => tell({ type: 'stopped' }));
    }
  });
  tell({ type: 'ready', value: otlp });
  return service;
}

/**
 * What nobody caught ends the thread, which is started again; but not before the database is at rest: a thread that ends
 * while it has work in native code takes the whole process with it.
 */
async function endInOrder(error: Error, started: Promise<CollectorService | undefined>, tell: Tell): Promise<void> {
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', () => {}); // of what is cut off by the end
  tell({ type: 'problem', value: `The collector failed: ${error.message}` });
  const stopped = started.then((service) => service?.stop());
  await Promise.race([stopped, new Promise((resolve) => setTimeout(resolve, LONGEST_END_MS))]);
  process.exit(1);
}

if (parentPort !== null) {
  const parent = parentPort;
  const tell: Tell = (message) => parent.postMessage(message);
  const started = run(parent, workerData as CollectorThreadData).catch((error: unknown) => {
    tell({ type: 'failed', value: error instanceof Error ? error.message : String(error) });
    return undefined;
  });
  process.on('uncaughtException', (error) => void endInOrder(error, started, tell));
}
