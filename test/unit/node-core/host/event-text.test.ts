import { expect, test } from 'vitest';
import { describeEvent, describeKeyChanges } from '../../../../node-core/host/event-text.ts';
import type { KeyChange } from '../../../../node-core/mesh/node-keys.ts';

const [before, after] = [new Uint8Array(32).fill(0xaa), new Uint8Array(32).fill(0xbb)];
const KEYS = 'aaaaaaaa… to bbbbbbbb…';

test.each([
  {
    verdict: 'refused',
    level: 'error',
    kind: 'peer.key_refused',
    text: `The key of agent-2, which is trusted, changed from ${KEYS}, and nobody vouches for it. It is shut out until it is trusted again, or the trust is removed.`,
  },
  {
    verdict: 'rotated',
    level: 'info',
    kind: 'peer.key_rotated',
    text: `agent-2 replaced its key, ${KEYS}, and signed for it: the new one is trusted`,
  },
  {
    verdict: 'accepted',
    level: 'warning',
    kind: 'peer.key_changed',
    text: `The key of agent-2 changed from ${KEYS}: it is another node`,
  },
] as const)('a changed key that is $verdict is said in words', ({ verdict, ...line }) => {
  const event = { type: 'identity-changed', nodeId: 2, before, after, verdict } as const;
  const nameOf = (nodeId: number) => `agent-${nodeId}`;
  expect(describeEvent(event, nameOf)).toEqual({ ...line, source: 'this node', actor: 'node', nodeId: 2 });
});

const change = (nodeId: number, by: KeyChange['by']): KeyChange => ({
  nodeId,
  from: 'ab'.repeat(32),
  to: 'cd'.repeat(32),
  by,
});

test('an id that another key took over is told in words, with both keys', () => {
  const [line] = describeKeyChanges([change(5, 'tunnel')], () => 'filings-2');
  expect(line).toMatchObject({ level: 'warning', kind: 'node.key_changed', nodeId: 5 });
  expect(line?.text).toBe(
    'filings-2: node 5 proved the key cdcdcdcd…, where abababab… was before. It is another node: what was known of it begins afresh, and trust in the earlier key is none in this one.',
  );
  expect(describeKeyChanges([change(5, 'registry')], () => 'x')[0]?.text).toContain('is listed with the key');
});

test('a registry that gave all ids out again is eleven lines, not a thousand', () => {
  const changes = Array.from({ length: 1_000 }, (_, n) => change(n + 1, 'registry'));
  const lines = describeKeyChanges(changes, String);
  expect(lines).toHaveLength(11);
  expect(lines.at(-1)?.text).toBe('990 more node ids have other keys than before: the registry gives ids out again.');
});
