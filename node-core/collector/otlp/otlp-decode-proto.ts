import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { toHex } from '../../base/bytes.ts';
import type { LogRecord } from '../log-record.ts';
import {
  type AnyValue,
  type Arrival,
  EMPTY_RESOURCE,
  EMPTY_SCOPE,
  type KeyValue,
  type Resource,
  type Scope,
  type SpanEvent,
  type SpanLink,
  type SpanRecord,
} from '../span.ts';
import {
  type AnyValue as AnyValueMessage,
  ExportLogsServiceRequestSchema,
  ExportTraceServiceRequestSchema,
  type InstrumentationScope,
  type KeyValue as KeyValueMessage,
  type LogRecord as LogMessage,
  type Resource as ResourceMessage,
  type Span_Event as SpanEventMessage,
  type Span_Link as SpanLinkMessage,
  type Span as SpanMessage,
} from './generated/otlp_pb.ts';
import {
  type Decoded,
  MOST_DEPTH,
  malformed,
  RecordCollector,
  type RejectReason,
  UnusableRecord,
  uniqueAttributes,
} from './otlp-decode-parts.ts';
import { checkWireFormat } from './otlp-decode-wire.ts';

/** Messages nest three deep for each level of a list of attributes. */
const MOST_MESSAGES_DEEP = 3 * MOST_DEPTH + 16;

/**
 * Decodes an `ExportTraceServiceRequest` in protobuf. Unknown fields are skipped, groups too; bytes that are not UTF-8
 * become U+FFFD.
 *
 * @throws PilotError `frame.invalid` for what is not protobuf, has fields of another wire type, or nests too deep.
 */
export function decodeTracesProto(body: Uint8Array, arrival: Arrival): Decoded<SpanRecord> {
  const { request, parts } = decodeMessage(ExportTraceServiceRequestSchema, body);
  const spans = new RecordCollector<SpanRecord>();
  for (const owner of request.resourceSpans) {
    const resource = resourceOf(owner.resource, owner.schemaUrl);
    for (const group of [...owner.scopeSpans, ...owner.instrumentationLibrarySpans]) {
      const scope = scopeOf(group.scope, group.schemaUrl);
      for (const span of group.spans) spans.add(() => spanRecord(span, resource, scope, arrival));
    }
  }
  return { records: spans.records, rejected: spans.rejected, warning: undefined, parts, leftOut: 0 };
}

/** The same for an `ExportLogsServiceRequest`. */
export function decodeLogsProto(body: Uint8Array, arrival: Arrival): Decoded<LogRecord> {
  const { request, parts } = decodeMessage(ExportLogsServiceRequestSchema, body);
  const logs = new RecordCollector<LogRecord>();
  for (const owner of request.resourceLogs) {
    const resource = resourceOf(owner.resource, owner.schemaUrl);
    for (const group of owner.scopeLogs) {
      const scope = scopeOf(group.scope, group.schemaUrl);
      for (const log of group.logRecords) logs.add(() => logRecord(log, resource, scope, arrival));
    }
  }
  return { records: logs.records, rejected: logs.rejected, warning: undefined, parts, leftOut: 0 };
}

function decodeMessage<Desc extends DescMessage>(
  schema: Desc,
  body: Uint8Array,
): { readonly request: MessageShape<Desc>; readonly parts: number } {
  const parts = checkWireFormat(schema, body, MOST_MESSAGES_DEEP);
  try {
    const request = fromBinary(schema, body, { readUnknownFields: false, recursionLimit: MOST_MESSAGES_DEEP });
    return { request, parts };
  } catch (cause) {
    throw malformed('the body is not a protobuf message of its kind', cause);
  }
}

function resourceOf(resource: ResourceMessage | undefined, schemaUrl: string): Resource {
  if (resource === undefined && schemaUrl === '') return EMPTY_RESOURCE;
  return { ...attributesOf(resource?.attributes ?? [], resource?.droppedAttributesCount ?? 0), schemaUrl };
}

