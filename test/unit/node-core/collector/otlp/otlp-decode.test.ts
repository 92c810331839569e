import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PilotError } from '../../../../../node-core/base/errors.ts';
import { decodeLogs, decodeTraces } from '../../../../../node-core/collector/otlp/otlp-decode.ts';
import { rewriteWideIntegers } from '../../../../../node-core/collector/otlp/otlp-decode-json-text.ts';
import { MOST_DEPTH } from '../../../../../node-core/collector/otlp/otlp-decode-parts.ts';
import { encodeLogsRequest, encodeTracesRequest } from '../../../../../node-core/collector/otlp/otlp-encode.ts';
import { encodeTracesJson } from '../../../../../node-core/collector/otlp/otlp-encode-json.ts';
import type { AnyValue, KeyValue, SpanRecord } from '../../../../../node-core/collector/span.ts';
import { aSpan } from '../../../../support/spans.ts';

const arrival = { arrivedAt: 5n, exporter: undefined };
const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const request = (span: object, more: object = {}) => ({
  resourceSpans: [{ scopeSpans: [{ spans: [span] }] }],
  ...more,
});
const ids = { traceId: '5b8efff798038103d269b633813fc60c', spanId: 'eee19b7ec3c1b174' };

function decodeOne(span: object): SpanRecord | undefined {
  return decodeTraces(json(request({ ...ids, ...span })), 'json', arrival).records[0];
}

const text = fc.string({ unit: 'grapheme' });
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const uint32 = fc.nat(0xffff_ffff);
const double = fc.double().map((value) => (Object.is(value, -0) ? 0 : value)); // JSON has no sign for zero
const { value: anyValue } = fc.letrec<{ value: AnyValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constant(null),
    text,
    fc.boolean(),
    int64,
    double,
    fc.uint8Array().map((bytes) => new Uint8Array(bytes)),
    fc.array(tie('value'), { maxLength: 3 }),
    fc
      .uniqueArray(fc.record({ key: fc.string({ minLength: 1 }), value: tie('value') }), {
        selector: ({ key }) => key,
        maxLength: 3,
      })
      .map((entries) => ({ entries })),
  ),
}));
const attributes: fc.Arbitrary<KeyValue[]> = fc.uniqueArray(
  fc.record({ key: fc.string({ minLength: 1 }), value: anyValue }),
  { selector: ({ key }) => key, maxLength: 4 },
);
const hex = (digits: number) =>
  fc.bigInt({ min: 1n, max: 16n ** BigInt(digits) - 1n }).map((number) => number.toString(16).padStart(digits, '0'));
const anySpan: fc.Arbitrary<SpanRecord> = fc
  .record({
    traceId: hex(32),
    spanId: hex(16),
    parentSpanId: fc.oneof(fc.constant(''), hex(16)),
    traceState: text,
    flags: uint32,
    name: text,
    kind: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    startTimeUnixNano: uint64,
    endTimeUnixNano: uint64,
    attributes,
    droppedAttributesCount: uint32,
    events: fc.array(fc.record({ timeUnixNano: uint64, name: text, attributes, droppedAttributesCount: uint32 }), {
      maxLength: 2,
    }),
    droppedEventsCount: uint32,
    links: fc.array(
      fc.record({
        traceId: hex(32),
        spanId: hex(16),
        traceState: text,
        attributes,
        droppedAttributesCount: uint32,
        flags: uint32,
      }),
      { maxLength: 2 },
    ),
    droppedLinksCount: uint32,
    status: fc.record({ code: fc.nat(3), message: text }),
    resource: fc.record({ attributes, droppedAttributesCount: uint32, schemaUrl: text }),
    scope: fc.record({ name: text, version: text, attributes, droppedAttributesCount: uint32, schemaUrl: text }),
  })
  .map((span) => ({ ...span, ...arrival }));

