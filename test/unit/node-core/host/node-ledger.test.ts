import { expect, test } from 'vitest';
import { ledgerStage } from '../../../../node-core/contract/status.ts';
import { peerExports } from '../../../../node-core/host/node-ledger.ts';
import { Topology } from '../../../../node-core/mesh/topology.ts';
import { NOON, nodeRow } from '../../../support/report-rows.ts';

const names = { agent: (nodeId: number) => `agent-${nodeId}` };

test('what exporters claim of themselves stays a ledger, whatever they claim', () => {
  const topology = new Topology();
  for (let nodeId = 2; nodeId < 102; nodeId++) {
    const most = Number.MAX_SAFE_INTEGER;
    topology.apply(nodeRow(nodeId, NOON, { recorded: most - nodeId, exportDropped: most }));
  }
  const stage = peerExports(1, topology, names);
  expect(ledgerStage.parse(stage)).toEqual(stage);
  expect(stage.kept).toBeGreaterThanOrEqual(0);
  expect(Object.keys(stage.reasons)).toHaveLength(21);
  expect(stage.reasons['agent-2']).toBeGreaterThan(0);
  expect(stage.reasons['80 others']).toBe(Number.MAX_SAFE_INTEGER);
});

test('this node’s own report is not a peer’s', () => {
  const topology = new Topology();
  topology.apply(nodeRow(1, NOON, { recorded: 9, exportDropped: 4 }));
  topology.apply(nodeRow(2, NOON, { recorded: 10, exportDropped: 3 }));
  expect(peerExports(1, topology, names)).toMatchObject({
    received: 10,
    kept: 7,
    dropped: 3,
    reasons: { 'agent-2': 3 },
  });
});
