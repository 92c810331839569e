import { describe, expect, test } from 'vitest';
import { JoinIndex } from '../../../../../node-core/collector/flow/join-index.ts';
import type { FoundJoin } from '../../../../../node-core/collector/flow-join.ts';
import { exporterOf, spanIdOf, traceIdOf } from '../../../../support/spans.ts';

const join = (from: number, to: number, node = 1): FoundJoin => ({
  flowId: traceIdOf(100_000 + from),
  kind: 'joined',
  diallerTraceId: traceIdOf(from),
  diallerSpanId: spanIdOf(from),
  acceptorTraceId: traceIdOf(to),
  acceptorSpanId: spanIdOf(to),
  by: exporterOf(node).publicKey,
});

/** Adds joins in batches of `size`, and says how many rows would be written of joined traces. */
function rowsWritten(index: JoinIndex, joins: readonly FoundJoin[], size: number): number {
  let rows = 0;
  for (let from = 0; from < joins.length; from += size) {
    index.add(joins.slice(from, from + size));
    rows += index.news().members.length;
    index.told();
  }
  return rows;
}

describe('what is written of joined traces', () => {
  test('is each raw trace once, however many joins one batch has', () => {
    const star = Array.from({ length: 1_500 }, (_, n) => join(1, n + 2));
    expect(rowsWritten(new JoinIndex(), star, 1_500)).toBe(1_501);
  });

  test('is only what moved: joins that come one by one to one request are a row each', () => {
    const star = Array.from({ length: 1_500 }, (_, n) => join(1, n + 2));
    expect(rowsWritten(new JoinIndex(), star, 1)).toBe(1_501);
  });

  test('is at most a full joined trace for each batch, even when each puts a new root on top', () => {
    const upwards = Array.from({ length: 400 }, (_, n) => join(1_000 - n, 1_001 - n));
    expect(rowsWritten(new JoinIndex({ tracesOfOne: 50 }), upwards, 1)).toBeLessThanOrEqual(400 * 50);
  });

  test('stays news until it is told, so that a write that failed is made up for', () => {
    const index = new JoinIndex();
    index.add([join(1, 2)]);
    expect(index.news().members).toHaveLength(2);
    index.add([join(2, 3)]);
    expect(index.news()).toMatchObject({ joins: [{ kind: 'joined' }, { kind: 'joined' }], members: [{}, {}, {}] });
    index.told();
    expect(index.news()).toEqual({ joins: [], members: [] });
  });
});

describe('a joined trace', () => {
  test('that is full takes no more: further ends are pointed at, and counted', () => {
    const index = new JoinIndex({ tracesOfOne: 3 });
    index.add([join(1, 2), join(1, 3), join(1, 4)]);
    expect(index.familyOf(traceIdOf(1)).rawTraceIds).toHaveLength(3);
    expect(index.familyOf(traceIdOf(4)).rawTraceIds).toEqual([traceIdOf(4)]);
    expect(index.news().joins.map(({ kind }) => kind)).toEqual(['joined', 'joined', 'linked']);
    expect(index.tooLarge).toBe(1);
    index.add([join(1, 4)]);
    expect(index.tooLarge).toBe(1);
  });

  test('of two full ones stays two', () => {
    const index = new JoinIndex({ tracesOfOne: 3 });
    index.add([join(1, 2), join(1, 3), join(4, 5), join(4, 6), join(3, 4)]);
    expect(index.familyOf(traceIdOf(6)).traceId).toBe(traceIdOf(4));
  });
});

describe('what is remembered', () => {
  test('is bounded for each node by its key: one that joins without end loses its own', () => {
    const index = new JoinIndex({ joins: 1_000, joinsOfOneNode: 100 });
    index.add([join(1, 2, 1)]);
    for (let n = 0; n < 5_000; n++) index.add([join(10 + 2 * n, 11 + 2 * n, 3)]);
    index.told();
    expect(index.size).toBe(101);
    expect(index.joinsOf([traceIdOf(1)])).toHaveLength(1);
  });

  test('is bounded over all nodes, with the news that nobody could write and with the joined traces', () => {
    const index = new JoinIndex({ joins: 50, joinsOfOneNode: 10 });
    for (let n = 0; n < 2_000; n++) index.add([join(10 + 2 * n, 11 + 2 * n, n)]);
    expect(index.size).toBe(50);
    expect(index.news().joins).toHaveLength(50);
    expect(index.news().members.length).toBeLessThanOrEqual(100);
  });
});