describe('a span survives the way through', () => {
  test.each([
    ['protobuf', (span: SpanRecord) => encodeTracesRequest([span])],
    ['json', (span: SpanRecord) => new TextEncoder().encode(encodeTracesJson([span]))],
  ] as const)('%s', (encoding, encode) => {
    fc.assert(
      fc.property(anySpan, (span) => {
        const { records, rejected, warning } = decodeTraces(encode(span), encoding, arrival);
        expect(records).toEqual([span]);
        expect([rejected.size, warning]).toEqual([0, undefined]);
      }),
    );
  });

  test('records of one resource share it, and of one scope too', () => {
    const span = aSpan(1, undefined);
    const { records } = decodeTraces(
      encodeTracesRequest([span, { ...aSpan(2, 1), resource: span.resource }]),
      'protobuf',
      arrival,
    );
    expect(records[0]?.resource).toBe(records[1]?.resource);
  });

  test('a log record', () => {
    const log = {
      timeUnixNano: 7n,
      observedTimeUnixNano: 8n,
      severityNumber: 9,
      severityText: 'INFO',
      body: { entries: [{ key: 'n', value: 2n ** 60n }] },
      attributes: [{ key: 'a', value: 1.5 }],
      droppedAttributesCount: 1,
      flags: 1,
      ...ids,
      eventName: 'pilot.node.report',
      resource: { attributes: [{ key: 'service.name', value: 'desk-1' }], droppedAttributesCount: 0, schemaUrl: '' },
      scope: { name: 's', version: '1', attributes: [], droppedAttributesCount: 0, schemaUrl: '' },
    };
    expect(decodeLogs(encodeLogsRequest([log]), 'protobuf', arrival).records).toEqual([{ ...log, ...arrival }]);
  });
});

describe('numbers in JSON keep their digits', () => {
  test.each([
    ['{"n":9007199254740993}', '{"n":"9007199254740993"}'],
    ['[-9223372036854775808]', '["-9223372036854775808"]'],
    ['{"text":"9007199254740993"}', '{"text":"9007199254740993"}'],
    ['{"a\\"9007199254740993":1}', '{"a\\"9007199254740993":1}'],
    ['{"a\\\\":9007199254740993}', '{"a\\\\":"9007199254740993"}'],
    ['[12345678901234567.5, 1e300, 123456789012345]', '[12345678901234567.5, 1e300, 123456789012345]'],
    ['[00000000000000012]', '[00000000000000012]'],
    ['{"open":"9007199254740993', '{"open":"9007199254740993'],
  ])('%s', (given, expected) => {
    expect(rewriteWideIntegers(given, (digits) => `"${digits}"`)).toBe(expected);
  });

  test('any JSON means the same afterwards, but for its wide integers', () => {
    fc.assert(
      fc.property(fc.json(), (given) => {
        const rewritten = rewriteWideIntegers(given, (digits) => `${digits}`);
        expect(rewritten).toBe(given);
      }),
    );
  });
});

describe('what is odd but clear is understood', () => {
  test.each<[string, object, object]>([
    ['ids in upper case', { traceId: ids.traceId.toUpperCase() }, { traceId: ids.traceId }],
    ['a zero parent is no parent', { parentSpanId: '0000000000000000' }, { parentSpanId: '' }],
    ['names of enumerations', { kind: 'SPAN_KIND_CLIENT', status: { code: 'STATUS_CODE_OK' } }, { kind: 3 }],
    ['a kind of the future', { kind: 17 }, { kind: 17 }],
    ['numbers for 64-bit integers', { startTimeUnixNano: 12 }, { startTimeUnixNano: 12n }],
    ['half a character', { name: 'a\ud83d' }, { name: 'a\ufffd' }],
    ['null', { attributes: null, events: null, status: null }, { attributes: [], events: [] }],
  ])('%s', (_, given, expected) => {
    expect(decodeOne(given)).toMatchObject(expected);
  });

  test('of two values of one key the last is kept, in the place of the first; an empty key is dropped and counted', () => {
    const pair = (key: string, n: number) => ({ key, value: { intValue: String(n) } });
    const span = decodeOne({ attributes: [pair('a', 1), pair('b', 2), pair('a', 3), pair('', 4)] });
    expect(span?.attributes).toEqual([
      { key: 'a', value: 3n },
      { key: 'b', value: 2n },
    ]);
    expect(span?.droppedAttributesCount).toBe(1);
  });

  test('a link without usable ids is dropped and counted', () => {
    const span = decodeOne({ links: [{ traceId: 'no hex' }, { traceId: ids.traceId, spanId: '' }] });
    expect([span?.links.length, span?.droppedLinksCount]).toEqual([1, 1]);
  });

  test('a request of which nothing is known gets a hint', () => {
    const { records, warning } = decodeTraces(json({ resourceLogs: [] }), 'json', arrival);
    expect([records.length, warning]).toEqual([0, expect.stringContaining('"resourceLogs"')]);
  });
});

