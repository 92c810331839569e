import { type UnixNano, unixMillis } from '../base/clock.ts';
import {
  type FlowReport,
  type NodeReport,
  PATH_KINDS,
  type PathKind,
  REPORT_EVENT,
  type ReportRow,
  type TunnelReport,
} from '../base/report.ts';
import { wellFormed } from '../base/text.ts';
import { ATTR } from '../base/tracer.ts';
import { parseEndpoint } from '../base/transport.ts';
import { type LogRecord, type RecordedLog, recordEvent } from './log-record.ts';
import { attributeOf, integerAttribute, type Resource, textAttribute } from './span.ts';

/** Attribute keys that only reports use, beside those of spans. PROTOCOL.md, "Reports", is their table. */
export const REPORT_ATTR = {
  hostname: 'pilot.hostname',
  tags: 'pilot.tags',
  groupIds: 'pilot.group.ids',
  version: 'pilot.version',
  startedAt: 'pilot.started_at',
  requests: 'pilot.requests',
  failures: 'pilot.failures',
  recorded: 'pilot.export.recorded',
  exportDropped: 'pilot.export.dropped',
  tunnelState: 'pilot.tunnel.state',
  pathSince: 'pilot.path.since',
  rttMs: 'pilot.tunnel.rtt_ms',
  lossRatio: 'pilot.tunnel.loss_ratio',
  packetsSent: 'pilot.packets.sent',
  packetsReceived: 'pilot.packets.received',
  keySince: 'pilot.tunnel.key_since',
  lastHeard: 'pilot.tunnel.last_heard',
  openStreams: 'pilot.tunnel.open_streams',
  flowState: 'pilot.flow.state',
  openedAt: 'pilot.flow.opened_at',
} as const;

const LATEST = 2n ** 63n - 1n;
const LONGEST_NAME = 255;
const MOST_TAGS = 64;
const MOST_GROUPS = 1_024;
const LONGEST_RTT_MS = 3_600_000;

export type RefusedReport = 'no-report' | 'unauthenticated' | 'malformed';

type Attributes = LogRecord['attributes'];

export function encodeNodeReport(report: NodeReport, at: UnixNano, resource: Resource): RecordedLog {
  return recordEvent(REPORT_EVENT.node, at, resource, {
    [REPORT_ATTR.hostname]: report.hostname,
    [REPORT_ATTR.tags]: report.tags,
    [REPORT_ATTR.groupIds]: report.groupIds.map(String),
    [REPORT_ATTR.version]: report.version,
    [REPORT_ATTR.startedAt]: report.startedAt,
    [ATTR.clockEpoch]: report.clockEpoch,
    [REPORT_ATTR.requests]: report.requests,
    [REPORT_ATTR.failures]: report.failures,
    [REPORT_ATTR.recorded]: report.recorded,
    [REPORT_ATTR.exportDropped]: report.exportDropped,
  });
}

export function encodeTunnelReport(report: TunnelReport, at: UnixNano, resource: Resource): RecordedLog {
  return recordEvent(REPORT_EVENT.tunnel, at, resource, {
    [ATTR.peerNodeId]: report.peerNodeId,
    [REPORT_ATTR.tunnelState]: report.state,
    [ATTR.path]: report.path,
    [REPORT_ATTR.pathSince]: report.pathSince,
    [ATTR.relayBeacon]: report.relayBeacon,
    [REPORT_ATTR.rttMs]: report.rttMs,
    [REPORT_ATTR.lossRatio]: report.lossRatio,
    [ATTR.bytesSent]: report.bytesSent,
    [ATTR.bytesReceived]: report.bytesReceived,
    [REPORT_ATTR.packetsSent]: report.packetsSent,
    [REPORT_ATTR.packetsReceived]: report.packetsReceived,
    [ATTR.tunnelEpoch]: report.epoch,
    [REPORT_ATTR.keySince]: report.keySince,
    [REPORT_ATTR.lastHeard]: report.lastHeard,
    [REPORT_ATTR.openStreams]: report.openStreams,
  });
}

