import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SPAN } from '../../../../../node-core/base/tracer.ts';
import { FlowStitcher } from '../../../../../node-core/collector/flow/flow-stitcher.ts';
import { SPAN_KIND, type SpanRecord } from '../../../../../node-core/collector/span.ts';
import { buildTree } from '../../../../../node-core/collector/trace/trace-tree.ts';
import { aSpan, FlowOnTheWire, resourceOf, spanIdOf, traceIdOf } from '../../../../support/spans.ts';

const none = { missingParents: 0, selfParents: 0, cutLoops: [] };

describe('parents', () => {
  test('are found whatever the order of arrival', () => {
    const tree = buildTree([aSpan(3, 2), aSpan(2, 1), aSpan(1, undefined)], []);
    expect(tree).toEqual({ parents: [1, 2, -1], topDown: [2, 1, 0], faults: none });
  });

  test('are looked for in the same trace only', () => {
    const stranger = aSpan(2, 1, { traceId: traceIdOf(9) });
    expect(buildTree([aSpan(1, undefined), stranger], []).parents).toEqual([-1, -1]);
  });

  test('that are not here make a root, and are counted', () => {
    const { parents, faults } = buildTree([aSpan(2, 1), aSpan(3, 1), aSpan(4, 2)], []);
    expect(parents).toEqual([-1, -1, 0]);
    expect(faults).toEqual({ ...none, missingParents: 2 });
  });

  test('of a span that names itself are none', () => {
    const { parents, faults } = buildTree([aSpan(1, 1), aSpan(2, 1)], []);
    expect(parents).toEqual([-1, 0]);
    expect(faults).toEqual({ ...none, selfParents: 1 });
  });

  test('that run in a circle are cut above the first to start', () => {
    const spans = [aSpan(1, 3, { ms: [5, 9] }), aSpan(2, 1, { ms: [2, 9] }), aSpan(3, 2, { ms: [7, 9] }), aSpan(4, 3)];
    const { parents, topDown, faults } = buildTree(spans, []);
    expect(parents).toEqual([2, -1, 1, 2]);
    expect(topDown).toHaveLength(4);
    expect(faults).toEqual({ ...none, cutLoops: [1] });
  });
});

describe('a client and a server that share one id', () => {
  const client = aSpan(2, 1, { kind: SPAN_KIND.client, resource: resourceOf('web') });
  const server = aSpan(2, 1, { kind: SPAN_KIND.server, resource: resourceOf('db') });
  const ofWeb = aSpan(3, 2, { resource: resourceOf('web') });
  const ofDb = aSpan(4, 2, { resource: resourceOf('db') });
  const ofOther = aSpan(5, 2, { resource: resourceOf('other') });

  test('are two: the server under the client, each with its own children', () => {
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      const spans = [aSpan(1, undefined), one, other, ofWeb, ofDb, ofOther];
      const { parents } = buildTree(spans, []);
      const under = (span: SpanRecord): SpanRecord | undefined => spans[parents[spans.indexOf(span)] ?? -1];
      expect(under(client)?.spanId).toBe(spanIdOf(1));
      expect(under(server)).toBe(client);
      expect(under(ofWeb)).toBe(client);
      expect(under(ofDb)).toBe(server);
      expect(under(ofOther)).toBe(server);
    }
  });
});

describe('the accepting end of a flow', () => {
  const flow = new FlowOnTheWire(1, 2);

  function joinsOf(spans: readonly SpanRecord[]) {
    const stitcher = new FlowStitcher();
    for (const span of spans) stitcher.handleSpan(span);
    const joins = [];
    for (let join = stitcher.pollJoin(); join !== undefined; join = stitcher.pollJoin()) joins.push(join);
    return joins;
  }

  test('is under the dialling end', () => {
    const spans = [
      aSpan(10, undefined, { from: 1 }),
      flow.dialled(11, 10, [0, 50]),
      flow.accepted(21, undefined, [2, 48]),
      aSpan(22, 21, { from: 2, traceId: traceIdOf(2) }),
    ];
    expect(buildTree(spans, joinsOf(spans))).toMatchObject({ parents: [-1, 0, 1, 2], faults: none });
  });

  test('of a linked flow stays where it is', () => {
    const spans = [flow.dialled(11, 10, [0, 50]), flow.accepted(21, 20, [2, 48])];
    const joins = joinsOf(spans);
    expect(joins.map((join) => join.kind)).toEqual(['linked']);
    expect(buildTree(spans, joins).parents).toEqual([-1, -1]);
  });

  test('that is joined above itself is cut loose like any circle', () => {
    const spans = [aSpan(1, undefined), aSpan(2, 1, { name: SPAN.stream })];
    const ids = { traceId: traceIdOf(1), flowId: flow.flowId };
    const backwards = {
      flowId: ids.flowId,
      kind: 'joined' as const,
      diallerTraceId: ids.traceId,
      diallerSpanId: spanIdOf(2),
      acceptorTraceId: ids.traceId,
      acceptorSpanId: spanIdOf(1),
    };
    const { parents, faults } = buildTree(spans, [backwards]);
    expect(parents).toEqual([-1, 0]);
    expect(faults.cutLoops).toEqual([0]);
  });
});

test('whatever parents are claimed, each span has one place and no ancestor is its own', () => {
  const claim = fc.record({ id: fc.integer({ min: 1, max: 12 }), parent: fc.integer({ min: 0, max: 14 }) });
  fc.assert(
    fc.property(fc.array(claim, { maxLength: 30 }), fc.array(fc.tuple(fc.nat(12), fc.nat(12))), (claims, pairs) => {
      const spans = claims.map(({ id, parent }, index) =>
        aSpan(id, parent === 0 ? undefined : parent, { kind: index % 6, ms: [id, id + 5] }),
      );
      const joins = pairs.map(([upper, lower]) => ({
        flowId: '',
        kind: 'joined' as const,
        diallerTraceId: traceIdOf(1),
        diallerSpanId: spanIdOf(upper),
        acceptorTraceId: traceIdOf(1),
        acceptorSpanId: spanIdOf(lower),
      }));
      const { parents, topDown } = buildTree(spans, joins);
      expect([...topDown].sort((a, b) => a - b)).toEqual(spans.map((_, index) => index));
      const placeOf = new Map(topDown.map((index, place) => [index, place]));
      for (const [index, parent] of parents.entries()) {
        if (parent !== -1) expect(placeOf.get(parent)).toBeLessThan(placeOf.get(index) ?? -1);
      }
    }),
  );
});
