import { describe, expect, test } from 'vitest';
import { graphUpdate } from '../../../../node-core/contract/graph.ts';
import type { GraphState } from '../../../../node-core/mesh/graph-state.ts';
import { fleet, listed, SELF } from '../../../support/graph-fleet.ts';
import { flowRow, keyOf, NOON, nano, nodeRow, tunnelRow } from '../../../support/report-rows.ts';

describe('agents', () => {
  test('are those that are listed, report under a proven key, or are heard by this node', () => {
    const state = fleet();
    state.applyReport(nodeRow(20, NOON));
    state.applyReport(tunnelRow(SELF, 22, NOON));
    state.pingAnswered(23, 5, NOON);
    expect([...state.refresh(NOON).agents.keys()].sort((a, b) => a - b)).toEqual([1, 4, 9, 20, 22, 23]);
  });

  test('are none that only others speak of: one exporter cannot paint 2,000', () => {
    const state = fleet();
    state.applyReport(nodeRow(20, NOON));
    for (let n = 0; n < 2_000; n++) {
      state.applyReport(tunnelRow(20, 1_000 + n, NOON));
      state.applyReport(flowRow(20, 1_000 + n, NOON, { flowId: n.toString(16).padStart(32, '0') }));
    }
    const { agents, tunnels, flows } = state.refresh(NOON);
    expect([agents.size, tunnels.size, flows.size]).toEqual([4, 0, 0]);
    state.pingAnswered(1_007, 5, NOON);
    expect(state.refresh(NOON).tunnels.size).toBe(1);
    expect(state.picture.flows.size).toBe(1);
  });

  test('say whether their key was proven to this node, or is only listed', () => {
    const state = fleet();
    state.setDirectory([{ ...listed(4, 'filings'), publicKey: keyOf(4) }, listed(9, 'fare-watch')], NOON);
    expect(state.refresh(NOON).agents.get(4)).toMatchObject({ authenticated: false, publicKey: keyOf(4) });
    state.applyReport(nodeRow(9, NOON));
    expect(state.refresh(NOON).agents.get(9)).toMatchObject({ authenticated: true, publicKey: keyOf(9) });
    state.pingAnswered(4, 1, NOON, keyOf(4));
    expect(state.refresh(NOON).agents.get(4)?.authenticated).toBe(true);
  });

  test('are live once they answered, and not when they fell silent', () => {
    const state = fleet();
    expect(state.refresh(NOON).agents.get(4)).toMatchObject({ live: false, health: { state: 'unknown' } });
    state.pingAnswered(4, 12, NOON);
    expect(state.refresh(NOON).agents.get(4)).toMatchObject({
      live: true,
      health: { state: 'ok' },
      rtt: { value: 12, source: 'measured here', at: NOON },
      lastHeard: NOON,
    });
    state.pingUnanswered(4, NOON + 2_000);
    state.pingUnanswered(4, NOON + 4_000);
    expect(state.refresh(NOON + 9_000).agents.get(4)?.live).toBe(true);
    expect(state.refresh(NOON + 10_000).agents.get(4)).toMatchObject({
      live: false,
      health: { state: 'failing', reason: 'silent on all paths', since: NOON + 10_000 },
    });
    state.pingAnswered(4, 15, NOON + 20_000);
    expect(state.refresh(NOON + 20_000).agents.get(4)).toMatchObject({ live: true, health: { state: 'ok' } });
  });

  test('fail when 5 % of their requests do, as they say themselves', () => {
    const state = fleet();
    state.pingAnswered(4, 1, NOON);
    state.applyReport(nodeRow(4, NOON, { requests: 100 }));
    state.applyReport(nodeRow(4, NOON + 5_000, { requests: 120, failures: 1 }));
    const agent = state.refresh(NOON + 5_000).agents.get(4);
    expect(agent?.health).toMatchObject({ state: 'failing', reason: '1 of 20 requests failed in 1 min' });
    expect(agent?.requests).toEqual({ value: 120, source: 'filings', at: NOON + 5_000 });
  });

  test('take their name from the registry before their own word', () => {
    const state = fleet();
    state.applyReport(nodeRow(4, NOON, { hostname: 'bank' }));
    state.applyReport(nodeRow(20, NOON, { hostname: 'stranger' }));
    const { agents } = state.refresh(NOON);
    expect([agents.get(4)?.hostname, agents.get(20)?.hostname]).toEqual(['filings', 'stranger']);
  });

  test('say farewell for 30 s after they left the registry, and come back when they answer', () => {
    const state = fleet();
    state.pingAnswered(4, 1, NOON);
    state.refresh(NOON);
    state.setDirectory([listed(9, 'fare-watch')], NOON);
    expect(state.refresh(NOON + 5_000).agents.get(4)?.leftAt).toBeUndefined();
    expect(state.refresh(NOON + 11_000).agents.get(4)?.leftAt).toBe(NOON + 11_000);
    expect(state.refresh(NOON + 41_000).agents.has(4)).toBe(true);
    expect(state.refresh(NOON + 41_001).agents.has(4)).toBe(false);
    state.applyReport(nodeRow(4, NOON + 60_000));
    expect(state.refresh(NOON + 60_000).agents.get(4)?.leftAt).toBeUndefined();
  });

  test('nobody lists leave when silent for good, tunnels told of them or not', () => {
    const state = fleet();
    state.applyReport(nodeRow(20, NOON));
    state.refresh(NOON);
    expect(state.refresh(NOON + 300_000).agents.get(20)?.leftAt).toBeUndefined();
    expect(state.refresh(NOON + 300_001).agents.get(20)?.leftAt).toBe(NOON + 300_001);
    expect(state.refresh(NOON + 340_000).agents.has(20)).toBe(false);
    expect(state.refresh(NOON + 2_000_000).agents.has(20)).toBe(false);
  });

  test('carry their clock, and this node is at the reference', () => {
    const state = fleet();
    state.applyReport(nodeRow(4, NOON));
    state.setClocks(new Map([[keyOf(4), { offsetMs: 3_000, boundMs: 0.4, at: NOON, through: [9] }]]));
    const { agents } = state.refresh(NOON);
    expect(agents.get(4)?.clock).toEqual({ offsetMs: 3_000, boundMs: 0.4, at: NOON, through: [9] });
    expect(agents.get(9)?.clock).toBeUndefined();
    expect(agents.get(SELF)).toMatchObject({ self: true, live: true, health: { state: 'ok' } });
  });
});

