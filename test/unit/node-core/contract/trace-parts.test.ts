import { expect, test } from 'vitest';
import { viewTrace } from '../../../../node-core/collector/trace/trace-view.ts';
import type { Trace, TracePart } from '../../../../node-core/contract/trace.ts';
import { joinTrace, partsOf } from '../../../../node-core/contract/trace-parts.ts';
import { aSpan, traceIdOf } from '../../../support/spans.ts';

function aTrace(spans: number, text: string): Trace {
  return viewTrace({
    joined: { traceId: traceIdOf(1), rawTraceIds: [traceIdOf(1)] },
    spans: Array.from({ length: spans }, (_, n) => aSpan(n + 1, n === 0 ? undefined : 1, { values: { text } })),
    joins: [],
    clocks: { reference: undefined, estimates: new Map() },
    totalSpans: spans + 7,
  });
}

async function* arriving(parts: Iterable<TracePart>): AsyncGenerator<TracePart, void, undefined> {
  yield* parts;
}

test.each([
  ['many narrow', 1_001, 'a', 200],
  ['few wide', 30, 'x'.repeat(4_096), 65],
  ['one', 1, '', 1],
])('a trace of %s spans is the same after it has travelled in small parts', async (_, spans, text, most) => {
  const trace = aTrace(spans, text);
  const parts = [...partsOf(trace)];
  expect(await joinTrace(arriving(parts))).toEqual(trace);
  const sizes = parts.map((part) => (part.part === 'spans' ? part.spans.length : 0));
  expect(Math.max(...sizes)).toBeLessThanOrEqual(most);
});

test('parts that end before the first one are no trace', async () => {
  await expect(joinTrace(arriving([]))).rejects.toThrow(TypeError);
});
