import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ATTR, SPAN } from '../../node-core/base/tracer.ts';
import type { FoundJoin } from '../../node-core/collector/flow-join.ts';
import type { SpanStore } from '../../node-core/collector/store.ts';
import { aSpan, exporterOf, spanIdOf, T0, traceIdOf } from './spans.ts';

/** What a store keeps its data in, from one opening to the next. */
export interface StoreGround {
  /** Opens the store on what is there; `now` is its clock, in Unix nanoseconds. */
  open(now: () => bigint): Promise<SpanStore>;
  /** Ends it with all data. */
  remove(): Promise<void>;
}

/** What each kind of store must do. */
export function describeSpanStore(kind: string, prepare: () => Promise<StoreGround>): void {
  describe(`a span store of ${kind}`, () => {
    let ground: StoreGround;
    let store: SpanStore;

    async function reopen(): Promise<void> {
      await store.close();
      store = await ground.open(() => T0);
    }

    beforeEach(async () => {
      ground = await prepare();
      store = await ground.open(() => T0);
    });
    afterEach(async () => {
      await store.close();
      await ground.remove();
    });

    describe('spans', () => {
      test('come back as they were, also after a restart', async () => {
        const span = aSpan(1, undefined, {
          from: 7,
          values: { text: 'a\u0000b "quoted" \\ 日本', whole: 9_007_199_254_740_993n, half: 0.5, list: ['a', 'b'] },
          startTimeUnixNano: 2n ** 64n - 2n,
          endTimeUnixNano: 5n,
        });
        await store.add([span], []);
        expect((await store.spansOf([span.traceId])).spans).toEqual([span]);
        await reopen();
        expect((await store.spansOf([span.traceId])).spans).toEqual([span]);
        expect(store.spanCount).toBe(1);
      });

      test('that are sent again change nothing, now, after a restart, and within one batch', async () => {
        const span = aSpan(1, undefined);
        expect(await store.add([span, span], [])).toEqual([span]);
        expect(await store.add([span], [])).toEqual([]);
        await reopen();
        expect(await store.add([span], [])).toEqual([]);
        expect(store.spanCount).toBe(1);
      });

      test('with one id are two when kind, start or resource differ', async () => {
        const span = aSpan(1, undefined);
        const others = [
          { ...span, kind: 2 },
          { ...span, startTimeUnixNano: span.startTimeUnixNano + 1n },
          { ...span, resource: { ...span.resource, attributes: [{ key: 'service.name', value: 'other' }] } },
        ];
        await store.add([span, ...others], []);
        expect((await store.spansOf([span.traceId])).spans).toHaveLength(4);
      });

      test('of one resource share it when they are read', async () => {
        await store.add([aSpan(1, undefined), aSpan(2, 1)], []);
        const { spans } = await store.spansOf([traceIdOf(1)]);
        expect(spans[0]?.resource).toBe(spans[1]?.resource);
      });
    });

    describe('joined traces', () => {
      const join = (dialler: number, acceptor: number): FoundJoin => ({
        by: exporterOf(dialler).publicKey,
        flowId: traceIdOf(100 + dialler),
        kind: 'joined',
        diallerTraceId: traceIdOf(dialler),
        diallerSpanId: spanIdOf(dialler),
        acceptorTraceId: traceIdOf(acceptor),
        acceptorSpanId: spanIdOf(acceptor),
      });
      const spans = [1, 2, 3].map((n) =>
        aSpan(n, undefined, {
          traceId: traceIdOf(n),
          name: `root ${n}`,
          ms: [n, 100 - n],
          values: { 'pilot.group.id': n },
        }),
      );

      test('any raw id opens the whole, which is one row, named after the root dialler', async () => {
        await store.add(spans, []);
        await store.addJoins([join(2, 3)]);
        await store.addJoins([join(1, 2)]);
        const whole = { traceId: traceIdOf(1), rawTraceIds: [1, 2, 3].map(traceIdOf) };
        for (const n of [1, 2, 3]) expect(await store.familyOf(traceIdOf(n))).toEqual(whole);
        const { traces, matched, total } = await store.search({ text: 'root 3', limit: 10 });
        expect([matched, total]).toEqual([1, 1]);
        expect(traces).toEqual([expect.objectContaining({ ...whole, title: 'root 1', spans: 3, durationMs: 98 })]);
        await reopen();
        for (const n of [1, 2, 3]) expect(await store.familyOf(traceIdOf(n))).toEqual(whole);
        expect(await store.joinsOf(whole)).toHaveLength(2);
      });

      test('a join that is told again is not new; one that only points makes no family', async () => {
        await store.add(spans, []);
        expect(await store.addJoins([join(1, 2)])).toHaveLength(1);
        expect(await store.addJoins([join(1, 2)])).toEqual([]);
        await store.addJoins([{ ...join(2, 3), kind: 'linked' }]);
        expect((await store.familyOf(traceIdOf(3))).rawTraceIds).toEqual([traceIdOf(3)]);
        expect((await store.search({ limit: 10 })).matched).toBe(2);
      });

      test('4,000 joins of one batch cost what 4,000 rows cost, and no joined trace grows beyond reading', async () => {
        const started = performance.now();
        await store.addJoins(Array.from({ length: 4_000 }, (_, n) => join(n + 1, n + 2)));
        expect(performance.now() - started).toBeLessThan(10_000);
        const { rawTraceIds } = await store.familyOf(traceIdOf(1));
        expect(rawTraceIds).toHaveLength(2_000);
        expect((await store.familyOf(traceIdOf(4_001))).rawTraceIds).toHaveLength(1);
      });
    });

    describe('search', () => {
      const trace = (n: number, ms: readonly [number, number], changes: Parameters<typeof aSpan>[2] = {}) =>
        aSpan(n, undefined, { traceId: traceIdOf(n), name: `query ${n}`, ms, ...changes });

      beforeEach(async () => {
        await store.add(
          [
            trace(1, [0, 100], { from: 7, values: { 'pilot.group.id': 3 } }),
            trace(2, [1_000, 1_900], { from: 8, status: { code: 2, message: 'no filing' } }),
            trace(3, [5_000, 5_010], { values: { note: 'say "hi" 100%_', [ATTR.nodeId]: 6 } }),
            aSpan(4, 3, { traceId: traceIdOf(3), name: SPAN.stream, ms: [5_002, 5_004] }),
          ],
          [],
        );
      });

      const baseMs = Number(T0 / 1_000_000n);
      test.each<[string, object, number[]]>([
        ['all, the newest first', {}, [3, 2, 1]],
        ['from a time', { fromMs: baseMs + 500 }, [3, 2]],
        ['to a time', { toMs: baseMs + 4_000 }, [2, 1]],
        ['a service', { service: 'agent-8' }, [2]],
        ['a node', { nodeId: 7 }, [1]],
        ['a node under its key', { nodeId: 7, nodeKey: exporterOf(7).publicKey }, [1]],
        ['a node under the key of who had its id before', { nodeId: 7, nodeKey: exporterOf(6).publicKey }, []],
        ['a node that a span only says it is of', { nodeId: 6 }, []],
        ['a group', { groupId: 3 }, [1]],
        ['errors', { status: 'error' }, [2]],
        ['no errors', { status: 'ok' }, [3, 1]],
        ['at least so long', { minDurationMs: 100 }, [2, 1]],
        ['at most so long', { maxDurationMs: 100 }, [3, 1]],
        ['text in an attribute, literally', { text: 'SAY "hi" 100%_' }, [3]],
        ['text in a status', { text: 'no filing' }, [2]],
        ['a name of an inner span', { text: SPAN.stream }, [3]],
        ['a wildcard is no wildcard', { text: 'query_1' }, []],
        ['two at most', { limit: 2 }, [3, 2]],
        ['all of them at once', { service: 'agent-8', status: 'error', minDurationMs: 1, text: 'query' }, [2]],
      ])('%s', async (_, query, expected) => {
        const { traces, matched } = await store.search({ limit: 100, ...query });
        expect(traces.map(({ traceId }) => traceId)).toEqual(expected.map(traceIdOf));
        expect(matched).toBe('limit' in query ? 3 : expected.length);
      });

      test('a summary says what and who', async () => {
        const { traces, total } = await store.search({ text: 'query 1', limit: 1 });
        expect(total).toBe(3);
        expect(traces).toEqual([
          {
            traceId: traceIdOf(1),
            rawTraceIds: [traceIdOf(1)],
            title: 'query 1',
            startUnixMs: baseMs,
            durationMs: 100,
            spans: 1,
            errors: 0,
            services: ['agent-7'],
            nodeIds: [7],
            groupIds: [3],
          },
        ]);
      });

      test('spans without a start or an end, or with both in the wrong order, spoil no summary', async () => {
        await store.add(
          [
            aSpan(10, 1, { startTimeUnixNano: 0n }),
            aSpan(11, 1, { endTimeUnixNano: 0n }),
            aSpan(12, 1, { startTimeUnixNano: 2n ** 64n - 1n, endTimeUnixNano: 1n }),
            aSpan(13, undefined, { traceId: traceIdOf(9), endTimeUnixNano: 0n }),
          ],
          [],
        );
        const { traces } = await store.search({ limit: 100 });
        expect(traces.find(({ traceId }) => traceId === traceIdOf(1))).toMatchObject({
          durationMs: 100,
          startUnixMs: baseMs,
        });
        expect(traces.find(({ traceId }) => traceId === traceIdOf(9))?.startUnixMs).toBe(baseMs);
      });

      test('volume counts spans and errors by time', async () => {
        const volume = await store.volume(baseMs, baseMs + 6_000, 3);
        expect(volume).toEqual([
          { at: baseMs, spans: 2, errors: 1 },
          { at: baseMs + 2_000, spans: 0, errors: 0 },
          { at: baseMs + 4_000, spans: 2, errors: 0 },
        ]);
        await expect(store.volume(5, 5, 1)).rejects.toMatchObject({ code: 'query.invalid' });
      });
    });
  });
}