function scopeOf(scope: InstrumentationScope | undefined, schemaUrl: string): Scope {
  if (scope === undefined) return schemaUrl === '' ? EMPTY_SCOPE : { ...EMPTY_SCOPE, schemaUrl };
  const attributes = attributesOf(scope.attributes, scope.droppedAttributesCount);
  return { name: scope.name, version: scope.version, ...attributes, schemaUrl };
}

function attributesOf(pairs: readonly KeyValueMessage[], told: number) {
  const { attributes, dropped } = uniqueAttributes(pairs.map((pair) => keyValue(pair, 0)));
  return { attributes, droppedAttributesCount: told + dropped };
}

function keyValue(pair: KeyValueMessage, depth: number): KeyValue {
  return { key: pair.key, value: pair.value === undefined ? null : value(pair.value, depth) };
}

function value(message: AnyValueMessage, depth: number): AnyValue {
  if (depth > MOST_DEPTH) throw malformed(`a value is nested more than ${MOST_DEPTH} deep`);
  const union = message.value;
  switch (union.case) {
    case undefined:
      return null;
    case 'arrayValue':
      return union.value.values.map((item) => value(item, depth + 1));
    case 'kvlistValue':
      return { entries: uniqueAttributes(union.value.values.map((pair) => keyValue(pair, depth + 1))).attributes };
    case 'bytesValue':
      return union.value.slice(); // a view would keep the whole request alive
    default:
      return union.value;
  }
}

function spanRecord(span: SpanMessage, resource: Resource, scope: Scope, arrival: Arrival): SpanRecord {
  return {
    traceId: requiredId(span.traceId, 16, 'trace-id'),
    spanId: requiredId(span.spanId, 8, 'span-id'),
    parentSpanId: optionalId(span.parentSpanId, 8, 'parent-id'),
    traceState: span.traceState,
    flags: span.flags,
    name: span.name,
    kind: span.kind,
    startTimeUnixNano: span.startTimeUnixNano,
    endTimeUnixNano: span.endTimeUnixNano,
    ...attributesOf(span.attributes, span.droppedAttributesCount),
    events: span.events.map(spanEvent),
    droppedEventsCount: span.droppedEventsCount,
    links: span.links.map(spanLink),
    droppedLinksCount: span.droppedLinksCount,
    status: { code: span.status?.code ?? 0, message: span.status?.message ?? '' },
    resource,
    scope,
    arrivedAt: arrival.arrivedAt,
    exporter: arrival.exporter,
  };
}

function spanEvent(event: SpanEventMessage): SpanEvent {
  const { timeUnixNano, name } = event;
  return { timeUnixNano, name, ...attributesOf(event.attributes, event.droppedAttributesCount) };
}

function spanLink(link: SpanLinkMessage): SpanLink {
  return {
    traceId: toHex(link.traceId),
    spanId: toHex(link.spanId),
    traceState: link.traceState,
    ...attributesOf(link.attributes, link.droppedAttributesCount),
    flags: link.flags,
  };
}

function logRecord(log: LogMessage, resource: Resource, scope: Scope, arrival: Arrival): LogRecord {
  return {
    timeUnixNano: log.timeUnixNano,
    observedTimeUnixNano: log.observedTimeUnixNano,
    severityNumber: log.severityNumber,
    severityText: log.severityText,
    body: log.body === undefined ? null : value(log.body, 0),
    ...attributesOf(log.attributes, log.droppedAttributesCount),
    flags: log.flags,
    traceId: optionalId(log.traceId, 16, 'trace-id'),
    spanId: optionalId(log.spanId, 8, 'span-id'),
    eventName: log.eventName,
    resource,
    scope,
    arrivedAt: arrival.arrivedAt,
    exporter: arrival.exporter,
  };
}

function requiredId(bytes: Uint8Array, length: number, reason: RejectReason): string {
  const id = optionalId(bytes, length, reason);
  if (id === '') throw new UnusableRecord(reason);
  return id;
}

/** Absent, empty or zero is the empty text. */
function optionalId(bytes: Uint8Array, length: number, reason: RejectReason): string {
  if (bytes.length === 0) return '';
  if (bytes.length !== length) throw new UnusableRecord(reason);
  return bytes.every((byte) => byte === 0) ? '' : toHex(bytes);
}
