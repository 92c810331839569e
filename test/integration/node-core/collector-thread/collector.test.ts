import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { duplexPair } from 'node:stream';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtoExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ReportRow } from '../../../../node-core/base/report.ts';
import { encodeEvent } from '../../../../node-core/collector/event-codec.ts';
import { encodeLogsRequest, encodeTracesRequest } from '../../../../node-core/collector/otlp/otlp-encode.ts';
import { encodeTunnelReport } from '../../../../node-core/collector/report-codec.ts';
import { EMPTY_RESOURCE, type SpanRecord } from '../../../../node-core/collector/span.ts';
import type { DeckCollector } from '../../../../node-core/collector-thread/deck-collector.ts';
import type { Trace } from '../../../../node-core/contract/trace.ts';
import { joinTrace } from '../../../../node-core/contract/trace-parts.ts';
import { Bundle, startTestCollector } from '../../../support/collector.ts';
import { postProtobuf, StreamAgent } from '../../../support/post-otlp.ts';
import { tunnelRow } from '../../../support/report-rows.ts';
import { aSpan, exporterOf, FlowOnTheWire, resourceOf, traceIdOf } from '../../../support/spans.ts';

let bundle: Bundle;
let folder: string;
let collector: DeckCollector;
let reports: ReportRow[];
let problems: string[];

beforeAll(async () => {
  bundle = await Bundle.make({
    'collector-thread': 'node-core/collector-thread/collector-thread.ts',
    'collector-child': 'test/support/collector-child.ts',
  });
});
afterAll(() => bundle.remove());

async function start(options: Parameters<typeof startTestCollector>[3] = {}): Promise<void> {
  const events = {
    onReports: (rows: readonly ReportRow[]) => void reports.push(...rows),
    onProblem: (text: string) => void problems.push(text),
  };
  collector = await startTestCollector(bundle, folder, events, options);
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'collector-'));
  reports = [];
  problems = [];
  await start();
});
afterEach(async () => {
  await collector.stop();
  await rm(folder, { recursive: true });
});

const get = async (traceId: string): Promise<Trace> => joinTrace(await collector.trace.get({ traceId }));

/** Posts protobuf, over TCP to the collector or over a stream that is given. */
const post = (path: string, body: Uint8Array, over: { agent?: Agent; address?: string } = {}): Promise<number> =>
  postProtobuf(`${over.address ?? collector.otlpHttp}${path}`, body, over.agent);

/** As the overlay brings it: a stream to the collector, from a node that its tunnel authenticated. */
function overlayAgent(nodeId: number): Agent {
  const [near, far] = duplexPair();
  far.once('close', () => near.destroy()); // as an overlay stream tells its other end
  collector.serveStream(far, exporterOf(nodeId));
  return new StreamAgent(near);
}

const send = (spans: readonly SpanRecord[], agent?: Agent): Promise<number> =>
  post('/v1/traces', encodeTracesRequest(spans), agent === undefined ? {} : { agent });

describe('the official exporters', () => {
  test.each([
    ['protobuf', ProtoExporter],
    ['JSON', JsonExporter],
  ] as const)('%s, with gzip', async (_, Exporter) => {
    vi.stubEnv('OTEL_EXPORTER_OTLP_COMPRESSION', 'gzip');
    const exporter = new Exporter({ url: `http://${collector.otlpHttp}/v1/traces` });
    vi.unstubAllEnvs();
    const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
    const tracer = provider.getTracer('test', '1.2');
    const ids = Array.from({ length: 50 }, (_unused, n) => {
      const span = tracer.startSpan(`query ${n}`, { attributes: { n, share: 0.5, tags: ['a', 'b'] } });
      span.addEvent('asked', { of: 'finance' });
      span.end();
      return span.spanContext().traceId;
    });
    await provider.shutdown();
    for (const id of ids) expect((await get(id)).spans).toHaveLength(1);
    const { spans } = await get(ids[7] ?? '');
    expect(spans[0]).toMatchObject({
      name: 'query 7',
      attributes: { n: 7, share: 0.5, tags: ['a', 'b'] },
      events: [{ name: 'asked', attributes: { of: 'finance' } }],
      scope: { name: 'test', version: '1.2' },
    });
  });
});

