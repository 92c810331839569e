import { deflateSync, gzipSync } from 'node:zlib';
import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { ByteBudget } from '../../../../../node-core/base/byte-budget.ts';
import { PilotError } from '../../../../../node-core/base/errors.ts';
import type { HttpHead, HttpReply } from '../../../../../node-core/base/http.ts';
import {
  ExportServiceResponseSchema,
  RpcStatusSchema,
} from '../../../../../node-core/collector/otlp/generated/otlp_pb.ts';
import type { ExportBatch } from '../../../../../node-core/collector/otlp/otlp-decode.ts';
import { encodeTracesRequest } from '../../../../../node-core/collector/otlp/otlp-encode.ts';
import { MOST_SENT_BYTES, OtlpReceiver } from '../../../../../node-core/collector/otlp/otlp-receiver.ts';
import type { Exporter, SpanRecord } from '../../../../../node-core/collector/span.ts';
import { anEvent, aSpan, exporterOf, spanIdOf, traceIdOf } from '../../../../support/spans.ts';

type Headers = Readonly<Record<string, string>>;
const LOCAL = { host: '127.0.0.1:4318', 'content-type': 'application/json' };
const PROTO = { ...LOCAL, 'content-type': 'application/x-protobuf' };
const none = new Uint8Array();

function head(headers: Headers, more: Partial<HttpHead<Exporter>> = {}): HttpHead<Exporter> {
  return { method: 'POST', target: '/v1/traces', headers, peer: undefined, ...more };
}

function receiver(keep: (batch: ExportBatch) => Promise<boolean> = async () => true, budget?: ByteBudget) {
  const batches: ExportBatch[] = [];
  const kept = (batch: ExportBatch): Promise<boolean> => {
    batches.push(batch);
    return keep(batch);
  };
  const hosts = ['localhost', '127.0.0.1', '[::1]'];
  const limits = budget === undefined ? { mostUnpackedBytes: 10_000 } : { budget };
  const under = new OtlpReceiver({ now: () => 5n, keep: kept, hosts, ...limits });
  return {
    batches,
    admit: under.admit.bind(under),
    handle: under.handle.bind(under),
    refuse: under.refuse.bind(under),
  };
}

const textOf = (reply: HttpReply | undefined): string => Buffer.from(reply?.body ?? []).toString();
const spans = encodeTracesRequest([aSpan(1, undefined), aSpan(2, 1)]);

describe('a head alone decides', () => {
  test.each<[string, number | undefined, Headers, Partial<HttpHead<Exporter>>]>([
    ['as it should be', undefined, LOCAL, {}],
    ['protobuf, gzip, a query', undefined, { ...PROTO, 'content-encoding': 'GZIP' }, { target: '/v1/traces?a=b' }],
    ['a parameter of the type', undefined, { ...LOCAL, 'content-type': 'Application/JSON; charset=utf-8' }, {}],
    ['a slash at the end', undefined, LOCAL, { target: '/v1/logs/' }],
    ['its own origin', undefined, { ...LOCAL, origin: 'http://127.0.0.1:4318' }, {}],
    ['by name', undefined, { ...LOCAL, host: 'LOCALHOST' }, {}],
    ['IPv6', undefined, { ...LOCAL, host: '[::1]:4318' }, {}],
    ['a page of another origin', 403, { ...LOCAL, origin: 'https://evil.example' }, {}],
    ['a page of another port here', 403, { ...LOCAL, origin: 'http://127.0.0.1:8080' }, {}],
    ['a page of no origin', 403, { ...LOCAL, origin: 'null' }, {}],
    ['a rebound name', 403, { ...LOCAL, host: 'evil.example:4318' }, {}],
    ['a name that starts like ours', 403, { ...LOCAL, host: '127.0.0.1.evil.example' }, {}],
    ['no host', 403, { 'content-type': 'application/json' }, {}],
    ['a peer of the overlay, whatever host it names', undefined, { ...LOCAL, host: 'x' }, { peer: exporterOf(7) }],
    ['another path', 404, LOCAL, { target: '/v1/trace' }],
    ['metrics', 404, LOCAL, { target: '/v1/metrics' }],
    ['a name of Object.prototype', 404, LOCAL, { target: 'constructor' }],
    ['another method', 405, LOCAL, { method: 'PUT' }],
    ['no type', 415, { host: 'localhost' }, {}],
    ['another type', 415, { ...LOCAL, 'content-type': 'text/plain' }, {}],
    ['another encoding', 415, { ...LOCAL, 'content-encoding': 'br' }, {}],
    ['a length beyond the limit', 413, { ...LOCAL, 'content-length': String(MOST_SENT_BYTES + 1) }, {}],
  ])('%s', (_, status, headers, more) => {
    expect(receiver().admit(head(headers, more))?.status).toBe(status);
  });

  test('405 names the method, 415 the encodings', () => {
    expect(receiver().admit(head(LOCAL, { method: 'GET' }))?.headers).toMatchObject({ allow: 'POST' });
    expect(receiver().admit(head({ ...LOCAL, 'content-encoding': 'br' }))?.headers).toMatchObject({
      'accept-encoding': 'gzip, deflate',
    });
  });
});

