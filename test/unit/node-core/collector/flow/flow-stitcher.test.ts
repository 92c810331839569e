import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ATTR, SPAN, SPAN_EVENT } from '../../../../../node-core/base/tracer.ts';
import { FlowStitcher } from '../../../../../node-core/collector/flow/flow-stitcher.ts';
import type { FlowJoin, FoundJoin } from '../../../../../node-core/collector/flow-join.ts';
import type { SpanRecord } from '../../../../../node-core/collector/span.ts';
import {
  anEvent,
  aSpan,
  at,
  exporterOf,
  FlowOnTheWire,
  joinedTrace,
  linkTo,
  spanIdOf,
  traceIdOf,
} from '../../../../support/spans.ts';

function stitched(...spans: readonly SpanRecord[]) {
  const stitcher = new FlowStitcher();
  const joins: FoundJoin[] = [];
  for (const span of spans) {
    stitcher.handleSpan(span);
    for (let join = stitcher.pollJoin(); join !== undefined; join = stitcher.pollJoin()) joins.push(join);
  }
  return { stitcher, joins };
}

const flow = new FlowOnTheWire(1, 2);

test('the id of the specification', () => {
  const known = { ...exporterOf(1) };
  expect(known.publicKey).toBe('01'.repeat(32));
  expect(flow.flowId).toBe('b240e19412363f3a3e13ef83e236d9fd');
});

describe('both ends of a stream', () => {
  test('are joined by flow id alone, whatever traces they are in', () => {
    const { joins } = stitched(flow.dialled(11, 10, [0, 50]), flow.accepted(21, undefined, [2, 48]));
    expect(joins).toEqual([
      {
        flowId: flow.flowId,
        kind: 'joined',
        diallerTraceId: traceIdOf(1),
        diallerSpanId: spanIdOf(11),
        acceptorTraceId: traceIdOf(2),
        acceptorSpanId: spanIdOf(21),
        by: exporterOf(1).publicKey,
      },
    ]);
  });

  test('are joined in a trace of the stream itself when nothing is its parent', () => {
    const { joins } = stitched(flow.dialled(11, undefined, [0, 50]), flow.accepted(21, undefined, [2, 48]));
    expect(joins.map((join) => join.kind)).toEqual(['joined']);
  });

  test('come under the one request that a stream was used for, known by a link', () => {
    const request = linkTo(traceIdOf(7), spanIdOf(70));
    const { joins } = stitched(
      flow.dialled(11, undefined, [0, 50], { links: [request] }),
      flow.accepted(21, undefined, [2, 48], { links: [request] }),
    );
    expect(joins.map((join) => [join.kind, join.diallerTraceId, join.acceptorTraceId])).toEqual([
      ['joined', traceIdOf(1), traceIdOf(2)],
      ['joined', traceIdOf(7), traceIdOf(1)],
    ]);
    expect(joinedTrace(joins, traceIdOf(2)).traceId).toBe(traceIdOf(7));
  });

  test('of a long stream are linked to each of its requests, never merged', () => {
    const requests = [7, 8, 9].map((n) => linkTo(traceIdOf(n), spanIdOf(10 * n)));
    const { joins } = stitched(
      flow.dialled(11, undefined, [0, 50], { links: requests }),
      flow.accepted(21, undefined, [2, 48], { links: requests.slice(1) }),
    );
    expect(joins.map((join) => [join.kind, join.diallerTraceId])).toEqual([
      ['joined', traceIdOf(1)],
      ['linked', traceIdOf(7)],
      ['linked', traceIdOf(8)],
      ['linked', traceIdOf(9)],
    ]);
    expect(joinedTrace(joins, traceIdOf(7)).rawTraceIds).toEqual([traceIdOf(7)]);
    expect(joinedTrace(joins, traceIdOf(2)).rawTraceIds).toEqual([traceIdOf(1), traceIdOf(2)]);
  });

  test.each([
    {
      what: 'another request than its parent',
      dialler: 10,
      links: [linkTo(traceIdOf(7), spanIdOf(70))],
      acceptor: undefined,
    },
    { what: 'two traces that are parents of one end each', dialler: 10, links: [], acceptor: 20 },
  ])('are linked only, when the stream has $what', ({ dialler, links, acceptor }) => {
    const { joins } = stitched(flow.dialled(11, dialler, [0, 50], { links }), flow.accepted(21, acceptor, [2, 48]));
    expect(new Set(joins.map((join) => join.kind))).toEqual(new Set(['linked']));
  });

  test('stay joined when the acceptor links back to the trace it was asked from', () => {
    const back = linkTo(traceIdOf(1), spanIdOf(10));
    const { joins } = stitched(flow.dialled(11, 10, [0, 50]), flow.accepted(21, undefined, [2, 48], { links: [back] }));
    expect(joins.map((join) => join.kind)).toEqual(['joined']);
  });

  test('give their handshake as evidence about clocks, dated when it was', () => {
    const { stitcher } = stitched(
      flow.dialled(11, 10, [0, 60_000], { arrivedAt: at(60_010) }),
      flow.accepted(21, undefined, [3_002, 63_000], { arrivedAt: at(60_030) }),
    );
    const times = stitcher.pollHandshake();
    expect(times).toMatchObject({
      dialler: { nodeId: 1, publicKey: exporterOf(1).publicKey },
      acceptor: { nodeId: 2 },
      t1: at(0),
      t2: at(3_002),
      t3: at(3_002),
      t4: at(4),
    });
    expect(times?.at).toBeCloseTo(Number(at(10)) / 1e6, 1);
    expect(stitcher.pollHandshake()).toBeUndefined();
  });

  test('tell the clock epoch of each event, or of the span', () => {
    const events = [anEvent(SPAN_EVENT.synSent, 0, { [ATTR.clockEpoch]: 3 }), anEvent(SPAN_EVENT.synAckReceived, 4)];
    const { stitcher } = stitched(
      flow.dialled(11, 10, [0, 50], { events, values: { [ATTR.clockEpoch]: 4 } }),
      flow.accepted(21, undefined, [2, 48]),
    );
    expect(stitcher.pollHandshake()).toMatchObject({ diallerEpochs: [3, 4], acceptorEpochs: [0, 0] });
  });
});

