import { describe, expect, test } from 'vitest';
import { ATTR, SPAN, SPAN_EVENT } from '../../../../../node-core/base/tracer.ts';
import { ClockOffsets } from '../../../../../node-core/collector/flow/clock-offsets.ts';
import { FlowStitcher } from '../../../../../node-core/collector/flow/flow-stitcher.ts';
import type { FlowJoin } from '../../../../../node-core/collector/flow-join.ts';
import type { SpanRecord } from '../../../../../node-core/collector/span.ts';
import { viewTrace } from '../../../../../node-core/collector/trace/trace-view.ts';
import { type Trace, type TraceSpan, trace as traceShape } from '../../../../../node-core/contract/trace.ts';
import { cpuGrowth } from '../../../../support/cpu-growth.ts';
import {
  anEvent,
  aSpan,
  at,
  exporterOf,
  FlowOnTheWire,
  joinedTrace,
  resourceOf,
  traceIdOf,
} from '../../../../support/spans.ts';

/** What the collector does with the spans it got: stitch, learn the clocks, and show the trace of any of its raw ids. */
function shown(spans: readonly SpanRecord[], reference: number | undefined = 1): Trace {
  const stitcher = new FlowStitcher();
  const offsets = new ClockOffsets();
  const joins: FlowJoin[] = [];
  for (const span of spans) stitcher.handleSpan(span);
  for (let join = stitcher.pollJoin(); join !== undefined; join = stitcher.pollJoin()) joins.push(join);
  let now = 0;
  for (let times = stitcher.pollHandshake(); times !== undefined; times = stitcher.pollHandshake()) {
    offsets.addHandshake(times);
    now = Math.max(now, times.at);
  }
  const estimates = reference === undefined ? new Map() : offsets.estimates(exporterOf(reference).publicKey, now);
  const joined = joinedTrace(joins, spans[0]?.traceId ?? traceIdOf(1));
  const view = viewTrace({
    joined,
    spans,
    joins,
    clocks: { reference: reference === undefined ? undefined : exporterOf(reference).publicKey, estimates },
  });
  expect(traceShape.parse(view)).toEqual(view);
  return view;
}

const named = (view: Trace, name: string): TraceSpan => view.spans.find((span) => span.name === name) as TraceSpan;

const flow = new FlowOnTheWire(1, 2);
/** How far ahead node 2's clock is. */
const AHEAD = 3_000;

/** Node 1 asks node 2, which thinks for 300 ms; the path changes from a relay to punched on the way back. */
function query(): SpanRecord[] {
  const relay = { [ATTR.path]: 'relay', [ATTR.peerNodeId]: 2, [ATTR.groupId]: 12 };
  const on2 = { from: 2, traceId: traceIdOf(2) };
  const dialled = flow.dialled(12, 10, [180, 900], {
    values: { ...relay, [ATTR.path]: 'punched' }, // the last one
    events: [
      anEvent(SPAN_EVENT.synSent, 180),
      anEvent(SPAN_EVENT.synAckReceived, 220),
      anEvent(SPAN_EVENT.pathChanged, 700, { [ATTR.path]: 'punched', [ATTR.previousPath]: 'relay' }),
    ],
  });
  const accepted = flow.accepted(21, undefined, [AHEAD + 200, AHEAD + 890], {
    values: { [ATTR.path]: 'relay', [ATTR.peerNodeId]: 1 },
    events: [
      anEvent(SPAN_EVENT.synReceived, AHEAD + 199),
      anEvent(SPAN_EVENT.synAckSent, AHEAD + 201),
      anEvent(SPAN_EVENT.pathChanged, AHEAD + 700, { [ATTR.path]: 'punched', [ATTR.previousPath]: 'relay' }),
    ],
  });
  return [
    aSpan(10, undefined, { name: 'invoke_agent issuers', from: 1, ms: [0, 912], values: { [ATTR.title]: 'Issuers' } }),
    aSpan(11, 10, { name: 'chat plan', from: 1, ms: [0, 150], values: { 'gen_ai.operation.name': 'chat' } }),
    aSpan(13, 10, { name: SPAN.resolve, from: 1, ms: [150, 180] }),
    dialled,
    accepted,
    aSpan(22, 21, { name: 'execute_tool search', ...on2, ms: [AHEAD + 240, AHEAD + 840] }),
    aSpan(23, 22, { name: 'wait', ...on2, ms: [AHEAD + 240, AHEAD + 280], values: { [ATTR.workKind]: 'queue' } }),
    aSpan(24, 22, { name: 'GET index', ...on2, ms: [AHEAD + 280, AHEAD + 840] }),
  ];
}

