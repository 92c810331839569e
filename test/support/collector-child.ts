import { type CollectorOptions, startCollector } from '../../node-core/collector-thread/start-collector.ts';

export type CollectorCall =
  | { readonly type: 'count'; readonly traceIds: string[] }
  | { readonly type: 'search' }
  | { readonly type: 'memory' };

/**
 * A process of its own with a collector in it, to be killed or put on another disk. Prints where it takes OTLP; then it
 * answers calls, when there is a channel to its parent.
 */
const [folder = '', options = '{}'] = process.argv.slice(2);
const say = (text: string) => console.error(text);
const events = { onReports() {}, onFigures() {}, onClocks() {}, onProblem: say, onTrouble: say };
const listen = [{ host: '127.0.0.1', port: 0 }];

async function run(): Promise<void> {
  const collector = await startCollector(
    { folder, listen, ...(JSON.parse(options) as Partial<CollectorOptions>) },
    events,
  );
  console.log(collector.otlpHttp);
  process.on('message', async ({ id, call }: { id: number; call: CollectorCall }) => {
    const value = await answer(call).catch(() => -1);
    process.send?.({ id, value });
  });

  async function answer(call: CollectorCall): Promise<number> {
    switch (call.type) {
      case 'count':
        return (await collector.trace.export({ traceIds: call.traceIds, joined: false })).spans;
      case 'search':
        return (await collector.trace.search({ limit: 1 })).total;
      case 'memory':
        globalThis.gc?.();
        return process.memoryUsage().rss;
    }
  }
}

void run();