describe('a dial whose answer was lost', () => {
  test('joins what the peer accepted, in either order', () => {
    const dial = flow.unanswered(11, 10, [0, 17_000]);
    const half = flow.accepted(21, undefined, [2, 10_000]);
    for (const { joins } of [stitched(dial, half), stitched(half, dial)]) {
      expect(joins).toMatchObject([{ kind: 'joined', diallerSpanId: spanIdOf(11), acceptorSpanId: spanIdOf(21) }]);
    }
  });

  test('leaves the stream span that never opened an ordinary one', () => {
    const never = { ...flow.unanswered(12, 10, [0, 17_000]), name: SPAN.stream };
    const { stitcher, joins } = stitched(never, flow.accepted(21, undefined, [2, 48]));
    expect(joins).toEqual([]);
    expect(stitcher.ignored.malformed).toBe(0);
  });

  test('joins nothing when it was answered: its stream does', () => {
    const dial = aSpan(11, 10, { name: SPAN.dial, from: 1, values: flow.attributes('dialler') });
    expect(stitched(dial, flow.accepted(21, undefined, [2, 48])).joins).toEqual([]);
  });
});

describe('a claim that is not believed', () => {
  const honest = flow.accepted(21, undefined, [2, 48]);
  test.each<[string, SpanRecord]>([
    ['unauthenticated', { ...honest, exporter: undefined }],
    ['not-an-end-of-it', { ...honest, exporter: exporterOf(3) }],
    ['not-an-end-of-it', { ...honest, exporter: exporterOf(1) }],
    ['id-differs', flow.accepted(21, undefined, [2, 48], { values: { [ATTR.flowAcceptorSeq]: 5 } })],
    ['id-differs', flow.accepted(21, undefined, [2, 48], { values: { [ATTR.dialId]: flow.flowId } })],
    ['malformed', flow.accepted(21, undefined, [2, 48], { values: { [ATTR.flowRole]: 'bystander' } })],
    ['malformed', flow.accepted(21, undefined, [2, 48], { values: { [ATTR.flowDiallerKey]: '01' } })],
    ['malformed', flow.accepted(21, undefined, [2, 48], { values: { [ATTR.flowDiallerPort]: 65_536 + 49_152 } })],
    ['malformed', flow.accepted(21, undefined, [2, 48], { values: { [ATTR.flowDiallerSeq]: -1 } })],
  ])('%s', (reason, span) => {
    const { stitcher, joins } = stitched(flow.dialled(11, 10, [0, 50]), span);
    expect(joins).toEqual([]);
    expect(stitcher.ignored[reason as keyof typeof stitcher.ignored]).toBe(1);
  });

  test('second-claim: an end cannot speak twice', () => {
    const { stitcher, joins } = stitched(
      flow.dialled(11, 10, [0, 50]),
      honest,
      flow.accepted(22, undefined, [2, 48], { traceId: traceIdOf(5) }),
    );
    expect(joins).toHaveLength(1);
    expect(stitcher.ignored['second-claim']).toBe(1);
  });

  test('same-key: nobody is both ends of a flow, or one exporter could merge any two traces', () => {
    const alone = new FlowOnTheWire(3, 3);
    const { stitcher, joins } = stitched(
      alone.dialled(31, 30, [0, 50], { traceId: traceIdOf(7) }),
      alone.accepted(32, undefined, [0, 50], { traceId: traceIdOf(8) }),
    );
    expect(joins).toEqual([]);
    expect(stitcher.ignored).toMatchObject({ 'same-key': 2 });
  });

  test('second-claim: a dial that was not answered is of one trace', () => {
    const { stitcher, joins } = stitched(
      flow.accepted(21, undefined, [2, 48]),
      ...[5, 6, 7].map((n) => ({ ...flow.unanswered(n, 10, [0, 17_000]), traceId: traceIdOf(n) })),
    );
    expect(joins).toHaveLength(1);
    expect(stitcher.ignored['second-claim']).toBe(2);
  });

  test('a link that only one end names points, and merges nothing', () => {
    const request = linkTo(traceIdOf(7), spanIdOf(70));
    const { joins } = stitched(
      flow.dialled(11, undefined, [0, 50], { links: [request] }),
      flow.accepted(21, undefined, [2, 48]),
    );
    expect(joins.map((join) => [join.kind, join.diallerTraceId])).toEqual([
      ['joined', traceIdOf(1)],
      ['linked', traceIdOf(7)],
    ]);
  });

  test('a span of another kind about a flow is neither believed nor counted', () => {
    const { stitcher, joins } = stitched(aSpan(5, undefined, { values: flow.attributes('dialler') }));
    expect(joins).toEqual([]);
    expect(Object.values(stitcher.ignored)).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });
});