describe('bodies', () => {
  test.each<[string, Headers, Uint8Array]>([
    ['plain', PROTO, spans],
    ['gzip', { ...PROTO, 'content-encoding': 'gzip' }, gzipSync(spans)],
    ['deflate', { ...PROTO, 'content-encoding': 'deflate' }, deflateSync(spans)],
  ])('%s', async (_, headers, body) => {
    const { batches, handle } = receiver();
    const reply = await handle(head(headers, { peer: exporterOf(7) }), body);
    expect([reply.status, reply.headers['content-type'], reply.body]).toEqual([200, 'application/x-protobuf', none]);
    expect(batches[0]?.decoded.records).toMatchObject([
      { spanId: spanIdOf(1), arrivedAt: 5n, exporter: exporterOf(7) },
      { spanId: spanIdOf(2) },
    ]);
  });

  test.each<[string, number, Headers, Uint8Array]>([
    ['no JSON', 400, LOCAL, Buffer.from('{')],
    ['no protobuf', 400, PROTO, Buffer.from('{}')],
    ['no gzip', 400, { ...LOCAL, 'content-encoding': 'gzip' }, Buffer.from('{}')],
    [
      'gzip with bytes after it',
      400,
      { ...PROTO, 'content-encoding': 'gzip' },
      Buffer.concat([gzipSync(spans), none, Buffer.from('x')]),
    ],
    ['too large when unpacked', 413, { ...LOCAL, 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(10_001, 0x20))],
    [
      'too large when inflated',
      413,
      { ...LOCAL, 'content-encoding': 'deflate' },
      deflateSync(Buffer.alloc(10_001, 0x20)),
    ],
  ])('%s: refused whole, in the encoding of the request', async (_, status, headers, body) => {
    const { batches, handle } = receiver();
    const reply = await handle(head(headers), body);
    expect([reply.status, batches]).toEqual([status, []]);
    const message =
      headers['content-type'] === 'application/json'
        ? (JSON.parse(textOf(reply)) as { message: string }).message
        : fromBinary(RpcStatusSchema, reply.body).message;
    expect(message).not.toBe('');
  });
});

describe('what could not be kept is told', () => {
  const bad = { ...aSpan(3, undefined), traceId: traceIdOf(0) };

  test('in JSON, 64-bit numbers as text', async () => {
    const span = { traceId: traceIdOf(0), spanId: spanIdOf(1) };
    const body = Buffer.from(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span, span] }] }] }));
    const reply = await receiver().handle(head(LOCAL), body);
    expect(JSON.parse(textOf(reply))).toEqual({
      partialSuccess: { rejectedSpans: '2', errorMessage: '2 with an unusable trace-id' },
    });
  });

  test('in protobuf', async () => {
    const reply = await receiver().handle(head(PROTO), encodeTracesRequest([aSpan(1, undefined), bad]));
    expect(fromBinary(ExportServiceResponseSchema, reply.body).partialSuccess).toMatchObject({ rejected: 1n });
  });

  test.each<[string, number, string, () => Promise<boolean>]>([
    ['no room', 429, '1', async () => false],
    ['the store fails in a way nobody knows', 503, '5', () => Promise.reject(new Error('ENOENT: statfs'))],
    ['the store is away', 503, '5', () => Promise.reject(new PilotError('store.unavailable', 'the disk is full'))],
  ])('%s: the sender is to come again', async (_, status, after, keep) => {
    const reply = await receiver(keep).handle(head(PROTO), spans);
    expect([reply.status, reply.headers['retry-after']]).toEqual([status, after]);
  });

  test('too much under way', () => {
    expect(receiver().refuse(head(PROTO), 503)).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  });
});

