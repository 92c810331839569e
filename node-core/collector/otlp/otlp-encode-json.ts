import type { RecordedLog } from '../log-record.ts';
import type { RecordedSpan } from '../recording-tracer.ts';
import { type AnyValue, type AttributeList, isBytes, isKeyValueList, type Resource, type Scope } from '../span.ts';
import { groupByOrigin } from './otlp-encode-groups.ts';

/** Which trace id a raw one is written as. */
export type TraceIdMap = (rawTraceId: string) => string;

/**
 * An `ExportTraceServiceRequest` as OTLP JSON text: ids in lower-case hex, 64-bit integers as text, doubles without a
 * number in JSON as "NaN", "Infinity" and "-Infinity". Fields with their default value are left out.
 *
 * @param traceIdOf - Gives joined ids, when those are asked for; links are changed along.
 */
export function encodeTracesJson(spans: readonly RecordedSpan[], traceIdOf: TraceIdMap = (id) => id): string {
  const resourceSpans = groupByOrigin(spans).map(({ resource, scopes }) => ({
    ...resourceToOtlpJson(resource),
    scopeSpans: scopes.map(({ scope, records }) => ({
      ...scopeToOtlpJson(scope),
      spans: records.map((span) => spanToOtlpJson(span, traceIdOf)),
    })),
  }));
  return JSON.stringify({ resourceSpans });
}

/** What a `ResourceSpans` or `ResourceLogs` says of its resource. */
export function resourceToOtlpJson({ attributes, droppedAttributesCount, schemaUrl }: Resource): object {
  return {
    resource: present({ attributes: keyValues(attributes), droppedAttributesCount }),
    ...present({ schemaUrl }),
  };
}

/** What a `ScopeSpans` or `ScopeLogs` says of its scope. */
export function scopeToOtlpJson({ name, version, attributes, droppedAttributesCount, schemaUrl }: Scope): object {
  const scope = present({ name, version, attributes: keyValues(attributes), droppedAttributesCount });
  return { scope, ...present({ schemaUrl }) };
}

/** A `Span`. */
export function spanToOtlpJson(span: RecordedSpan, traceIdOf: TraceIdMap = (id) => id): object {
  return present({
    traceId: traceIdOf(span.traceId),
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    traceState: span.traceState,
    flags: span.flags,
    name: span.name,
    kind: span.kind,
    startTimeUnixNano: span.startTimeUnixNano,
    endTimeUnixNano: span.endTimeUnixNano,
    attributes: keyValues(span.attributes),
    droppedAttributesCount: span.droppedAttributesCount,
    events: span.events.map((event) => present({ ...event, attributes: keyValues(event.attributes) })),
    droppedEventsCount: span.droppedEventsCount,
    links: span.links.map((link) =>
      present({ ...link, traceId: traceIdOf(link.traceId), attributes: keyValues(link.attributes) }),
    ),
    droppedLinksCount: span.droppedLinksCount,
    status: present({ ...span.status }),
  });
}

/** A `LogRecord`. */
export function logToOtlpJson(log: RecordedLog): object {
  return present({
    timeUnixNano: log.timeUnixNano,
    observedTimeUnixNano: log.observedTimeUnixNano,
    severityNumber: log.severityNumber,
    severityText: log.severityText,
    body: valueToOtlpJson(log.body),
    attributes: keyValues(log.attributes),
    droppedAttributesCount: log.droppedAttributesCount,
    flags: log.flags,
    traceId: log.traceId,
    spanId: log.spanId,
    eventName: log.eventName,
  });
}

/** Without the fields that have their default value; 64-bit numbers as text. */
function present(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === '' || value === 0 || value === 0n || (Array.isArray(value) && value.length === 0)) continue;
    kept[name] = typeof value === 'bigint' ? value.toString() : value;
  }
  return kept;
}

function keyValues(attributes: AttributeList): object[] {
  return attributes.map(({ key, value }) => ({ key, value: valueToOtlpJson(value) }));
}

/** An `AnyValue` in OTLP's JSON. */
function valueToOtlpJson(value: AnyValue): object {
  if (value === null) return {};
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'bigint') return { intValue: value.toString() };
  if (typeof value === 'number') return { doubleValue: Number.isFinite(value) ? value : String(value) };
  if (isBytes(value)) return { bytesValue: Buffer.from(value).toString('base64') };
  if (isKeyValueList(value)) return { kvlistValue: { values: keyValues(value.entries) } };
  return { arrayValue: { values: value.map(valueToOtlpJson) } };
}