describe('tunnels', () => {
  test('follow our own side, and say who told what', () => {
    const state = fleet();
    state.applyReport(tunnelRow(9, SELF, NOON, { path: 'direct', rttMs: 40 }));
    state.applyReport(tunnelRow(SELF, 9, NOON, { path: 'relay', relayBeacon: '127.0.0.1:9001', lossRatio: 0.02 }));
    const tunnel = state.refresh(NOON).tunnels.get('1-9');
    expect(tunnel).toMatchObject({
      path: 'relay',
      beacon: '127.0.0.1:9001',
      rtt: { value: 40, source: 'fare-watch' },
      loss: { value: 0.02, source: 'measured here' },
      health: { state: 'degraded', reason: '2.0 % of pings are lost' },
    });
    expect(tunnel?.sides.map((side) => side.source)).toEqual(['measured here', 'fare-watch']);
  });

  test('between two others are known through their reports', () => {
    const state = fleet();
    state.applyReport(tunnelRow(4, 9, NOON, { rttMs: 7 }));
    expect(state.refresh(NOON).tunnels.get('4-9')).toMatchObject({
      rtt: { value: 7, source: 'filings' },
      health: { state: 'ok' },
    });
    expect(state.refresh(NOON + 61_000).tunnels.get('4-9')?.health.state).toBe('unknown');
    expect(state.refresh(NOON + 91_000).tunnels.has('4-9')).toBe(false);
  });

  test('fail when one end lost all its pings and heard nothing for 10 s', () => {
    const state = fleet();
    state.applyReport(tunnelRow(4, 9, NOON, { lossRatio: 1, lastHeard: nano(NOON - 12_000) }));
    expect(state.refresh(NOON).tunnels.get('4-9')?.health.state).toBe('failing');
  });

  test('degrade when they fall to a relay; a relay from the start is no fault', () => {
    const state = fleet();
    state.applyReport(tunnelRow(4, 9, NOON, { path: 'relay' }));
    state.applyReport(tunnelRow(SELF, 4, NOON, { path: 'punched' }));
    state.applyReport(tunnelRow(SELF, 4, NOON + 1_000, { path: 'relay' }));
    state.pingAnswered(4, 1, NOON + 1_000);
    const { tunnels, agents } = state.refresh(NOON + 1_000);
    expect(tunnels.get('4-9')?.health.state).toBe('ok');
    expect(tunnels.get('1-4')).toMatchObject({ previousPath: 'punched', health: { state: 'degraded' } });
    expect(agents.get(4)?.health.reason).toBe('fell from a straight path to a relay');
  });
});

