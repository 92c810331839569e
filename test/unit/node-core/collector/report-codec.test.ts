import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type FlowReport, type NodeReport, PATH_KINDS, type TunnelReport } from '../../../../node-core/base/report.ts';
import type { RecordedLog } from '../../../../node-core/collector/log-record.ts';
import {
  decodeReport,
  encodeFlowReport,
  encodeNodeReport,
  encodeTunnelReport,
} from '../../../../node-core/collector/report-codec.ts';
import { type AnyValue, EMPTY_RESOURCE, type Exporter } from '../../../../node-core/collector/span.ts';

const NOW = 1_793_620_800_000_000_000n;
const exporter: Exporter = { nodeId: 7, address: '0:0000.0000.0007', publicKey: '07'.repeat(32) };
const head = { reporter: 7, reporterKey: exporter.publicKey, at: Number(NOW / 1_000_000n), reportedAt: NOW - 5n };
const arrived = (log: RecordedLog) => ({ ...log, arrivedAt: NOW, exporter });

const moment = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const peerNodeId = fc.integer({ min: 1, max: 0xffff_ffff });
const uint16 = fc.integer({ min: 0, max: 0xffff });
const name = fc.string({ maxLength: 60, unit: 'grapheme' });

const nodeReport: fc.Arbitrary<NodeReport> = fc.record({
  hostname: name,
  tags: fc.array(name, { maxLength: 5 }),
  groupIds: fc.array(uint16, { maxLength: 5 }),
  version: name,
  startedAt: moment,
  clockEpoch: count,
  requests: count,
  failures: count,
  recorded: count,
  exportDropped: count,
});
const tunnelReport: fc.Arbitrary<TunnelReport> = fc.record(
  {
    peerNodeId,
    state: fc.constantFrom('key-exchange', 'established', 'closed'),
    path: fc.constantFrom(...PATH_KINDS),
    pathSince: moment,
    relayBeacon: fc.constantFrom('127.0.0.1:9001', '[::1]:9001'),
    rttMs: fc.double({ min: 0, max: 60_000, noNaN: true }).map((ms) => Math.abs(ms)),
    lossRatio: fc.constantFrom(0, 0.01, 0.5, 1),
    bytesSent: count,
    bytesReceived: count,
    packetsSent: count,
    packetsReceived: count,
    epoch: count,
    keySince: moment,
    lastHeard: moment,
    openStreams: count,
  },
  {
    requiredKeys: [
      'peerNodeId',
      'state',
      'path',
      'pathSince',
      'bytesSent',
      'bytesReceived',
      'packetsSent',
      'packetsReceived',
      'epoch',
      'keySince',
      'lastHeard',
      'openStreams',
    ],
  },
);
const flowReport: fc.Arbitrary<FlowReport> = fc.record({
  flowId: fc.stringMatching(/^[0-9a-f]{32}$/),
  role: fc.constantFrom('dialler', 'acceptor'),
  state: fc.constantFrom('open', 'closed'),
  peerNodeId,
  groupId: uint16,
  port: uint16,
  openedAt: moment,
  bytesSent: count,
  bytesReceived: count,
});

describe('a report comes back as it was sent', () => {
  test('of a node', () => {
    fc.assert(
      fc.property(nodeReport, (report) => {
        const log = arrived(encodeNodeReport(report, NOW - 5n, EMPTY_RESOURCE));
        expect(decodeReport(log)).toEqual({ ...head, kind: 'node', report });
      }),
    );
  });

  test('of a tunnel', () => {
    fc.assert(
      fc.property(tunnelReport, (report) => {
        const log = arrived(encodeTunnelReport(report, NOW - 5n, EMPTY_RESOURCE));
        expect(decodeReport(log)).toEqual({ ...head, kind: 'tunnel', report });
      }),
    );
  });

  test('of a flow', () => {
    fc.assert(
      fc.property(flowReport, (report) => {
        const log = arrived(encodeFlowReport(report, NOW - 5n, EMPTY_RESOURCE));
        expect(decodeReport(log)).toEqual({ ...head, kind: 'flow', report });
      }),
    );
  });
});