export function encodeFlowReport(report: FlowReport, at: UnixNano, resource: Resource): RecordedLog {
  return recordEvent(REPORT_EVENT.flow, at, resource, {
    [ATTR.flowId]: report.flowId,
    [ATTR.flowRole]: report.role,
    [REPORT_ATTR.flowState]: report.state,
    [ATTR.peerNodeId]: report.peerNodeId,
    [ATTR.groupId]: report.groupId,
    [ATTR.port]: report.port,
    [REPORT_ATTR.openedAt]: report.openedAt,
    [ATTR.bytesSent]: report.bytesSent,
    [ATTR.bytesReceived]: report.bytesReceived,
  });
}

/**
 * A log record as a row of the mesh, or why it is none. The reporter is the authenticated exporter, whatever the record
 * says of itself; a report that nobody authenticated is not believed.
 */
export function decodeReport(log: LogRecord): ReportRow | RefusedReport {
  if (!isReport(log.eventName)) return 'no-report';
  if (log.exporter === undefined) return 'unauthenticated';
  const head = {
    reporter: log.exporter.nodeId,
    reporterKey: log.exporter.publicKey,
    at: unixMillis(log.arrivedAt),
    reportedAt: log.timeUnixNano === 0n ? log.observedTimeUnixNano : log.timeUnixNano,
  };
  switch (log.eventName) {
    case REPORT_EVENT.node: {
      const report = decodeNode(log.attributes);
      return report === undefined ? 'malformed' : { ...head, kind: 'node', report };
    }
    case REPORT_EVENT.tunnel: {
      const report = decodeTunnel(log.attributes);
      return report === undefined ? 'malformed' : { ...head, kind: 'tunnel', report };
    }
    default: {
      const report = decodeFlow(log.attributes);
      return report === undefined ? 'malformed' : { ...head, kind: 'flow', report };
    }
  }
}

export function isReport(eventName: string): boolean {
  return Object.values<string>(REPORT_EVENT).includes(eventName);
}

function decodeNode(attributes: Attributes): NodeReport | undefined {
  const hostname = name(attributes, REPORT_ATTR.hostname);
  const version = name(attributes, REPORT_ATTR.version);
  const tags = names(attributes, REPORT_ATTR.tags, MOST_TAGS);
  const groupIds = names(attributes, REPORT_ATTR.groupIds, MOST_GROUPS)?.map(Number);
  const startedAt = moment(attributes, REPORT_ATTR.startedAt);
  const clockEpoch = count(attributes, ATTR.clockEpoch);
  const requests = count(attributes, REPORT_ATTR.requests);
  const failures = count(attributes, REPORT_ATTR.failures);
  const recorded = count(attributes, REPORT_ATTR.recorded);
  const exportDropped = count(attributes, REPORT_ATTR.exportDropped);
  if (groupIds?.every((id) => Number.isInteger(id) && id >= 0 && id <= 0xffff) !== true) return undefined;
  return whole({
    hostname,
    version,
    tags,
    groupIds,
    startedAt,
    clockEpoch,
    requests,
    failures,
    recorded,
    exportDropped,
  });
}

