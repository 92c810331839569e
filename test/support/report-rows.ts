import type { FlowReport, NodeReport, ReportRow, TunnelReport } from '../../node-core/base/report.ts';

export const NOON = 1_793_620_800_000; // Unix milliseconds
/** The public key of a node, unless it changed hands. */
export const keyOf = (nodeId: number): string => nodeId.toString(16).padStart(64, '0');
export const nano = (ms: number): bigint => BigInt(ms) * 1_000_000n;

/** A row in which `reporter` tells, at `at` of an exact clock, of its tunnel with `peer`. */
export function tunnelRow(
  reporter: number,
  peer: number,
  at: number,
  changes: Partial<TunnelReport> = {},
): ReportRow & { readonly kind: 'tunnel' } {
  const report: TunnelReport = {
    peerNodeId: peer,
    state: 'established',
    path: 'direct',
    pathSince: nano(at - 60_000),
    bytesSent: 0,
    bytesReceived: 0,
    packetsSent: 0,
    packetsReceived: 0,
    epoch: 1,
    keySince: nano(at - 60_000),
    lastHeard: nano(at - 100),
    openStreams: 0,
    ...changes,
  };
  return { kind: 'tunnel', reporter, reporterKey: keyOf(reporter), at, reportedAt: nano(at), report };
}

export function nodeRow(reporter: number, at: number, changes: Partial<NodeReport> = {}): ReportRow {
  const report: NodeReport = {
    hostname: `agent-${reporter}`,
    tags: [],
    groupIds: [],
    version: '1',
    startedAt: 1n,
    clockEpoch: 0,
    requests: 0,
    failures: 0,
    recorded: 0,
    exportDropped: 0,
    ...changes,
  };
  return { kind: 'node', reporter, reporterKey: keyOf(reporter), at, reportedAt: nano(at), report };
}

export function flowRow(reporter: number, peer: number, at: number, changes: Partial<FlowReport> = {}): ReportRow {
  const report: FlowReport = {
    flowId: 'b240e19412363f3a3e13ef83e236d9fd',
    role: 'dialler',
    state: 'open',
    peerNodeId: peer,
    groupId: 2,
    port: 1001,
    openedAt: nano(at - 1_000),
    bytesSent: 0,
    bytesReceived: 0,
    ...changes,
  };
  return { kind: 'flow', reporter, reporterKey: keyOf(reporter), at, reportedAt: nano(at), report };
}
