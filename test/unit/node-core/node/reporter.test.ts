import { expect, test } from 'vitest';
import type { NodeReport, TunnelReport } from '../../../../node-core/base/report.ts';
import { Reporter } from '../../../../node-core/node/reporter.ts';

const PEER = 7;
const at = (monotonicMs: number) => ({ monotonicMs, unixNano: BigInt(monotonicMs) * 1_000_000n });
const NODE: NodeReport = {
  hostname: 'a',
  tags: [],
  groupIds: [],
  version: '1',
  startedAt: 0n,
  clockEpoch: 0,
  requests: 0,
  failures: 0,
  recorded: 0,
  exportDropped: 0,
};
const tunnel = (epoch: number): TunnelReport => ({
  peerNodeId: PEER,
  state: 'established',
  path: 'direct',
  pathSince: 0n,
  bytesSent: 0,
  bytesReceived: 0,
  packetsSent: 0,
  packetsReceived: 0,
  epoch,
  keySince: 0n,
  lastHeard: 0n,
  openStreams: 0,
});

/** A reporter past its first period, and the tunnels it reads. */
function aReporter() {
  const tunnels = new Map([[PEER, tunnel(1)]]);
  const reporter = new Reporter({
    node: () => NODE,
    peers: () => [...tunnels.keys()],
    tunnel: (peer) => tunnels.get(peer),
    openFlows: () => [],
  });
  reporter.poll(at(0));
  const told = (ms: number) =>
    reporter.poll(at(ms)).flatMap((each) => (each.kind === 'tunnel' ? [[each.report.state, each.report.epoch]] : []));
  return { reporter, tunnels, told };
}

test('a tunnel that is gone has a last word', () => {
  const { reporter, tunnels, told } = aReporter();
  tunnels.delete(PEER);
  reporter.tunnelClosed(tunnel(1), at(10));
  expect([told(109), told(110), told(5_000)]).toEqual([[], [['closed', 1]], []]);
});

test.each([110, 5_000])('a tunnel that is open again before it is told was never gone (told at %i ms)', (ms) => {
  const { reporter, tunnels, told } = aReporter();
  reporter.tunnelClosed(tunnel(1), at(10));
  tunnels.set(PEER, tunnel(2));
  reporter.tunnelChanged(PEER, at(50));
  expect(told(ms)).toEqual([['established', 2]]);
});

test('a tunnel that comes again without a word of its own is told as it is', () => {
  const { reporter, tunnels, told } = aReporter();
  reporter.tunnelClosed(tunnel(1), at(10));
  tunnels.set(PEER, { ...tunnel(1), state: 'key-exchange' });
  expect(told(110)).toEqual([['key-exchange', 1]]);
});