const [node] = fc.sample(nodeReport, { numRuns: 1, seed: 1 });
const [tunnel] = fc.sample(tunnelReport, { numRuns: 1, seed: 1 });
const [flow] = fc.sample(flowReport, { numRuns: 1, seed: 1 });
const logs = [
  encodeNodeReport(node as NodeReport, NOW, EMPTY_RESOURCE),
  encodeTunnelReport(tunnel as TunnelReport, NOW, EMPTY_RESOURCE),
  encodeFlowReport(flow as FlowReport, NOW, EMPTY_RESOURCE),
];

function changed(log: RecordedLog, key: string, value: AnyValue | undefined): RecordedLog {
  const others = log.attributes.filter((attribute) => attribute.key !== key);
  return { ...log, attributes: value === undefined ? others : [...others, { key, value }] };
}

describe('what is not a report', () => {
  test('by an unknown event name', () => {
    expect(decodeReport(arrived({ ...(logs[0] as RecordedLog), eventName: 'device.app.lifecycle' }))).toBe('no-report');
  });

  test.each(logs.map((log) => [log.eventName, log]))('%s from nobody in particular', (_, log) => {
    expect(decodeReport({ ...log, arrivedAt: NOW, exporter: undefined })).toBe('unauthenticated');
  });

  test.each(
    logs.flatMap((log) =>
      log.attributes
        .filter(({ key }) => !/relay|rtt|loss/.test(key))
        .map(({ key }): [string, string, RecordedLog] => [log.eventName, key, log]),
    ),
  )('%s without %s', (_, key, log) => {
    expect(decodeReport(arrived(changed(log, key, undefined)))).toBe('malformed');
  });

  test.each<[number, string, AnyValue]>([
    [0, 'pilot.tags', Array.from({ length: 65 }, () => 'x')],
    [0, 'pilot.tags', [1n]],
    [0, 'pilot.group.ids', ['65536']],
    [0, 'pilot.group.ids', ['two']],
    [0, 'pilot.requests', -1n],
    [0, 'pilot.requests', 2n ** 60n],
    [0, 'pilot.requests', Number.NaN],
    [0, 'pilot.started_at', -1n],
    [0, 'pilot.started_at', 1.5],
    [1, 'pilot.peer.node.id', 0n],
    [1, 'pilot.peer.node.id', 2n ** 32n],
    [1, 'pilot.path', 'teleport'],
    [1, 'pilot.tunnel.state', 'ajar'],
    [1, 'pilot.tunnel.rtt_ms', Number.POSITIVE_INFINITY],
    [1, 'pilot.tunnel.rtt_ms', 'soon'],
    [1, 'pilot.tunnel.loss_ratio', 1.01],
    [1, 'pilot.tunnel.loss_ratio', Number.NaN],
    [1, 'pilot.relay.beacon', 'nowhere'],
    [1, 'pilot.relay.beacon', `${'x'.repeat(300)}:9001`],
    [0, 'pilot.group.ids', Array.from({ length: 1_025 }, () => '1')],
    [2, 'pilot.flow.id', 'B240E19412363F3A3E13EF83E236D9FD'],
    [2, 'pilot.flow.role', 'bystander'],
    [2, 'pilot.port', 65_536n],
  ])('report %d with %s = %s', (index, key, value) => {
    expect(decodeReport(arrived(changed(logs[index] as RecordedLog, key, value)))).toBe('malformed');
  });
});

test('a long or broken name is cut and mended, not refused', () => {
  const log = changed(logs[0] as RecordedLog, 'pilot.hostname', `\udc00${'x'.repeat(100_000)}`);
  const row = decodeReport(arrived(log));
  expect(typeof row === 'object' && row.kind === 'node' ? row.report.hostname : '').toBe(`\ufffd${'x'.repeat(254)}`);
});
