import { describe, expect, test } from 'vitest';
import type { GraphState } from '../../../../node-core/mesh/graph-state.ts';
import { fleet, listed } from '../../../support/graph-fleet.ts';
import { flowRow, NOON, nodeRow, tunnelRow } from '../../../support/report-rows.ts';

describe('what drawing costs', () => {
  /** Agents 100 to 100 + `size`, each with tunnels to the next two. */
  function mesh(size: number): GraphState {
    const state = fleet();
    const nodes = Array.from({ length: size }, (_, n) => 100 + n);
    state.setDirectory(
      nodes.map((nodeId) => listed(nodeId, `agent-${nodeId}`)),
      NOON,
    );
    for (const nodeId of nodes) {
      state.applyReport(nodeRow(nodeId, NOON));
      for (const peer of [nodeId + 1, nodeId + 2])
        if (peer < 100 + size) state.applyReport(tunnelRow(nodeId, peer, NOON));
    }
    state.refresh(NOON);
    return state;
  }

  test('is what changed, whatever the size of the mesh', () => {
    const costs = [100, 1_000].map((size) => {
      const state = mesh(size);
      const before = state.drawn;
      for (let ms = 200; ms <= 10_000; ms += 200) {
        state.pingAnswered(150, 3, NOON + ms);
        state.applyReport(tunnelRow(110, 111, NOON + ms, { bytesSent: ms }));
        state.refresh(NOON + ms);
      }
      return state.drawn - before;
    });
    expect(costs[1]).toBe(costs[0]);
    expect(costs[0]).toBeLessThanOrEqual(50 * 4 + 4);
  });

  test('is nothing while nothing happens, and what time alone changes is drawn when it does', () => {
    const state = mesh(300);
    const before = state.drawn;
    for (let ms = 1_000; ms < 60_000; ms += 1_000) state.refresh(NOON + ms);
    expect(state.drawn).toBe(before);
    state.refresh(NOON + 60_100);
    expect(state.picture.agents.get(150)).toMatchObject({ health: { state: 'unknown' }, reports: false });
    expect(state.picture.tunnels.get('110-111')?.health.state).toBe('unknown');
  });

  test('of a directory that lists 20,000 is that of those who were heard, or are in a group of ours', () => {
    const state = fleet();
    const nodes = Array.from({ length: 20_000 }, (_, n) => listed(2 + n, `agent-${n}`));
    state.setDirectory(nodes, NOON);
    expect(state.refresh(NOON).agents.size).toBe(3);
    state.pingAnswered(5_000, 1, NOON);
    expect(state.refresh(NOON).agents.has(5_000)).toBe(true);
    expect(state.directory.size).toBe(20_000);
  });
});

describe('one exporter that tells without end', () => {
  const MOST = 100_000;

  test('is held to its share of tunnels and flows, counted, and crowds nobody out', () => {
    const state = fleet();
    state.applyReport(tunnelRow(4, 9, NOON));
    for (let n = 0; n < MOST; n++) {
      state.applyReport(tunnelRow(20, 1_000 + n, NOON));
      state.applyReport(flowRow(20, 1_000 + n, NOON, { flowId: n.toString(16).padStart(32, '0') }));
    }
    const { topology } = state;
    expect([topology.tunnels.size, topology.flows.size]).toEqual([2_001, 2_000]);
    expect(topology.dropped['too-many-from-one-node']).toBe(2 * (MOST - 2_000));
    expect(topology.taken).toBe(1 + 2 * 2_000);
    expect(state.refresh(NOON).tunnels.has('4-9')).toBe(true);
    state.refresh(NOON + 100_000);
    expect([topology.tunnels.size, topology.flows.size]).toEqual([0, 0]);
  });

  test('under ever new ids and keys is held to what is kept of nodes', () => {
    const state = fleet();
    for (let n = 0; n < MOST; n++) state.applyReport(nodeRow(1_000 + n, NOON));
    expect(state.topology.nodes.size).toBe(20_000);
    expect(state.topology.dropped['too-many']).toBe(MOST - 20_000);
    expect(state.refresh(NOON).agents.size).toBe(20_003);
    state.refresh(NOON + 901_000);
    expect(state.refresh(NOON + 1_000_000).agents.size).toBe(3);
  });

  test('under ever new keys of one id tells of at most a thousand changes at a time', () => {
    const state = fleet();
    for (let n = 0; n < 5_000; n++) state.pingAnswered(20, 1, NOON + n, n.toString(16).padStart(64, '0'));
    expect(state.takeKeyChanges()).toHaveLength(1_000);
    expect(state.refresh(NOON + 5_000).agents.size).toBe(4);
  });
});
