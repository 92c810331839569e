import { describe, expect, test } from 'vitest';
import { ATTR, SPAN, SPAN_EVENT, silentTracer } from '../../../../node-core/base/tracer.ts';
import {
  type RecordedSpan,
  type RecordingOptions,
  RecordingTracer,
} from '../../../../node-core/collector/recording-tracer.ts';
import { attributeOf, EMPTY_RESOURCE, SPAN_KIND, STATUS_CODE } from '../../../../node-core/collector/span.ts';

function recording(options: Partial<RecordingOptions> = {}) {
  const spans: RecordedSpan[] = [];
  let drawn = 0;
  const random = (length: number) => Uint8Array.from({ length }, () => ++drawn);
  const tracer = new RecordingTracer({
    random,
    resource: EMPTY_RESOURCE,
    sink: (span) => spans.push(span),
    ...options,
  });
  return { tracer, spans };
}

describe('a recorded span', () => {
  test('holds what it was told, with OpenTelemetry types', () => {
    const { tracer, spans } = recording();
    const span = tracer.startSpan(SPAN.dial, { at: 5n, kind: 'client', attributes: { [ATTR.port]: 7, ratio: 0.5 } });
    span.setAttributes({ tags: ['a', 'b'], [ATTR.port]: 1001, half: 'cut \ud800' });
    span.addEvent(SPAN_EVENT.synSent, 6n, { attempt: 2 });
    span.addLink({ traceId: 'aa'.repeat(16), spanId: 'bb'.repeat(8) });
    span.end(9n, { code: 'error', message: 'no answer' });
    expect(spans).toMatchObject([
      {
        traceId: '0102030405060708090a0b0c0d0e0f10',
        spanId: '1112131415161718',
        parentSpanId: '',
        name: 'pilot.dial',
        kind: SPAN_KIND.client,
        startTimeUnixNano: 5n,
        endTimeUnixNano: 9n,
        attributes: [
          { key: ATTR.port, value: 1001n },
          { key: 'ratio', value: 0.5 },
          { key: 'tags', value: ['a', 'b'] },
          { key: 'half', value: 'cut \ufffd' },
        ],
        events: [{ name: SPAN_EVENT.synSent, timeUnixNano: 6n, attributes: [{ key: 'attempt', value: 2n }] }],
        links: [{ traceId: 'aa'.repeat(16), spanId: 'bb'.repeat(8) }],
        status: { code: STATUS_CODE.error, message: 'no answer' },
      },
    ]);
  });

  test('belongs to the trace of its parent', () => {
    const { tracer, spans } = recording();
    const parent = tracer.startSpan('parent', { at: 1n });
    tracer.startSpan('child', { at: 2n, parent: parent.context }).end(3n);
    expect(spans[0]).toMatchObject({ traceId: parent.context.traceId, parentSpanId: parent.context.spanId });
  });

  test('is a root under a parent that records nothing', () => {
    const { tracer, spans } = recording();
    const silent = silentTracer.startSpan('silent', { at: 1n });
    tracer.startSpan('child', { at: 2n, parent: silent.context, links: [silent.context] }).end(3n);
    expect(spans[0]).toMatchObject({ parentSpanId: '', links: [] });
    expect(spans[0]?.traceId).not.toBe(silent.context.traceId);
  });

  test('is recorded once, at its end', () => {
    const { tracer, spans } = recording();
    const span = tracer.startSpan('work', { at: 1n });
    expect(spans).toEqual([]);
    span.end(2n);
    span.setAttributes({ late: true });
    span.addEvent('late', 3n);
    span.end(3n);
    expect(spans).toMatchObject([{ endTimeUnixNano: 2n, attributes: [], events: [] }]);
  });

  test('is bounded, and counts what it lost', () => {
    const { tracer, spans } = recording();
    const span = tracer.startSpan('long', { at: 1n });
    for (let i = 0; i < 200; i++) {
      span.setAttributes({ [`key ${i}`]: 'x'.repeat(10_000) });
      span.addEvent(`event ${i}`, BigInt(i));
      span.addLink({ traceId: 'aa'.repeat(16), spanId: 'bb'.repeat(8) });
    }
    span.end(2n);
    const recorded = spans[0];
    expect([recorded?.attributes.length, recorded?.events.length, recorded?.links.length]).toEqual([128, 128, 128]);
    expect(recorded).toMatchObject({ droppedAttributesCount: 72, droppedEventsCount: 72, droppedLinksCount: 72 });
    expect(attributeOf(recorded?.attributes ?? [], 'key 0')).toHaveLength(4_096);
  });
});

describe('sampling', () => {
  const flowId = 'b240e19412363f3a3e13ef83e236d9fd';

  test('is asked by flow id, and leaves the evidence about clocks of a dropped flow', () => {
    const asked: string[] = [];
    const { tracer, spans } = recording({
      keepsFlow: (id) => {
        asked.push(id);
        return false;
      },
    });
    const span = tracer.startSpan(SPAN.stream, { at: 1n, attributes: { [ATTR.flowId]: flowId, [ATTR.bytesSent]: 3 } });
    span.addEvent(SPAN_EVENT.synSent, 1n);
    span.addEvent(SPAN_EVENT.pathChanged, 2n);
    span.addEvent(SPAN_EVENT.synAckReceived, 2n);
    span.end(3n);
    expect(asked).toEqual([flowId]);
    expect(spans).toMatchObject([
      {
        flags: 0,
        attributes: [{ key: ATTR.flowId, value: flowId }],
        events: [{ name: SPAN_EVENT.synSent }, { name: SPAN_EVENT.synAckReceived }],
        droppedAttributesCount: 1,
        droppedEventsCount: 1,
      },
    ]);
  });

  test('drops a flow without such evidence whole, and never what is no flow', () => {
    const { tracer, spans } = recording({ keepsFlow: () => false });
    tracer.startSpan(SPAN.dial, { at: 1n, attributes: { [ATTR.dialId]: flowId } }).end(2n);
    tracer.startSpan(SPAN.resolve, { at: 1n }).end(2n);
    expect(spans.map((span) => span.name)).toEqual([SPAN.resolve]);
  });
});
