import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeTracesRequest } from '../../node-core/collector/otlp/otlp-encode.ts';
import { processesOf, RUN_MARK } from '../e2e/processes.ts';
import { FlightdeckProcess } from '../support/flightdeck-process.ts';
import { aSpan, resourceOf, spanIdOf, traceIdOf } from '../support/spans.ts';
import { residentMegabytes } from './memory.ts';
import type { BenchRow } from './row.ts';

const BATCHES = 240;
const SPANS_PER_BATCH = 512;
const SPANS_PER_TRACE = 16;
const CONNECTIONS = 4;

/** OTLP protobuf over HTTP until it is acknowledged, which it is when it is on disk; sender on the same machine. */
export async function measure(): Promise<BenchRow[]> {
  const bodies = Array.from({ length: BATCHES }, (_, batch) => bodyOf(batch));
  const data = await mkdtemp(join(tmpdir(), 'flightdeck-bench-'));
  const any = ['--otlp-http', '127.0.0.1:0', '--http', '127.0.0.1:0'];
  const deck = await FlightdeckProcess.start(['serve', '--data', data, '--no-fleet', ...any], { [RUN_MARK]: data });
  try {
    const target = new URL(`http://${deck.ready.otlpHttp}/v1/traces`);
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    await post(target, agent, bodyOf(BATCHES)); // the first opens the day's file
    const startedAt = performance.now();
    const sender = async () => {
      for (let body = bodies.pop(); body !== undefined; body = bodies.pop()) await post(target, agent, body);
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, sender));
    const seconds = (performance.now() - startedAt) / 1_000;
    const spans = BATCHES * SPANS_PER_BATCH;
    const rss = await Promise.all(processesOf(data, data).map(({ pid }) => residentMegabytes(pid)));
    return [
      { name: 'spans_per_s/burst', value: Math.round(spans / seconds), unit: 'spans/s' },
      { name: 'rss_mb/largest_process', value: Math.round(Math.max(...rss)), unit: 'MB' },
    ];
  } finally {
    await deck.end('SIGTERM');
    await rm(data, { recursive: true, force: true });
  }
}

/** Spans as a service records them: a tenth fail, some attributes of a request, a resource of three. */
function bodyOf(batch: number): Uint8Array {
  const spans = Array.from({ length: SPANS_PER_BATCH }, (_, index) => {
    const at = batch * SPANS_PER_BATCH + index;
    return aSpan(at + 1, undefined, {
      traceId: traceIdOf(1 + Math.floor(at / SPANS_PER_TRACE)),
      spanId: spanIdOf(at + 1),
      name: `GET /orders/${at % 40}`,
      resource: resourceOf(`service-${at % 8}`),
      ms: [at % 1_000, (at % 1_000) + 5 + (at % 90)],
      values: {
        'http.request.method': 'GET',
        'http.route': '/orders/:id',
        'http.response.status_code': 200,
        'user.id': at,
      },
      ...(at % 10 === 0 ? { status: { code: 2, message: 'timed out' } } : {}),
    });
  });
  return encodeTracesRequest(spans);
}

function post(target: URL, agent: Agent, body: Uint8Array): Promise<void> {
  const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length };
  return new Promise((resolve, reject) => {
    const outgoing = request(target, { method: 'POST', agent, headers }, (reply) => {
      reply.resume();
      reply.once('end', () => {
        if (reply.statusCode === 200) resolve();
        else reject(new Error(`the receiver answered ${reply.statusCode}`));
      });
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}