describe('a query between two agents', () => {
  const view = shown(query());

  test('is one trace, opened by either raw id', () => {
    expect(view).toMatchObject({ traceId: traceIdOf(1), rawTraceIds: [traceIdOf(1), traceIdOf(2)], title: 'Issuers' });
    expect(shown(query().reverse()).traceId).toBe(traceIdOf(1));
    expect(view.agents).toEqual([
      { nodeId: 1, service: 'agent-1', spans: 4 },
      { nodeId: 2, service: 'agent-2', spans: 4 },
    ]);
    expect(view.totalSpans).toBe(8);
  });

  test('has the acceptor under the dialler, rows by start', () => {
    expect(view.spans.map((span) => [span.depth, span.name])).toEqual([
      [0, 'invoke_agent issuers'],
      [1, 'chat plan'],
      [1, SPAN.resolve],
      [1, SPAN.stream],
      [2, SPAN.stream],
      [3, 'execute_tool search'],
      [4, 'wait'],
      [4, 'GET index'],
    ]);
    expect(view.spans.map((span) => span.parentIndex)).toEqual([-1, 0, 0, 0, 3, 4, 5, 5]);
  });

  test('is on one time axis, and says how far the moved clock may be off', () => {
    const answer = named(view, 'GET index');
    expect(answer.clock).toMatchObject({ state: 'moved' });
    const clock = answer.clock.state === 'moved' ? answer.clock : { offsetMs: 0, boundMs: 0 };
    expect(Math.abs(clock.offsetMs - AHEAD)).toBeLessThanOrEqual(clock.boundMs);
    expect(clock.boundMs).toBeLessThan(50);
    expect(answer.startMs).toBeCloseTo(answer.rawStartMs - clock.offsetMs, 6);
    expect(answer.rawStartMs).toBe(AHEAD + 280);
    expect(named(view, 'chat plan')).toMatchObject({ clock: { state: 'reference' }, startMs: 0, rawStartMs: 0 });
    expect(view.startUnixMs).toBeCloseTo(Number(at(0)) / 1e6, 3);
    expect(view.durationMs).toBe(912);
  });

  test('knows what kind of time each span is', () => {
    expect(view.spans.map((span) => span.category)).toEqual([
      'container',
      'model',
      'setup',
      'network',
      'relay',
      'container',
      'queue',
      'work',
    ]);
  });

  test('has a critical path that adds up, with the flow split where it was answered and where its path changed', () => {
    const { 'not covered': rest = 0, relay = 0, network = 0, ...others } = view.criticalPath;
    expect(others).toMatchObject({ model: 150, setup: expect.closeTo(30 + 20, 6), queue: 40, work: 560 });
    expect([relay, network]).toEqual([expect.closeTo(40, 6), expect.closeTo(50 + 10, 6)]);
    expect(rest).toBeCloseTo(12, 6);
    const sum = Object.values(view.criticalPath).reduce((total, ms) => total + ms, 0);
    expect(sum).toBeCloseTo(912, 6);
    expect(named(view, 'GET index').onCriticalPath).toBe(true);
    expect(named(view, 'execute_tool search').onCriticalPath).toBe(false);
  });

  test('names both ends of the flow', () => {
    const ends = view.spans.flatMap((span) => span.flow ?? []);
    expect(ends).toEqual([
      { flowId: flow.flowId, role: 'dialler', otherEnd: 'heard', joined: true, peerNodeId: 2 },
      { flowId: flow.flowId, role: 'acceptor', otherEnd: 'heard', joined: true, peerNodeId: 1 },
    ]);
    expect(view.notes).toEqual([]);
    expect(view.spans[3]).toMatchObject({ path: 'punched', groupId: 12 });
  });
});

describe('what is missing is said', () => {
  test('the other end of a flow', () => {
    const view = shown(query().filter((span) => span.traceId === traceIdOf(1)));
    expect(view.notes).toEqual(['Other end not heard for 1 flow']);
    expect(view.spans.flatMap((span) => span.flow ?? [])).toMatchObject([{ otherEnd: 'not heard', joined: false }]);
  });

  test('the clock of an agent without a handshake, whose spans are placed inside their caller', () => {
    const bare = query().map((span) => ({ ...span, events: [] }));
    const view = shown(bare);
    expect(view.notes).toEqual(['Times from agent-2 are not aligned: clock unknown']);
    const [caller, accepted] = view.spans.filter((span) => span.name === SPAN.stream);
    expect(accepted?.clock).toEqual({ state: 'unknown' });
    expect(accepted?.startMs).toBeCloseTo(180 + (720 - 690) / 2, 6);
    expect(accepted?.startMs).toBeGreaterThan(caller?.startMs ?? 0);
    const inner = named(view, 'GET index');
    expect(inner.startMs - (accepted?.startMs ?? 0)).toBeCloseTo(80, 6);
  });

  test('a clock that is unknown but plausible is left alone', () => {
    const spans = [
      aSpan(1, undefined, { from: 1, ms: [0, 100] }),
      aSpan(2, 1, { from: 9, ms: [10, 20], name: 'fits' }),
      aSpan(3, 1, { from: 8, ms: [500, 900], name: 'longer' }),
    ];
    const view = shown(spans);
    expect(named(view, 'fits').startMs).toBe(10);
    expect(named(view, 'longer').startMs).toBe(0);
  });

  test('odd trees, whole and named', () => {
    const odd = [
      aSpan(1, undefined, { name: 'first root' }),
      aSpan(2, undefined, { name: 'second root', ms: [1, 2] }),
      aSpan(3, 3, { name: 'own parent', ms: [2, 3] }),
      aSpan(4, 99, { name: 'orphan', ms: [3, 4] }),
      aSpan(5, 6, { name: 'hen', ms: [4, 5] }),
      aSpan(6, 5, { name: 'egg', ms: [5, 6] }),
    ];
    const view = shown(odd);
    expect(view.spans).toHaveLength(6);
    expect(view.title).toBe('first root');
    expect(view.notes).toEqual([
      'Parent not received for 1 span',
      '1 span named as its own parent, shown as a root',
      'Parents run in a circle: cut above "hen"',
      '2 roots, none above the others',
    ]);
  });
});