function decodeTunnel(attributes: Attributes): TunnelReport | undefined {
  const rttMs = ratio(attributes, REPORT_ATTR.rttMs, LONGEST_RTT_MS);
  const lossRatio = ratio(attributes, REPORT_ATTR.lossRatio, 1);
  const relayBeacon = textAttribute(attributes, ATTR.relayBeacon);
  const beaconIsOne =
    relayBeacon === undefined || (relayBeacon.length <= LONGEST_NAME && parseEndpoint(relayBeacon) !== undefined);
  if (rttMs === 'malformed' || lossRatio === 'malformed' || !beaconIsOne) return undefined;
  const report = whole({
    peerNodeId: nodeId(attributes, ATTR.peerNodeId),
    state: oneOf(attributes, REPORT_ATTR.tunnelState, ['key-exchange', 'established', 'closed'] as const),
    path: oneOf<PathKind>(attributes, ATTR.path, PATH_KINDS),
    pathSince: moment(attributes, REPORT_ATTR.pathSince),
    bytesSent: count(attributes, ATTR.bytesSent),
    bytesReceived: count(attributes, ATTR.bytesReceived),
    packetsSent: count(attributes, REPORT_ATTR.packetsSent),
    packetsReceived: count(attributes, REPORT_ATTR.packetsReceived),
    epoch: count(attributes, ATTR.tunnelEpoch),
    keySince: moment(attributes, REPORT_ATTR.keySince),
    lastHeard: moment(attributes, REPORT_ATTR.lastHeard),
    openStreams: count(attributes, REPORT_ATTR.openStreams),
  });
  if (report === undefined) return undefined;
  return {
    ...report,
    ...(relayBeacon === undefined ? {} : { relayBeacon }),
    ...(rttMs === undefined ? {} : { rttMs }),
    ...(lossRatio === undefined ? {} : { lossRatio }),
  };
}

function decodeFlow(attributes: Attributes): FlowReport | undefined {
  const flowId = textAttribute(attributes, ATTR.flowId);
  return whole({
    flowId: flowId !== undefined && /^[0-9a-f]{32}$/.test(flowId) ? flowId : undefined,
    role: oneOf(attributes, ATTR.flowRole, ['dialler', 'acceptor'] as const),
    state: oneOf(attributes, REPORT_ATTR.flowState, ['open', 'closed'] as const),
    peerNodeId: nodeId(attributes, ATTR.peerNodeId),
    groupId: integerAttribute(attributes, ATTR.groupId, 0xffff),
    port: integerAttribute(attributes, ATTR.port, 0xffff),
    openedAt: moment(attributes, REPORT_ATTR.openedAt),
    bytesSent: count(attributes, ATTR.bytesSent),
    bytesReceived: count(attributes, ATTR.bytesReceived),
  });
}

type Whole<T> = { readonly [K in keyof T]: Exclude<T[K], undefined> };

/** The report, if no field of it is missing. */
function whole<T extends Record<string, unknown>>(fields: T): Whole<T> | undefined {
  return Object.values(fields).includes(undefined) ? undefined : (fields as Whole<T>);
}

function count(attributes: Attributes, key: string): number | undefined {
  return integerAttribute(attributes, key, Number.MAX_SAFE_INTEGER);
}

function nodeId(attributes: Attributes, key: string): number | undefined {
  const value = integerAttribute(attributes, key);
  return value === 0 ? undefined : value;
}

function moment(attributes: Attributes, key: string): UnixNano | undefined {
  const value = attributeOf(attributes, key);
  return typeof value === 'bigint' && value >= 0n && value <= LATEST ? value : undefined;
}

/** A number from 0 to `most` that may be absent. */
function ratio(attributes: Attributes, key: string, most: number): number | undefined | 'malformed' {
  const value = attributeOf(attributes, key);
  if (value === undefined) return undefined;
  const number = typeof value === 'number' || typeof value === 'bigint' ? Number(value) : Number.NaN;
  return number >= 0 && number <= most ? number : 'malformed';
}

function oneOf<T extends string>(attributes: Attributes, key: string, values: readonly T[]): T | undefined {
  const value = textAttribute(attributes, key);
  return values.find((candidate) => candidate === value);
}

function name(attributes: Attributes, key: string): string | undefined {
  const value = textAttribute(attributes, key);
  return value === undefined ? undefined : wellFormed(value.slice(0, LONGEST_NAME));
}

function names(attributes: Attributes, key: string, most: number): string[] | undefined {
  const value = attributeOf(attributes, key);
  if (!Array.isArray(value) || value.length > most) return undefined;
  const texts = value.filter((item): item is string => typeof item === 'string');
  return texts.length === value.length ? texts.map((text) => wellFormed(text.slice(0, LONGEST_NAME))) : undefined;
}
