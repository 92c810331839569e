import { expect, test } from 'vitest';
import {
  agentOf,
  barText,
  byKind,
  criticalShares,
  recordedBy,
  rowLabel,
} from '../../../../renderer/traces/span-text.ts';
import { anAgent, aSpan } from '../builders.ts';

const stream = aSpan({
  name: 'reply 41 kB',
  service: 'filings-2',
  category: 'relay',
  path: 'relay',
  startMs: 652,
  durationMs: 86,
  attributes: { 'pilot.relay.beacon': 'fra-1' },
  onCriticalPath: true,
  flow: { flowId: 'f'.repeat(32), role: 'dialler', otherEnd: 'heard', joined: true },
});
const desk = aSpan({ service: 'desk-1' });

test('says path, moved clock, a missing end and the error beside a bar', () => {
  expect(barText(stream, desk, { withClock: true })).toBe('86 ms, relay through fra-1');
  const moved = aSpan({ clock: { state: 'moved', offsetMs: 3_000, boundMs: 0.4 }, durationMs: 300 });
  expect(barText(moved, undefined, { withClock: true })).toBe('300 ms, moved +3.00 s ±0.4 ms');
  expect(barText(moved, undefined, { withClock: false })).toBe('300 ms');
  const still = aSpan({ clock: { state: 'moved', offsetMs: 0.04, boundMs: 9 }, durationMs: 300 });
  expect(barText(still, undefined, { withClock: true })).toBe('300 ms, clock ±9 ms');
  const unknown = aSpan({ clock: { state: 'unknown' }, status: 'error', attributes: { 'error.type': 'dial.timeout' } });
  expect(barText(unknown, undefined, { withClock: true })).toBe(
    '10 ms, clock unknown: placed inside its caller, dial.timeout',
  );
  const alone = {
    ...stream,
    flow: { ...stream.flow, flowId: 'f', role: 'dialler', otherEnd: 'not heard', joined: false },
  } as const;
  expect(barText(alone, undefined, { withClock: true })).toBe('86 ms, relay through fra-1, other end not heard');
});

test('reads a row with who, when, how and where it stands', () => {
  expect(rowLabel(stream, desk, { level: 1, alike: undefined })).toBe(
    'reply 41 kB, filings-2 to desk-1, starts 652, lasts 86 milliseconds, by relay through fra-1, on the critical path. Level 2.',
  );
});

test('a row that stands for alike siblings says how many, and names the longest', () => {
  const shard = aSpan({ name: 'query shard', service: 'ct-watch', durationMs: 78, startMs: 530 });
  expect(barText(shard, undefined, { withClock: false, alike: 3 })).toBe('78 ms longest of 3');
  expect(rowLabel(shard, undefined, { level: 2, alike: [4, 5, 6] })).toBe(
    'query shard, 3 alike, the longest, ct-watch, starts 530, lasts 78 milliseconds. Level 3.',
  );
});

test('shares of a critical path are told by size, or by kind; what nobody covers is drawn as a container', () => {
  const shares = criticalShares({ criticalPath: { network: 20, 'not covered': 5, model: 10, queue: 0 } });
  expect(shares).toEqual([
    { kind: 'network', label: 'network', value: 20 },
    { kind: 'model', label: 'model', value: 10 },
    { kind: 'container', label: 'not covered', value: 5 },
  ]);
  expect(byKind(shares).map((share) => share.kind)).toEqual(['model', 'network', 'container']);
});

test('says whose word a clock rests on that was not measured here', () => {
  const told = aSpan({ clock: { state: 'moved', offsetMs: 3_000, boundMs: 0.4, through: [9] }, durationMs: 300 });
  expect(barText(told, undefined, { withClock: true })).toBe('300 ms, moved +3.00 s ±0.4 ms, on the word of others');
});

test('says who recorded a span, and takes no word for it', () => {
  const key = 'ab'.repeat(32);
  const agents = new Map([[7, anAgent({ nodeId: 7, publicKey: key })]]);
  const proven = aSpan({ nodeId: 7, nodeKey: key, authenticated: true });
  expect(recordedBy(proven, agents)).toBe('node 7 with the key ababab…abab, proven by its tunnel');
  expect(agentOf(proven, agents)?.nodeId).toBe(7);
  const claimed = aSpan({ nodeId: 7, authenticated: false });
  expect(recordedBy(claimed, agents)).toBe('node 7, so it says: nothing proves it');
  expect(agentOf(claimed, agents)).toBeUndefined();
  const earlier = aSpan({ nodeId: 7, nodeKey: 'cd'.repeat(32), authenticated: true });
  expect(recordedBy(earlier, agents)).toBe(
    'node 7 with the key cdcdcd…cdcd, proven by its tunnel; another node has its id now',
  );
  expect(agentOf(earlier, agents)).toBeUndefined();
  const nobody = aSpan({ authenticated: false });
  expect(recordedBy(nobody, agents)).toBe('a program of this machine, which proved nothing');
});