describe('beacons, groups and flows', () => {
  test('count what runs through and within them', () => {
    const state = fleet();
    const beacon = '127.0.0.1:9001';
    for (const at of [NOON, NOON + 5_000]) {
      const bytesSent = (at - NOON) / 5;
      state.applyReport(tunnelRow(4, 9, at, { path: 'relay', relayBeacon: beacon, bytesSent }));
      state.applyReport(tunnelRow(SELF, 9, at, { path: 'lan', bytesSent }));
    }
    state.applyReport(flowRow(4, 9, NOON + 5_000));
    const picture = state.refresh(NOON + 5_000);
    expect(picture.beacons.get(beacon)).toMatchObject({ relayedTunnels: 1, bytesPerSecond: 200 });
    expect(picture.groups.get(2)).toMatchObject({
      memberIds: [1, 4, 9],
      straightTunnels: 1,
      totalTunnels: 2,
      okCount: 3,
    });
    expect([...picture.flows.values()]).toMatchObject([{ dialler: 4, acceptor: 9, ends: 'dialler' }]);
  });

  test('say when the beacon is away, and show one that only others use', () => {
    const state = fleet();
    state.setBeacons([{ id: 'a:1', name: 'fra-1', state: 'away', since: NOON }]);
    state.applyReport(tunnelRow(4, 9, NOON, { path: 'relay', relayBeacon: 'b:2' }));
    const { beacons } = state.refresh(NOON);
    expect(beacons.get('a:1')?.health).toEqual({ state: 'failing', reason: 'does not answer', since: NOON });
    expect(beacons.get('b:2')).toMatchObject({ name: 'b:2', relayedTunnels: 1, health: { state: 'unknown' } });
  });
});

test('what did not change is the same object', () => {
  const state = fleet();
  state.applyReport(tunnelRow(4, 9, NOON));
  state.applyReport(flowRow(4, 9, NOON));
  const first = state.refresh(NOON);
  const before = new Map(first.agents);
  state.takeChanges();
  state.refresh(NOON + 200);
  for (const changes of Object.values(state.takeChanges())) expect(changes.size).toBe(0);
  state.pingAnswered(9, 3, NOON + 300);
  const { agents } = state.refresh(NOON + 400);
  expect(agents.get(9)).not.toBe(before.get(9));
  expect(agents.get(1)).toBe(before.get(1));
  expect([...state.takeChanges().agents.keys()]).toEqual([9]);
});

test('a trusted peer is drawn with its key, and with the one that stands under its id instead', () => {
  const state = fleet();
  const [publicKey, changedTo] = ['aa'.repeat(32), 'bb'.repeat(32)];
  state.setTrust([{ nodeId: 9, publicKey }]);
  expect(state.refresh(NOON).agents.get(9)?.trust).toEqual({ publicKey });
  state.setTrust([{ nodeId: 9, publicKey, changedTo }]);
  expect(state.refresh(NOON).agents.get(9)?.trust).toEqual({ publicKey, changedTo });
  state.setTrust([]);
  expect(state.refresh(NOON).agents.get(9)?.trust).toBeUndefined();
});

test('the picture fits the contract', () => {
  const state = fleet();
  state.setTrust([{ nodeId: 9, publicKey: 'aa'.repeat(32), changedTo: 'bb'.repeat(32) }]);
  state.applyReport(tunnelRow(4, 9, NOON, { path: 'relay', relayBeacon: 'b:2', rttMs: 3, lossRatio: 0 }));
  state.applyReport(nodeRow(4, NOON));
  state.applyReport(flowRow(4, 9, NOON));
  const { agents, tunnels, flows, beacons, groups } = state.refresh(NOON);
  const values = {
    agents: [...agents.values()],
    tunnels: [...tunnels.values()],
    flows: [...flows.values()],
    beacons: [...beacons.values()],
    groups: [...groups.values()],
  };
  const gone = { goneAgents: [], goneTunnels: [], goneFlows: [], goneBeacons: [], goneGroups: [] };
  const update = { kind: 'snapshot', feedId: 'f', revision: 1, at: NOON, self: SELF, ...values, ...gone };
  expect(graphUpdate.parse(update)).toEqual(update);
});

