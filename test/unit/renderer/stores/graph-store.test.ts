import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { GraphUpdate } from '../../../../node-core/contract/graph.ts';
import { applyGraphUpdate, EMPTY_PICTURE, mergeGraphUpdates } from '../../../../renderer/stores/graph-store.ts';
import { anUpdate } from '../../../support/graph-update.ts';
import { anAgent } from '../builders.ts';

test('a snapshot replaces the picture', () => {
  const first = applyGraphUpdate(
    EMPTY_PICTURE,
    anUpdate({ kind: 'snapshot', agents: [anAgent({ nodeId: 1 })], self: 1 }),
  );
  const second = applyGraphUpdate(first, anUpdate({ kind: 'snapshot', agents: [anAgent({ nodeId: 2 })] }));
  expect([...second.agents.keys()]).toEqual([2]);
  expect(second.self).toBeUndefined();
});

test('maps without a change stay the same objects', () => {
  const before = applyGraphUpdate(EMPTY_PICTURE, anUpdate({ kind: 'snapshot', agents: [anAgent({ nodeId: 1 })] }));
  const after = applyGraphUpdate(before, anUpdate({ goneTunnels: ['1-2'] }));
  expect(after.agents).toBe(before.agents);
  expect(after.tunnels).not.toBe(before.tunnels);
});

test('merged updates lead to the same picture as one after the other', () => {
  const change = fc.record({
    kind: fc.constantFrom<GraphUpdate['kind']>('changes', 'changes', 'changes', 'snapshot'),
    agents: fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 3 }),
    gone: fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 2 }),
    mark: fc.integer(),
  });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
      const updates = changes.map(({ kind, agents, gone, mark }) =>
        anUpdate({
          kind,
          agents: agents.map((nodeId) => anAgent({ nodeId, hostname: `agent ${mark}` })),
          goneAgents: gone.filter((nodeId) => !agents.includes(nodeId)),
        }),
      );
      const stepwise = updates.reduce(applyGraphUpdate, EMPTY_PICTURE);
      const merged = applyGraphUpdate(EMPTY_PICTURE, updates.reduce(mergeGraphUpdates));
      const text = (picture: typeof merged) => [...picture.agents].sort(([a], [b]) => a - b);
      expect(text(merged)).toEqual(text(stepwise));
    }),
  );
});
