import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PilotError } from '../../../../node-core/base/errors.ts';
import { ExportServiceResponseSchema } from '../../../../node-core/collector/otlp/generated/otlp_pb.ts';
import type { DeckCollector } from '../../../../node-core/collector-thread/deck-collector.ts';
import { type Bundle, collectorBundle, startTestCollector } from '../../../support/collector.ts';
import { type CorpusCase, corpusBody, corpusCases, type ExpectedSpan } from '../../../support/corpus.ts';
import { type RawReply, sendRaw } from '../../../support/raw-http.ts';

interface StoredSpan {
  readonly span: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
}

let bundle: Bundle;
let folder: string;
let collector: DeckCollector;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'corpus-'));
  bundle = await collectorBundle();
  collector = await startTestCollector(bundle, folder);
});
afterAll(async () => {
  await collector.stop();
  await rm(folder, { recursive: true });
  await bundle.remove();
});

interface KeyValue {
  readonly key: string;
  readonly value: unknown;
}

const listOf = (owner: Readonly<Record<string, unknown>>, name: string): readonly Record<string, unknown>[] =>
  (owner[name] ?? []) as readonly Record<string, unknown>[];

/** All spans of a trace as the store gives them out again, in OTLP JSON. */
async function stored(traceId: string): Promise<StoredSpan[]> {
  try {
    const { json } = await collector.trace.export({ traceIds: [traceId], joined: false });
    return listOf(JSON.parse(json), 'resourceSpans').flatMap((owner) =>
      listOf(owner, 'scopeSpans').flatMap((group) =>
        listOf(group, 'spans').map((span) => ({ span, resource: owner.resource as Record<string, unknown> })),
      ),
    );
  } catch (error) {
    if (error instanceof PilotError && error.code === 'trace.not-found') return [];
    throw error;
  }
}

const DEFAULTS: Readonly<Record<string, unknown>> = { kind: 0, name: '', parentSpanId: '', flags: 0 };

function agrees(span: Readonly<Record<string, unknown>>, expected: ExpectedSpan): void {
  for (const [field, value] of Object.entries(expected)) {
    if (field === 'attributes') agreesByKey(listOf(span, 'attributes') as unknown as KeyValue[], expected.attributes);
    else if (Array.isArray(value)) {
      const items = listOf(span, field);
      expect(items, field).toHaveLength(Math.max(items.length, value.length));
      for (const [index, item] of value.entries()) expect(items[index], `${field} ${index}`).toMatchObject(item);
    } else {
      const found = span[field] ?? DEFAULTS[field] ?? (typeof value === 'string' ? '0' : 0);
      if (typeof value === 'object') expect(found, field).toMatchObject(value as object);
      else expect(found, field).toEqual(value);
    }
  }
}

function agreesByKey(attributes: readonly KeyValue[], expected: Readonly<Record<string, unknown>> = {}): void {
  for (const [key, value] of Object.entries(expected)) {
    expect(attributes.filter((attribute) => attribute.key === key)).toEqual([{ key, value }]);
  }
}

function isSame({ span }: StoredSpan, { traceId, spanId }: ExpectedSpan): boolean {
  return span.traceId === traceId && span.spanId === spanId;
}

function partialSuccess(reply: RawReply): { readonly rejected: number; readonly errorMessage: string } {
  if (reply.headers['content-type'] === 'application/json') {
    const { partialSuccess = {} } = JSON.parse(reply.body.toString()) as { partialSuccess?: Record<string, string> };
    return { rejected: Number(partialSuccess.rejectedSpans ?? 0), errorMessage: partialSuccess.errorMessage ?? '' };
  }
  const { partialSuccess } = fromBinary(ExportServiceResponseSchema, reply.body);
  return { rejected: Number(partialSuccess?.rejected ?? 0n), errorMessage: partialSuccess?.errorMessage ?? '' };
}

async function checkStored({ expect: want }: CorpusCase, reply: RawReply): Promise<void> {
  const { rejected, errorMessage } = partialSuccess(reply);
  const found = (await Promise.all((want.spans ?? []).map(({ traceId }) => stored(traceId)))).flat();
  const missing = (want.spans ?? []).filter((span) => !found.some((other) => isSame(other, span)));
  if (want.told && missing.length > 0) expect(rejected > 0 || errorMessage !== '').toBe(true);
  else expect(missing).toEqual([]);
  for (const span of want.spans ?? []) {
    const same = found.find((other) => isSame(other, span));
    if (same !== undefined) agrees(same.span, span);
  }
  if (want.rejected === 0) expect(rejected).toBe(0);
  if (want.rejected !== undefined && want.rejected > 0 && rejected < want.rejected) {
    expect(want.orStored).toBeDefined();
    const instead = (await Promise.all((want.orStored ?? []).map(({ traceId }) => stored(traceId)))).flat();
    for (const span of want.orStored ?? []) expect(instead.some((other) => isSame(other, span))).toBe(true);
  }
  for (const [traceId, count] of Object.entries(want.count ?? {})) expect(await stored(traceId)).toHaveLength(count);
  if (want.allOrNone !== undefined) expect(await stored(want.allOrNone[0])).toHaveLength(want.allOrNone[1]);
  const first = found[0];
  if (want.resource !== undefined) {
    agreesByKey(listOf(first?.resource ?? {}, 'attributes') as unknown as KeyValue[], want.resource);
  }
  for (const [spanId, pairs] of Object.entries(want.attributeList ?? {})) {
    const attributes = listOf(found.find(({ span }) => span.spanId === spanId)?.span ?? {}, 'attributes');
    for (const [key, value] of pairs) expect(attributes).toContainEqual({ key, value: { stringValue: value } });
  }
}

const cases = corpusCases();

test('the corpus is whole', () => {
  expect(cases.length).toBe(130);
});

describe.each(cases)('$id', (it) => {
  test('gets its status, counts and spans', async () => {
    for (const request of it.requests) {
      const reply = await sendRaw(collector.otlpHttp, request, corpusBody(request));
      expect(it.expect.status).toContain(reply.status);
      if (it.expect.prefer !== undefined) expect(reply.status).toBe(it.expect.prefer);
      for (const name of it.expect.headersAbsent ?? []) expect(reply.headers).not.toHaveProperty(name);
      if (it.expect.maxMs !== undefined) expect(reply.continueMs).toBeLessThan(it.expect.maxMs);
      if (reply.status === 200) {
        const sent = request.headers['Content-Type']?.split(';', 1)[0]?.trim().toLowerCase();
        if (request.method === 'POST') expect(reply.headers['content-type']).toBe(sent);
        if (request === it.requests.at(-1)) await checkStored(it, reply);
      }
    }
    for (const traceId of it.expect.absent ?? []) expect(await stored(traceId)).toEqual([]);
    for (const span of it.expect.forbid ?? []) {
      const wrong = (await stored(span.traceId)).filter(({ span: other }) =>
        Object.entries(span).every(([field, value]) => (other[field] ?? '0') === value),
      );
      expect(wrong).toEqual([]);
    }
  });
});

test('after all of it the store still answers every kind of query, and the process lives', async () => {
  const found = await collector.trace.search({ limit: 2_000, text: 'k' });
  expect(found.traces.length).toBeGreaterThan(0);
  const day = Date.UTC(2026, 10, 1, 12);
  const volume = await collector.trace.volume({ fromMs: day - 60_000, toMs: day + 60_000, buckets: 12 });
  expect(volume.reduce((sum, bucket) => sum + bucket.spans, 0)).toBeGreaterThan(15_000);
});
