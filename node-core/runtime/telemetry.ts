import { randomBytes } from 'node:crypto';
import { toHex } from '../base/bytes.ts';
import { ATTR } from '../base/tracer.ts';
import { attributeListOf } from '../collector/attribute-list.ts';
import type { RecordedLog } from '../collector/log-record.ts';
import { type RecordedSpan, RecordingTracer } from '../collector/recording-tracer.ts';
import { encodeFlowReport, encodeNodeReport, encodeTunnelReport } from '../collector/report-codec.ts';
import type { Resource } from '../collector/span.ts';
import type { Report } from '../node/reporter.ts';
import { VERSION } from './version.ts';

/** Who records: the service name is the agent's own, the rest says which node it runs on. */
export function nodeResource(hostname: string, publicKey: Uint8Array): Resource {
  const attributes = attributeListOf({
    'service.name': hostname,
    'service.version': VERSION,
    'telemetry.sdk.name': 'flightdeck',
    'telemetry.sdk.language': 'nodejs',
    [ATTR.publicKey]: toHex(publicKey),
  });
  return { attributes, droppedAttributesCount: 0, schemaUrl: '' };
}

export function createTracer(resource: Resource, sink: (span: RecordedSpan) => void): RecordingTracer {
  return new RecordingTracer({ random: (length) => new Uint8Array(randomBytes(length)), resource, sink });
}

export function encodeReport({ kind, at, report }: Report, resource: Resource): RecordedLog {
  switch (kind) {
    case 'node':
      return encodeNodeReport(report, at, resource);
    case 'tunnel':
      return encodeTunnelReport(report, at, resource);
    case 'flow':
      return encodeFlowReport(report, at, resource);
  }
}
