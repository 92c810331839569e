import { create, toBinary } from '@bufbuild/protobuf';
import { fromHex } from '../../base/bytes.ts';
import type { RecordedLog } from '../log-record.ts';
import type { RecordedSpan } from '../recording-tracer.ts';
import { type AnyValue, type AttributeList, isBytes, isKeyValueList, type Resource, type Scope } from '../span.ts';
import {
  type AnyValue as AnyValueMessage,
  AnyValueSchema,
  ArrayValueSchema,
  ExportLogsServiceRequestSchema,
  ExportTraceServiceRequestSchema,
  InstrumentationScopeSchema,
  KeyValueListSchema,
  type KeyValue as KeyValueMessage,
  KeyValueSchema,
  LogRecordSchema,
  ResourceLogsSchema,
  ResourceSchema,
  ResourceSpansSchema,
  ScopeLogsSchema,
  ScopeSpansSchema,
  Span_EventSchema,
  Span_LinkSchema,
  Span_StatusSchema,
  SpanSchema,
} from './generated/otlp_pb.ts';
import { groupByOrigin } from './otlp-encode-groups.ts';

/** An `ExportTraceServiceRequest` in protobuf, as an agent sends its spans. */
export function encodeTracesRequest(spans: readonly RecordedSpan[]): Uint8Array {
  const resourceSpans = groupByOrigin(spans).map(({ resource, scopes }) =>
    create(ResourceSpansSchema, {
      resource: resourceMessage(resource),
      schemaUrl: resource.schemaUrl,
      scopeSpans: scopes.map(({ scope, records }) =>
        create(ScopeSpansSchema, {
          scope: scopeMessage(scope),
          schemaUrl: scope.schemaUrl,
          spans: records.map(spanMessage),
        }),
      ),
    }),
  );
  return toBinary(ExportTraceServiceRequestSchema, create(ExportTraceServiceRequestSchema, { resourceSpans }));
}

/** An `ExportLogsServiceRequest` in protobuf, as an agent sends its reports. */
export function encodeLogsRequest(logs: readonly RecordedLog[]): Uint8Array {
  const resourceLogs = groupByOrigin(logs).map(({ resource, scopes }) =>
    create(ResourceLogsSchema, {
      resource: resourceMessage(resource),
      schemaUrl: resource.schemaUrl,
      scopeLogs: scopes.map(({ scope, records }) =>
        create(ScopeLogsSchema, {
          scope: scopeMessage(scope),
          schemaUrl: scope.schemaUrl,
          logRecords: records.map(logMessage),
        }),
      ),
    }),
  );
  return toBinary(ExportLogsServiceRequestSchema, create(ExportLogsServiceRequestSchema, { resourceLogs }));
}

function resourceMessage({ attributes, droppedAttributesCount }: Resource) {
  return create(ResourceSchema, { attributes: keyValues(attributes), droppedAttributesCount });
}

function scopeMessage({ name, version, attributes, droppedAttributesCount }: Scope) {
  return create(InstrumentationScopeSchema, {
    name,
    version,
    attributes: keyValues(attributes),
    droppedAttributesCount,
  });
}

function spanMessage(span: RecordedSpan) {
  return create(SpanSchema, {
    traceId: fromHex(span.traceId),
    spanId: fromHex(span.spanId),
    parentSpanId: fromHex(span.parentSpanId),
    traceState: span.traceState,
    flags: span.flags,
    name: span.name,
    kind: span.kind,
    startTimeUnixNano: span.startTimeUnixNano,
    endTimeUnixNano: span.endTimeUnixNano,
    attributes: keyValues(span.attributes),
    droppedAttributesCount: span.droppedAttributesCount,
    events: span.events.map((event) => create(Span_EventSchema, { ...event, attributes: keyValues(event.attributes) })),
    droppedEventsCount: span.droppedEventsCount,
    links: span.links.map((link) =>
      create(Span_LinkSchema, {
        ...link,
        traceId: fromHex(link.traceId),
        spanId: fromHex(link.spanId),
        attributes: keyValues(link.attributes),
      }),
    ),
    droppedLinksCount: span.droppedLinksCount,
    status: create(Span_StatusSchema, span.status),
  });
}

function logMessage(log: RecordedLog) {
  return create(LogRecordSchema, {
    timeUnixNano: log.timeUnixNano,
    observedTimeUnixNano: log.observedTimeUnixNano,
    severityNumber: log.severityNumber,
    severityText: log.severityText,
    body: valueMessage(log.body),
    attributes: keyValues(log.attributes),
    droppedAttributesCount: log.droppedAttributesCount,
    flags: log.flags,
    traceId: fromHex(log.traceId),
    spanId: fromHex(log.spanId),
    eventName: log.eventName,
  });
}

function keyValues(attributes: AttributeList): KeyValueMessage[] {
  return attributes.map(({ key, value }) => create(KeyValueSchema, { key, value: valueMessage(value) }));
}

function valueMessage(value: AnyValue): AnyValueMessage {
  return create(AnyValueSchema, value === null ? {} : { value: unionOf(value) });
}

function unionOf(value: NonNullable<AnyValue>): AnyValueMessage['value'] {
  if (typeof value === 'string') return { case: 'stringValue', value };
  if (typeof value === 'boolean') return { case: 'boolValue', value };
  if (typeof value === 'bigint') return { case: 'intValue', value };
  if (typeof value === 'number') return { case: 'doubleValue', value };
  if (isBytes(value)) return { case: 'bytesValue', value: new Uint8Array(value) };
  if (isKeyValueList(value)) {
    return { case: 'kvlistValue', value: create(KeyValueListSchema, { values: keyValues(value.entries) }) };
  }
  return { case: 'arrayValue', value: create(ArrayValueSchema, { values: value.map(valueMessage) }) };
}