describe('what is remembered', () => {
  test('is bounded, and one exporter cannot push out the others', () => {
    const stitcher = new FlowStitcher({ flows: 1_000, flowsOfOneNode: 100 });
    stitcher.handleSpan(flow.dialled(11, 10, [0, 50]));
    for (let n = 0; n < 5_000; n++) {
      stitcher.handleSpan(new FlowOnTheWire(3, 1, n).dialled(n + 100, undefined, [0, 50]));
      stitcher.handleSpan(new FlowOnTheWire(3, 1, n).unanswered(n + 100, undefined, [0, 50]));
    }
    expect(stitcher.remembered).toBe(201);
    stitcher.handleSpan(flow.accepted(21, undefined, [2, 48]));
    expect(stitcher.pollJoin()?.flowId).toBe(flow.flowId);
  });

  test('is bounded over all exporters', () => {
    const stitcher = new FlowStitcher({ flows: 50, flowsOfOneNode: 10 });
    for (let node = 1; node < 200; node++) {
      for (let n = 0; n < 3; n++) stitcher.handleSpan(new FlowOnTheWire(node, 250, n).dialled(1, undefined, [0, 5]));
    }
    expect(stitcher.remembered).toBe(50);
  });
});

/** Node 1 asks 2, which asks 3 and 4: four raw traces, and the dial to 5 was lost on its way back. */
function journey(): SpanRecord[] {
  const spans: SpanRecord[] = [];
  const hops: readonly [from: number, to: number][] = [
    [1, 2],
    [2, 3],
    [2, 4],
  ];
  for (const [index, [from, to]] of hops.entries()) {
    const hop = new FlowOnTheWire(from, to, 1_000 + index, 2_000 + index);
    const traceId = traceIdOf(from);
    spans.push(hop.dialled(100 * from + to, 100 * from, [index, 50], { traceId }));
    spans.push(hop.accepted(100 * to, undefined, [index, 50], { traceId: traceIdOf(to) }));
  }
  const lost = new FlowOnTheWire(4, 5, 77);
  spans.push({ ...lost.unanswered(405, 400, [0, 9]), traceId: traceIdOf(4) });
  spans.push(lost.accepted(500, undefined, [1, 9], { traceId: traceIdOf(5) }));
  return spans;
}

const inOrder = (joins: readonly FlowJoin[]): string[] => joins.map((join) => JSON.stringify(join)).sort();

test('any order and any repetition give the same joins, and any raw id opens the trace of the root dialler', () => {
  const expected = inOrder(stitched(...journey()).joins);
  expect(expected).toHaveLength(4);
  const shuffled = fc.shuffledSubarray([...journey(), ...journey()], { minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(shuffled, (spans) => {
      const { joins } = stitched(...spans);
      expect(inOrder(joins)).toEqual(expected);
      for (let n = 1; n <= 5; n++) {
        expect(joinedTrace(joins, traceIdOf(n))).toEqual({
          traceId: traceIdOf(1),
          rawTraceIds: [1, 2, 3, 4, 5].map(traceIdOf),
        });
      }
    }),
  );
});

describe('the family of a trace', () => {
  const join = (from: number, to: number): FlowJoin => ({
    flowId: flow.flowId,
    kind: 'joined',
    diallerTraceId: traceIdOf(from),
    diallerSpanId: spanIdOf(from),
    acceptorTraceId: traceIdOf(to),
    acceptorSpanId: spanIdOf(to),
  });

  test('is itself when nothing was joined', () => {
    expect(joinedTrace([], traceIdOf(4))).toEqual({ traceId: traceIdOf(4), rawTraceIds: [traceIdOf(4)] });
  });

  test('has one root even where joins run in a circle', () => {
    const circle = [join(5, 3), join(3, 4), join(4, 5)];
    for (const n of [3, 4, 5]) expect(joinedTrace(circle, traceIdOf(n)).traceId).toBe(traceIdOf(3));
  });

  test('leaves other families alone', () => {
    expect(joinedTrace([join(1, 2), join(3, 4)], traceIdOf(4)).rawTraceIds).toEqual([traceIdOf(3), traceIdOf(4)]);
  });
});
