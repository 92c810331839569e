import { expect, test } from 'vitest';
import type { LogEvent } from '../../../../node-core/contract/log.ts';
import { mergeEvents } from '../../../../renderer/stores/log-store.ts';

const event = (id: number, at = id): LogEvent => ({
  id,
  at,
  level: 'info',
  kind: 'test',
  text: '',
  source: 'node',
  actor: 'node',
});
const ids = (events: readonly LogEvent[]) => events.map((each) => each.id);

test('a feed that begins again repeats nothing', () => {
  expect(ids(mergeEvents([event(1), event(2)], [event(1), event(2), event(3)]))).toEqual([1, 2, 3]);
  expect(ids(mergeEvents([event(1)], [event(2)]))).toEqual([1, 2]);
});

test('the log of a host that started anew stands alone', () => {
  expect(mergeEvents([event(1, 10), event(2, 20)], [event(1, 99)])).toEqual([event(1, 99)]);
});

test('keeps the last ten thousand', () => {
  const many = Array.from({ length: 10_500 }, (_, index) => event(index));
  const kept = mergeEvents([], many);
  expect([kept.length, kept[0]?.id]).toEqual([10_000, 500]);
});