describe('streams of the overlay', () => {
  test('what comes by one is the authenticated peer’s, whatever it says', async () => {
    const agent = overlayAgent(9);
    const liar = aSpan(1, undefined, { values: { 'pilot.node.id': 7 } });
    expect(await send([liar], agent)).toBe(200);
    expect(await send([aSpan(2, 1)], agent)).toBe(200); // the stream stays open
    const { spans } = await get(traceIdOf(1));
    expect(spans.map(({ nodeId }) => nodeId)).toEqual([9, 9]);
  });

  test('reports are told as rows of their reporter; without a peer nobody believes them', async () => {
    const row = tunnelRow(9, 5, Date.now());
    const body = encodeLogsRequest([encodeTunnelReport(row.report, row.reportedAt, resourceOf('agent-9'))]);
    expect(await post('/v1/logs', body, { agent: overlayAgent(9) })).toBe(200);
    expect(await post('/v1/logs', body)).toBe(200);
    expect(reports).toMatchObject([{ kind: 'tunnel', reporter: 9, report: { peerNodeId: 5, path: 'direct' } }]);
  });

  test('one node has few of them, the others still theirs', async () => {
    const agents = Array.from({ length: 12 }, () => overlayAgent(9));
    const statuses = await Promise.all(
      agents.map((agent, n) => send([aSpan(n + 1, undefined)], agent).catch(() => 'refused')),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(8);
    expect(await send([aSpan(100, undefined)], overlayAgent(10))).toBe(200);
  });
});

describe('a flow that two nodes saw', () => {
  const flow = new FlowOnTheWire(7, 9);
  const mine = [aSpan(1, undefined, { from: 7, name: 'ask' }), flow.dialled(2, 1, [1, 9])];
  const theirs = [flow.accepted(3, undefined, [2, 8]), aSpan(4, 3, { from: 9, traceId: traceIdOf(2) })];

  test.each(['raw', 'joined'] as const)('is one trace, exported with %s ids', async (ids) => {
    await send(theirs, overlayAgent(9));
    await send(mine, overlayAgent(7));
    for (const id of [traceIdOf(1), traceIdOf(2)]) {
      await expect.poll(async () => (await get(id)).spans.length).toBe(4);
      const trace = await get(id);
      expect(trace).toMatchObject({ traceId: traceIdOf(1), title: 'ask', rawTraceIds: [traceIdOf(1), traceIdOf(2)] });
    }
    const { json, spans } = await collector.trace.export({ traceIds: [traceIdOf(2)], joined: ids === 'joined' });
    expect(spans).toBe(4);
    expect(json.includes(traceIdOf(2))).toBe(ids === 'raw');
    expect((await collector.trace.search({ limit: 10 })).traces).toMatchObject([{ traceId: traceIdOf(1), spans: 4 }]);
  });

  test('has its critical path in a list, beside traces that are gone', async () => {
    await send(theirs, overlayAgent(9));
    await send(mine, overlayAgent(7));
    const criticalPath = { work: 6, setup: 1, network: 1, 'not covered': 2 };
    await expect
      .poll(() => collector.trace.paths({ traceIds: [traceIdOf(77), traceIdOf(2)] }))
      .toEqual([{ traceId: traceIdOf(2), durationMs: 10, criticalPath }]); // once the flow is joined
    expect(await get(traceIdOf(2))).toMatchObject({ durationMs: 10, criticalPath });
  });

  test('is joined though a restart lies between its ends', async () => {
    const arriving = (spans: readonly SpanRecord[], from: number) => send(spans, overlayAgent(from));
    await arriving(mine, 7);
    await collector.stop();
    await start();
    await arriving(theirs, 9);
    await expect.poll(async () => (await get(traceIdOf(2))).spans.length).toBe(4);
  });
});

test('a trace too large to be read beside others has no critical path in a list', async () => {
  const many = Array.from({ length: 5_001 }, (_, n) => aSpan(n + 1, undefined, { traceId: traceIdOf(3) }));
  await send(many);
  await send([aSpan(1, undefined, { traceId: traceIdOf(4) })]);
  expect(
    (await collector.trace.paths({ traceIds: [traceIdOf(3), traceIdOf(4)] })).map(({ traceId }) => traceId),
  ).toEqual([traceIdOf(4)]);
});

test('a trace of 50,000 spans travels in parts that hold nobody up, and its export says what is missing', async () => {
  const total = 50_000;
  for (let at = 0; at < total; at += 5_000) {
    const spans = Array.from({ length: 5_000 }, (_, n) => {
      const values = { 'http.route': '/orders/:id', note: 'some text of a request that is not short' };
      return aSpan(at + n + 1, at + n === 0 ? undefined : 1, { values });
    });
    expect(await send(spans)).toBe(200);
  }
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const parts: number[] = [];
  for await (const part of await collector.trace.get({ traceId: traceIdOf(1) })) {
    if (part.part === 'spans') parts.push(part.spans.length);
    else expect(part.head).toMatchObject({ totalSpans: total });
  }
  delay.disable();
  expect(parts.reduce((sum, spans) => sum + spans, 0)).toBe(total);
  expect(Math.max(...parts)).toBeLessThanOrEqual(200);
  expect(delay.max / 1e6).toBeLessThan(250); // of this thread, which is the node's; all in one it was 700
  expect(await collector.trace.export({ traceIds: [traceIdOf(1)], joined: false })).toMatchObject({
    spans: total,
    total,
  });
});

test('a tail shows a trace as it arrives, and ends with its reader', async () => {
  const leaving = new AbortController();
  const tail = await collector.trace.tail({ limit: 10, status: 'error' }, { signal: leaving.signal });
  const first = tail.next();
  await send([aSpan(1, undefined, { traceId: traceIdOf(5) })]);
  await send([aSpan(2, undefined, { status: { code: 2, message: '' }, name: 'fails' })]);
  expect((await first).value).toMatchObject([{ traceId: traceIdOf(1), title: 'fails', errors: 1 }]);
  leaving.abort();
  await tail.return();
});

test('a batch that is sent again counts once in a tail', async () => {
  const leaving = new AbortController();
  const tail = await collector.trace.tail({ limit: 10 }, { signal: leaving.signal });
  for (let n = 0; n < 3; n++) expect(await send([aSpan(1, undefined), aSpan(2, 1)])).toBe(200);
  expect(await send([aSpan(3, 1)])).toBe(200);
  let spans = 0;
  for await (const summaries of tail) {
    spans = summaries.find(({ traceId }) => traceId === traceIdOf(1))?.spans ?? spans;
    if (spans >= 3) break;
  }
  expect(spans).toBe(3);
  leaving.abort();
});

test('a small request whose spans share one large resource stays small on disk and in memory', async () => {
  const resource = {
    attributes: [
      { key: 'service.name', value: 'a' },
      { key: 'of.all', value: 'x'.repeat(60_000) },
    ],
    droppedAttributesCount: 0,
    schemaUrl: '',
  };
  const spans = Array.from({ length: 6_000 }, (_, n) => aSpan(n + 1, undefined, { name: '', resource }));
  const before = process.memoryUsage().rss; // the thread is in this process
  expect(await send(spans)).toBe(200);
  expect(process.memoryUsage().rss - before).toBeLessThan(400e6); // 360 MB of text alone, had each row its own
  const names = (await readdir(folder)).filter((name) => name.startsWith('day-'));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(8e6);
});

test('the lines of a deck’s log are read back after a restart, and nobody else’s', async () => {
  const line = { level: 'info', kind: 'k', source: 's', actor: 'operator' } as const;
  const records = (...texts: readonly string[]) =>
    texts.map((text, at) => encodeEvent({ ...line, at: at + 1, text }, EMPTY_RESOURCE));
  const { publicKey } = exporterOf(5);
  collector.submit([], records('nobody’s yet'));
  collector.setSelf(exporterOf(5));
  collector.submit([], records('first', 'second', 'third'));
  expect(await post('/v1/logs', encodeLogsRequest(records('forged here')))).toBe(200);
  expect(await post('/v1/logs', encodeLogsRequest(records('forged by a peer')), { agent: overlayAgent(9) })).toBe(200);
  await expect.poll(async () => (await collector.events(publicKey, 10)).length).toBe(3);
  await collector.stop();
  await start();
  expect((await collector.events(publicKey, 2)).map(({ at, text }) => [at, text])).toEqual([
    [2, 'second'],
    [3, 'third'],
  ]);
});

test('an unknown trace and an empty query are said with their codes', async () => {
  await expect(get(traceIdOf(77))).rejects.toMatchObject({ code: 'trace.not-found' });
  await expect(collector.trace.export({ traceIds: [traceIdOf(77)], joined: false })).rejects.toMatchObject({
    code: 'trace.not-found',
  });
  await expect(collector.trace.volume({ fromMs: 5, toMs: 5, buckets: 2 })).rejects.toMatchObject({
    code: 'query.invalid',
  });
});

test('a taken port is said, and another one is used', async () => {
  const other = createServer();
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  await collector.stop();
  await start({
    listen: [
      { host: '127.0.0.1', port },
      { host: '127.0.0.1', port: 0 },
    ],
  });
  expect(collector.otlpHttp).not.toBe(`127.0.0.1:${port}`);
  const taken = `127.0.0.1:${port} is in use by node (process ${process.pid})`;
  expect(collector.otlpTaken).toBe(taken);
  expect(problems).toEqual([`${taken}: OTLP is taken at ${collector.otlpHttp} instead`]);
  expect(await send([aSpan(1, undefined)])).toBe(200);
  other.close();
});

test('a thread that ends by itself is started again, on its port, with what it had acknowledged', async () => {
  const program = join(bundle.folder, 'ends-once.cjs');
  const once = `const fs = require('node:fs'); const mark = ${JSON.stringify(join(folder, 'ended'))};
    if (!fs.existsSync(mark)) setTimeout(() => { fs.writeFileSync(mark, ''); process.exit(3); }, 1_500);
    require('./collector-thread.cjs');`;
  await writeFile(program, once);
  await collector.stop();
  await start({ thread: program });
  const address = collector.otlpHttp;
  collector.setSelf(exporterOf(5));
  expect(await send([aSpan(1, undefined)])).toBe(200);
  await expect.poll(() => problems, { timeout: 20_000 }).toEqual([expect.stringContaining('started again')]);
  await expect
    .poll(async () => (await get(traceIdOf(1)).catch(() => undefined))?.spans.length, {
      timeout: 20_000,
    })
    .toBe(1);
  expect(collector.otlpHttp).toBe(address);
  collector.submit([aSpan(2, 1)], []);
  await expect.poll(async () => (await get(traceIdOf(1))).spans.at(-1)?.nodeId).toBe(5);
});

test('a thread that ends again and again is started again, ever later, until one stays', async () => {
  const program = join(bundle.folder, 'ends-often.cjs');
  const often = `const fs = require('node:fs'); const mark = ${JSON.stringify(join(folder, 'starts'))};
    fs.appendFileSync(mark, '.');
    const starts = fs.statSync(mark).size;
    if (starts === 1) setTimeout(() => process.exit(3), 1_500);
    if (starts > 1 && starts < 6) process.exit(3);
    require('./collector-thread.cjs');`;
  await writeFile(program, often);
  await collector.stop();
  await start({ thread: program });
  expect(await send([aSpan(1, undefined)])).toBe(200);
  const [first, ...pauses] = ['again', 'again in 0.5 s', 'again in 1 s', 'again in 2 s', 'again in 4 s'];
  await expect.poll(() => problems.length, { timeout: 60_000 }).toBe(5);
  expect(problems).toEqual([first, ...pauses].map((end) => expect.stringMatching(new RegExp(`${end}$`))));
  await expect
    .poll(async () => (await get(traceIdOf(1)).catch(() => undefined))?.spans.length, {
      timeout: 60_000,
    })
    .toBe(1);
});

describe('a process that is killed', () => {
  let child: ChildProcess;
  let address: string;
  let theirFolder: string;

  beforeEach(async () => {
    theirFolder = await mkdtemp(join(tmpdir(), 'killed-'));
    child = spawn(process.execPath, [bundle.path('collector-child'), theirFolder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout as NonNullable<typeof child.stdout> });
    [address = ''] = await once(lines, 'line');
  });
  afterEach(async () => {
    child.kill('SIGKILL');
    await rm(theirFolder, { recursive: true });
  });

  test('loses nothing that it had acknowledged', async () => {
    const acknowledged: number[] = [];
    let next = 1;
    let running = true;
    const sender = async (): Promise<void> => {
      const agent = new Agent({ keepAlive: true });
      while (running) {
        const n = next++;
        const spans = Array.from({ length: 20 }, (_, i) => aSpan(i + 1, undefined, { traceId: traceIdOf(n) }));
        const status = await post('/v1/traces', encodeTracesRequest(spans), { address, agent }).catch(() => 'closed');
        if (status === 200) acknowledged.push(n);
        else running = false;
      }
      agent.destroy();
    };
    const senders = Promise.all(Array.from({ length: 8 }, sender));
    await expect.poll(() => acknowledged.length, { timeout: 60_000 }).toBeGreaterThan(300);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await senders;
    await collector.stop();
    collector = await startTestCollector(bundle, theirFolder);
    for (let at = 0; at < acknowledged.length; at += 500) {
      const ids = acknowledged.slice(at, at + 500).map(traceIdOf);
      expect((await collector.trace.export({ traceIds: ids, joined: false })).spans).toBe(20 * ids.length);
    }
  });

  test('and one that lives has its store to itself', async () => {
    await expect(startTestCollector(bundle, theirFolder)).rejects.toMatchObject({
      code: 'store.unavailable',
      message: expect.stringContaining('in use'),
    });
  });
});