describe('a span that cannot be stored right is rejected, its neighbour kept', () => {
  test.each<[string, string, object]>([
    ['trace-id', 'short', { traceId: '5b8e' }],
    ['trace-id', 'zero', { traceId: '0'.repeat(32) }],
    ['trace-id', 'base64', { traceId: 'W47/95gDgQPSabYzgT/GDA==' }],
    ['trace-id', 'a number', { traceId: 5 }],
    ['span-id', 'absent', { spanId: undefined }],
    ['parent-id', 'short', { parentSpanId: 'ab' }],
    ['number', 'beyond int64', { attributes: [{ key: 'n', value: { intValue: '9223372036854775808' } }] }],
    ['number', 'a fraction', { attributes: [{ key: 'n', value: { intValue: 1.5 } }] }],
    ['number', 'a negative time', { startTimeUnixNano: '-1' }],
    ['number', 'a date', { startTimeUnixNano: '2026-11-01T12:00:00Z' }],
    ['number', 'no double', { attributes: [{ key: 'n', value: { doubleValue: 'fast' } }] }],
    ['text', 'a number for a name', { name: 5 }],
    ['bytes', 'no base64', { attributes: [{ key: 'n', value: { bytesValue: '%%' } }] }],
    ['enum', 'an unknown name', { kind: 'SPAN_KIND_OTHER' }],
  ])('%s: %s', (reason, _, change) => {
    const good = { ...ids, spanId: '00f067aa0ba902b7' };
    const body = json({ resourceSpans: [{ scopeSpans: [{ spans: [{ ...ids, ...change }, good] }] }] });
    const { records, rejected } = decodeTraces(body, 'json', arrival);
    expect(records.map(({ spanId }) => spanId)).toEqual([good.spanId]);
    expect([...rejected]).toEqual([[reason, 1]]);
  });

  test('an unusable resource costs all spans under it, counted', () => {
    const bad = { attributes: [{ key: 'n', value: { intValue: 'x' } }] };
    const body = json({ resourceSpans: [{ resource: bad, scopeSpans: [{ spans: [ids, ids] }] }] });
    expect([...decodeTraces(body, 'json', arrival).rejected]).toEqual([['number', 2]]);
  });
});

describe('a request that is not what its type says is refused whole', () => {
  const deep = (depth: number): object =>
    depth === 0 ? { intValue: '1' } : { arrayValue: { values: [deep(depth - 1)] } };
  test.each<[string, unknown]>([
    ['an array', []],
    ['a text', 'spans'],
    ['an object for an array', { resourceSpans: {} }],
    ['an object for a number', request({ ...ids, startTimeUnixNano: { low: 1, high: 2 } })],
    ['too deep', request({ ...ids, attributes: [{ key: 'd', value: deep(MOST_DEPTH + 1) }] })],
  ])('JSON: %s', (_, value) => {
    expect(() => decodeTraces(json(value), 'json', arrival)).toThrow(PilotError);
  });

  test.each<[string, number[]]>([
    ['a text', [...Buffer.from('{"resourceSpans":[]}')]],
    ['cut', [0x0a, 0x05, 0x0a]],
    ['a number for a message', [0x08, 0x01]],
    ['an inner message longer than the outer', [0x0a, 0x02, 0x12, 0x04, 0x0a, 0x00, 0x0a, 0x00]],
    ['an unknown number of 11 bytes', [0x38, ...Array<number>(10).fill(0xff), 0x01]],
    ['a group without end', [0x3b]],
  ])('protobuf: %s', (_, bytes) => {
    expect(() => decodeTraces(Uint8Array.from(bytes), 'protobuf', arrival)).toThrow(
      expect.objectContaining({ code: 'frame.invalid' }),
    );
  });

  test('more parts than memory has room for', () => {
    const messages = new Uint8Array(2_000_004).fill(0).map((_, index) => (index % 2 === 0 ? 0x0a : 0x00));
    const oversize = expect.objectContaining({ code: 'frame.oversize' });
    expect(() => decodeTraces(messages, 'protobuf', arrival)).toThrow(oversize);
    const objects = new TextEncoder().encode(`{"resourceSpans":[${'{},'.repeat(1_000_001)}{}]}`);
    expect(() => decodeTraces(objects, 'json', arrival)).toThrow(oversize);
  });

  test('no bytes at all do anything but decode or be refused', () => {
    const body = encodeTracesRequest([aSpan(1, undefined, { values: { a: 'text', n: 5 } })]);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(body.length - 1), fc.nat(255)), { maxLength: 6 }), (changes) => {
        const changed = body.slice();
        for (const [at, byte] of changes) changed[at] = byte;
        for (const encoding of ['protobuf', 'json'] as const) {
          try {
            decodeTraces(changed, encoding, arrival);
            decodeLogs(changed, encoding, arrival);
          } catch (error) {
            expect(error).toBeInstanceOf(PilotError);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