describe('what requests take in memory', () => {
  const spaces = gzipSync(
    Buffer.concat([Buffer.from('{"resourceSpans":[]'), Buffer.alloc(1_000_000, 0x20), Buffer.from('}')]),
  );
  const zipped = { ...LOCAL, 'content-encoding': 'gzip' };

  test('is counted unpacked and until it is stored: of 256 small bodies that unpack to a megabyte few are held', async () => {
    const budget = new ByteBudget(8e6, 4e6);
    const stored: (() => void)[] = [];
    const keep = () => new Promise<boolean>((resolve) => stored.push(() => resolve(true)));
    const { batches, handle } = receiver(keep, budget);
    const replies = Array.from({ length: 256 }, (_, n) => handle(head(zipped, { peer: exporterOf(n % 16) }), spaces));
    await expect.poll(() => stored.length).toBeGreaterThan(0);
    await Promise.race(replies); // the first that is refused
    expect(budget.total).toBeLessThanOrEqual(8e6);
    const early = await Promise.all(replies.map((reply) => Promise.race([reply, Promise.resolve('held')])));
    const refused = early.filter((reply) => reply !== 'held');
    expect(refused.length).toBeGreaterThan(200);
    expect(refused[0]).toMatchObject({ status: 429, headers: { 'retry-after': '1' } });
    const storeAll = (): number => {
      while (stored.length > 0) stored.pop()?.();
      return budget.total;
    };
    await expect.poll(storeAll).toBe(0);
    expect(batches.length).toBeLessThan(10);
    const next = handle(head(zipped), spaces);
    await expect.poll(() => stored.length).toBe(1);
    storeAll();
    expect((await next).status).toBe(200);
  });

  test('counts what tiny parts become once they are decoded', async () => {
    const budget = new ByteBudget(1e6, 1e6);
    const body = Buffer.from(`{"resourceSpans":[${'{},'.repeat(9_999)}{}]}`);
    const reply = await receiver(undefined, budget).handle(head(LOCAL), body);
    expect(reply.status).toBe(429);
    expect(budget.total).toBe(0);
  });
});

describe('what is larger than is kept', () => {
  const encode = (changes: Partial<SpanRecord>) => encodeTracesRequest([{ ...aSpan(1, undefined), ...changes }]);
  const text = (bytes: number) => 'x'.repeat(bytes);
  const wide = new ByteBudget(1e9, 1e9);

  async function kept(body: Uint8Array) {
    const { batches, handle } = receiver(undefined, wide);
    const reply = await handle(head(PROTO), body);
    return { partial: fromBinary(ExportServiceResponseSchema, reply.body).partialSuccess, batch: batches[0] };
  }

  test('is left out of a resource, counted with what its sender dropped, and told', async () => {
    const attributes = [
      { key: 'service.name', value: 'a' },
      { key: 'environment', value: text(64 * 1024) },
      { key: 'host.name', value: 'b' },
    ];
    const { partial, batch } = await kept(
      encode({ resource: { attributes, droppedAttributesCount: 2, schemaUrl: '' } }),
    );
    expect(batch?.decoded).toMatchObject({ leftOut: 1, records: [{ resource: { droppedAttributesCount: 3 } }] });
    const { resource } = batch?.decoded.records[0] ?? {};
    expect(resource?.attributes.map(({ key }) => key)).toEqual(['service.name', 'host.name']);
    expect(partial).toMatchObject({ rejected: 0n, errorMessage: expect.stringContaining('1 attributes are larger') });
  });

  test('is left out of spans and their events: what is as long as a prompt stays', async () => {
    const { batch } = await kept(
      encode({
        attributes: [
          { key: 'prompt', value: text(900_000) },
          { key: 'dump', value: text(1_100_000) },
        ],
        events: [{ ...anEvent('e', 1), attributes: [{ key: 'dump', value: text(1_100_000) }] }],
      }),
    );
    expect(batch?.decoded).toMatchObject({
      leftOut: 2,
      records: [{ attributes: [{ key: 'prompt' }], events: [{ attributes: [], droppedAttributesCount: 1 }] }],
    });
  });

  test('is rejected when a span is too large even so', async () => {
    const { partial, batch } = await kept(encode({ name: text(4.5e6) }));
    expect(batch?.decoded.records).toEqual([]);
    expect(partial).toMatchObject({ rejected: 1n, errorMessage: expect.stringContaining('size') });
  });
});