describe('an id that another key takes over', () => {
  const STRANGER = 'ee'.repeat(32);

  /** Filings (4) has reported, was pinged for long, and has a tunnel that fell to a relay. */
  function withHistory(): GraphState {
    const state = fleet();
    state.applyReport(nodeRow(4, NOON, { requests: 100 }));
    state.applyReport(tunnelRow(SELF, 4, NOON, { path: 'punched' }));
    state.applyReport(tunnelRow(SELF, 4, NOON + 1_000, { path: 'relay' }));
    for (let n = 0; n < 30; n++) state.pingAnswered(4, 900, NOON + n, keyOf(4));
    state.setClocks(new Map([[keyOf(4), { offsetMs: 3_000, boundMs: 1, at: NOON }]]));
    expect(state.refresh(NOON + 1_000).agents.get(4)).toMatchObject({
      health: { state: 'degraded' },
      rtt: { value: 900 },
      requests: { value: 100 },
      clock: { offsetMs: 3_000 },
    });
    expect(state.takeKeyChanges()).toEqual([]);
    return state;
  }

  test('is told once, and begins afresh: nothing of the earlier node is shown for it', () => {
    const state = withHistory();
    for (const at of [NOON + 2_000, NOON + 3_000]) state.pingAnswered(4, 2, at, STRANGER);
    expect(state.takeKeyChanges()).toEqual([{ nodeId: 4, from: keyOf(4), to: STRANGER, by: 'tunnel' }]);
    const agent = state.refresh(NOON + 3_000).agents.get(4);
    expect(agent).toMatchObject({
      health: { state: 'ok', since: NOON + 3_000 },
      publicKey: STRANGER,
      rtt: { value: 2 },
    });
    expect([agent?.requests, agent?.clock]).toEqual([undefined, undefined]);
    expect(state.picture.tunnels.has('1-4')).toBe(false);
    expect(state.takeKeyChanges()).toEqual([]);
  });

  test('goes on when the same node signed for its new key, and is not told twice when our node told it', () => {
    const rotated = withHistory();
    rotated.keyReplaced(4, STRANGER, 'same-node', NOON + 2_000);
    expect(rotated.refresh(NOON + 2_000).agents.get(4)).toMatchObject({
      publicKey: STRANGER,
      rtt: { value: 900 },
    });
    const replaced = withHistory();
    replaced.keyReplaced(4, STRANGER, 'another-node', NOON + 2_000);
    expect(replaced.refresh(NOON + 2_000).agents.get(4)?.rtt).toBeUndefined();
    for (const state of [rotated, replaced]) {
      state.pingAnswered(4, 2, NOON + 3_000, STRANGER);
      expect(state.takeKeyChanges()).toEqual([]);
    }
  });

  test('on the registry alone only when the earlier key was not proven for a minute', () => {
    const state = withHistory();
    const restored = [{ ...listed(4, 'stranger'), publicKey: STRANGER }, listed(9, 'fare-watch')];
    state.setDirectory(restored, NOON + 30_000);
    expect(state.takeKeyChanges()).toEqual([]);
    expect(state.refresh(NOON + 30_000).agents.get(4)?.publicKey).toBe(keyOf(4));
    state.setDirectory(restored, NOON + 62_000);
    expect(state.takeKeyChanges()).toMatchObject([{ nodeId: 4, by: 'registry' }]);
    const agent = state.refresh(NOON + 62_000).agents.get(4);
    expect(agent).toMatchObject({ hostname: 'stranger', authenticated: false, publicKey: STRANGER, live: false });
    expect(agent?.rtt).toBeUndefined();
  });
});

test('a clock set back does not keep silence from being seen', () => {
  const state = fleet();
  state.pingAnswered(4, 1, NOON);
  state.refresh(NOON);
  state.refresh(NOON - 3_600_000);
  state.pingAnswered(4, 1, NOON - 3_600_000);
  state.pingUnanswered(4, NOON - 3_598_000);
  state.pingUnanswered(4, NOON - 3_596_000);
  state.refresh(NOON - 3_595_000);
  expect(state.refresh(NOON - 3_580_000).agents.get(4)?.live).toBe(false);
});
