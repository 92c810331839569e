import { expect, test } from 'vitest';
import { decodeEvent, encodeEvent, type StoredEvent } from '../../../../node-core/collector/event-codec.ts';
import type { LogRecord } from '../../../../node-core/collector/log-record.ts';
import { EMPTY_RESOURCE } from '../../../../node-core/collector/span.ts';

const PING: StoredEvent = {
  at: 1_795_000_000_123.456,
  level: 'warning',
  kind: 'peer.ping',
  text: 'Ping filings-2: 0.42 ms, direct',
  source: 'this node',
  actor: 'operator',
  nodeId: 7,
  nodeKey: 'cd'.repeat(32),
  groupId: 12,
  traceId: 'ab'.repeat(16),
};
const arrived = (event: StoredEvent): LogRecord => ({
  ...encodeEvent(event, EMPTY_RESOURCE),
  arrivedAt: 0n,
  exporter: undefined,
});

test.each<[string, StoredEvent]>([
  ['with everything', PING],
  ['with little', { at: 0, level: 'info', kind: 'k', text: '', source: 's', actor: 'node' }],
  ['of the backbone', { ...PING, level: 'error', groupId: 0 }],
])('a line %s is read back as it was', (_, event) => {
  expect(decodeEvent(arrived(event))).toEqual(event);
});

test('a lone surrogate does not reach the store', () => {
  expect(decodeEvent(arrived({ ...PING, text: 'a\ud800b' }))?.text).toBe('a\ufffdb');
});

test.each([
  ['another event', { eventName: 'pilot.node' }],
  ['a body that is no text', { body: 7n }],
  ['no kind', { attributes: [] }],
])('a record with %s is no line', (_, change) => {
  expect(decodeEvent({ ...arrived(PING), ...change })).toBeUndefined();
});