describe('who recorded a span', () => {
  test('is the authenticated exporter, whatever the span claims', () => {
    const view = shown([aSpan(1, undefined, { from: 2, values: { [ATTR.nodeId]: 77 } })]);
    expect(view.spans[0]?.nodeId).toBe(2);
    const claimed = shown([aSpan(1, undefined, { values: { [ATTR.nodeId]: 77 } })]);
    expect(claimed.spans[0]).toMatchObject({ nodeId: 77, clock: { state: 'unknown' } });
  });

  test('a flow claimed by a stranger is an ordinary span whose other end was not heard', () => {
    const spans = query().map((span) => (span.exporter?.nodeId === 2 ? { ...span, exporter: exporterOf(3) } : span));
    const view = shown(spans.filter((span) => span.traceId === traceIdOf(1)));
    expect(view.rawTraceIds).toEqual([traceIdOf(1)]);
    expect(named(shown(spans), SPAN.stream).flow).toMatchObject({ otherEnd: 'not heard', joined: false });
  });
});

test('values that JSON lacks cross as text', () => {
  const span = aSpan(1, undefined);
  const attributes = [
    { key: 'wide', value: 2n ** 60n },
    { key: 'nan', value: Number.NaN },
    { key: 'bytes', value: Uint8Array.of(1, 255) },
    { key: 'list', value: [1n, null, { entries: [{ key: 'inner', value: 2 }] }] },
    { key: '__proto__', value: 'own' },
  ];
  const joined = joinedTrace([], span.traceId);
  const clocks = { reference: exporterOf(1).publicKey, estimates: new Map() };
  const view = viewTrace({ joined, spans: [{ ...span, attributes }], joins: [], clocks });
  expect(view.spans[0]?.attributes).toEqual(
    Object.fromEntries([
      ['wide', '1152921504606846976'],
      ['nan', 'NaN'],
      ['bytes', '01ff'],
      ['list', [1, null, { inner: 2 }]],
      ['__proto__', 'own'],
    ]),
  );
});

test('times as odd as senders write them stay whole', () => {
  const spans = [
    aSpan(1, undefined, { startTimeUnixNano: 0n, endTimeUnixNano: 0n, resource: resourceOf('') }),
    aSpan(2, 1, { startTimeUnixNano: 2n ** 64n - 1n, endTimeUnixNano: 5n }),
  ];
  const view = shown(spans);
  expect(view.spans[1]).toMatchObject({ startTimeUnixNano: '18446744073709551615', endTimeUnixNano: '5' });
  expect(view.spans[1]?.durationMs).toBeLessThan(0);
  expect(view.spans[0]?.service).toBe('unknown service');
});

test.each([
  ['deep', (id: number) => id - 1],
  ['wide', () => 1],
  ['bushy', (id: number) => Math.ceil((id - 1) / 8)],
])('spans that are %s are shown in time that grows with them', (_, parentOf) => {
  const many = (count: number) =>
    Array.from({ length: count }, (_unused, index) =>
      aSpan(index + 1, index === 0 ? undefined : Math.max(1, parentOf(index + 1)), { from: 1, ms: [index / 100, 200] }),
    );
  const joined = joinedTrace([], traceIdOf(1));
  const clocks = { reference: exporterOf(1).publicKey, estimates: new Map() };
  const show = (spans: readonly SpanRecord[]) => viewTrace({ joined, spans, joins: [], clocks });
  expect(show(many(10_000)).spans).toHaveLength(10_000);
  // of twenty times as many: 20 is as they grow, 400 as their square
  expect(cpuGrowth(many(500), many(10_000), show)).toBeLessThan(150);
});

test('a span is of the node that was proven to send it; what others say of themselves is marked, and shares no clock', () => {
  const proven = aSpan(1, undefined, { from: 7 });
  const claimed = aSpan(2, undefined, { values: { [ATTR.nodeId]: 7 } });
  const view = shown([proven, claimed], 7);
  expect(view.spans.map(({ nodeId, authenticated, nodeKey }) => [nodeId, authenticated, nodeKey])).toEqual([
    [7, true, exporterOf(7).publicKey],
    [7, false, undefined],
  ]);
  expect(view.spans.map(({ clock }) => clock.state)).toEqual(['reference', 'unknown']);
});
