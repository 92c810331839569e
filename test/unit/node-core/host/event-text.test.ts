import { expect, test } from 'vitest';
import { describeEvent } from '../../../../node-core/host/event-text.ts';

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
