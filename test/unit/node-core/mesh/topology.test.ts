import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ReportRow } from '../../../../node-core/base/report.ts';
import { Topology } from '../../../../node-core/mesh/topology.ts';
import { flowRow, NOON, nano, nodeRow, tunnelRow } from '../../../support/report-rows.ts';

function folded(...rows: ReportRow[]): Topology {
  const topology = new Topology();
  for (const row of rows) topology.apply(row);
  return topology;
}

describe('tunnels', () => {
  test('are one for both ends, with a side each', () => {
    const topology = folded(tunnelRow(9, 4, NOON), tunnelRow(4, 9, NOON + 10, { path: 'relay' }));
    const tunnel = topology.tunnels.get('4-9');
    expect(tunnel).toMatchObject({ a: 4, b: 9 });
    expect([...(tunnel?.sides.keys() ?? [])]).toEqual([9, 4]);
    expect(tunnel?.sides.get(4)?.report.path).toBe('relay');
  });

  test('place the times of a fast clock on ours', () => {
    const ahead = tunnelRow(7, 4, NOON);
    const side = folded({ ...ahead, at: NOON - 3_000 }) // arrives when our clock shows 3 s less
      .tunnels.get('4-7')
      ?.sides.get(7);
    expect(side?.lastHeard).toBe(NOON - 3_000 - 100);
    expect(side?.pathSince).toBe(NOON - 3_000 - 60_000);
  });

  test('end with the last side that closes', () => {
    const topology = folded(
      tunnelRow(9, 4, NOON),
      tunnelRow(4, 9, NOON),
      tunnelRow(4, 9, NOON + 1, { state: 'closed' }),
    );
    expect(topology.tunnels.size).toBe(1);
    topology.apply(tunnelRow(9, 4, NOON + 2, { state: 'closed' }));
    expect(topology.tunnels.size).toBe(0);
  });

  test('remember the path before, and that a straight one which had held fell to a relay', () => {
    const fallen = folded(tunnelRow(9, 4, NOON), tunnelRow(9, 4, NOON + 1_000, { path: 'relay' }));
    const side = fallen.tunnels.get('4-9')?.sides.get(9);
    expect(side).toMatchObject({ previousPath: 'direct', fellAt: NOON + 1_000 });
    fallen.apply(tunnelRow(9, 4, NOON + 6_000, { path: 'relay' }));
    expect(fallen.tunnels.get('4-9')?.sides.get(9)?.fellAt).toBe(NOON + 1_000);
    fallen.apply(tunnelRow(9, 4, NOON + 9_000, { path: 'punched' }));
    expect(fallen.tunnels.get('4-9')?.sides.get(9)?.fellAt).toBeUndefined();
  });

  test('do not fall from a path that was only tried', () => {
    const tried = folded(
      tunnelRow(9, 4, NOON, { pathSince: nano(NOON - 400) }),
      tunnelRow(9, 4, NOON + 300, { path: 'relay' }),
    );
    expect(tried.tunnels.get('4-9')?.sides.get(9)?.fellAt).toBeUndefined();
  });

  test('give the traffic of the last 10 s', () => {
    const topology = folded(
      tunnelRow(9, 4, NOON, { bytesSent: 100, bytesReceived: 100 }),
      tunnelRow(9, 4, NOON + 5_000, { bytesSent: 4_100, bytesReceived: 6_100 }),
    );
    expect(
      topology.tunnels
        .get('4-9')
        ?.sides.get(9)
        ?.traffic.perSecond(NOON + 5_000),
    ).toBe(2_000);
  });

  test('are forgotten when nobody repeats them', () => {
    const topology = folded(tunnelRow(9, 4, NOON));
    topology.expire(NOON + 89_000);
    expect(topology.tunnels.size).toBe(1);
    topology.expire(NOON + 91_000);
    expect(topology.tunnels.size).toBe(0);
  });
});

describe('flows', () => {
  test('are one for both ends, and open until both closed them', () => {
    const topology = folded(flowRow(9, 4, NOON), flowRow(4, 9, NOON, { role: 'acceptor' }));
    const flow = [...topology.flows.values()][0];
    expect(flow).toMatchObject({ dialler: 9, acceptor: 4, openedAt: NOON - 1_000 });
    expect([...(flow?.heardFrom.keys() ?? [])]).toEqual(['dialler', 'acceptor']);
    topology.apply(flowRow(9, 4, NOON + 1, { state: 'closed' }));
    expect(topology.flows.size).toBe(1);
    topology.apply(flowRow(4, 9, NOON + 2, { role: 'acceptor', state: 'closed' }));
    expect(topology.flows.size).toBe(0);
  });

  test('refuse a third node that claims an end of them', () => {
    const topology = folded(flowRow(9, 4, NOON), flowRow(5, 9, NOON, { role: 'acceptor' }));
    expect(topology.dropped['contradicts-other-end']).toBe(1);
    expect(topology.flows.size).toBe(1);
  });
});

describe('nodes', () => {
  test('keep their counts through reports, and begin again with a restart', () => {
    const topology = folded(
      nodeRow(9, NOON, { requests: 10 }),
      nodeRow(9, NOON + 5_000, { requests: 30, failures: 3 }),
    );
    expect(topology.nodes.get(9)?.requests.increase(NOON + 5_000)).toBe(20);
    topology.apply(nodeRow(9, NOON + 6_000, { requests: 40, startedAt: 2n }));
    expect(topology.nodes.get(9)?.requests.increase(NOON + 6_000)).toBe(0);
  });
});

describe('a hostile reporter', () => {
  test('cannot say more than its share', () => {
    const topology = new Topology();
    for (let peer = 100; peer < 10_100; peer++) {
      topology.apply(tunnelRow(9, peer, NOON));
      topology.apply(flowRow(9, peer, NOON, { flowId: peer.toString(16).padStart(32, '0') }));
    }
    expect(topology.tunnels.size).toBe(2_000);
    expect(topology.flows.size).toBe(2_000);
    expect(topology.dropped['too-many-from-one-node']).toBe(16_000);
    topology.apply(tunnelRow(8, 4, NOON));
    expect(topology.tunnels.has('4-8')).toBe(true);
  });

  test('has no tunnel with itself', () => {
    expect(folded(tunnelRow(9, 9, NOON)).dropped['self-tunnel']).toBe(1);
  });
});

test('folding the same rows again gives the same graph', () => {
  const row = fc.oneof(
    fc
      .record({ who: fc.integer({ min: 1, max: 5 }), peer: fc.integer({ min: 1, max: 5 }) })
      .map(({ who, peer }) => tunnelRow(who, peer, NOON, { path: peer % 2 === 0 ? 'relay' : 'lan' })),
    fc.integer({ min: 1, max: 5 }).map((who) => nodeRow(who, NOON, { requests: who })),
    fc.integer({ min: 1, max: 5 }).map((who) => flowRow(who, 6, NOON, { flowId: `${who}`.repeat(32) })),
  );
  fc.assert(
    fc.property(fc.array(row, { maxLength: 60 }), (rows) => {
      const [once, again] = [folded(...rows), folded(...rows)];
      expect(once.tunnels).toEqual(again.tunnels);
      expect(once.nodes).toEqual(again.nodes);
      expect(once.flows).toEqual(again.flows);
    }),
  );
});
