import { wellFormed } from '../../base/text.ts';
import type { LogRecord } from '../log-record.ts';
import {
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
import { rewriteWideIntegers } from './otlp-decode-json-text.ts';
import {
  enumeration,
  type JsonObject,
  linkId,
  list,
  members,
  optionalId,
  requiredId,
  text,
  uint32,
  uint64,
  value,
} from './otlp-decode-json-values.ts';
import { type Decoded, malformed, RecordCollector, uniqueAttributes } from './otlp-decode-parts.ts';

/**
 * Decodes an `ExportTraceServiceRequest` in OTLP's JSON: ids in hex of either case, 64-bit integers as text or as numbers
 * with all their digits, enumerations as numbers (names are understood too), null for absent, keys also in snake_case.
 * Unknown keys are ignored.
 *
 * @throws PilotError `frame.invalid` for what is not JSON or has an array, object or scalar where another belongs.
 */
export function decodeTracesJson(json: string, arrival: Arrival, parts = 0): Decoded<SpanRecord> {
  const request = parseObject(json);
  const spans = new RecordCollector<SpanRecord>();
  for (const item of list(request, 'resourceSpans', 'resource_spans')) {
    const resourceSpans = members(item, 'resourceSpans');
    const groups = [
      ...list(resourceSpans, 'scopeSpans', 'scope_spans').map((group) => scopeGroup(group, 'spans')),
      // senders of before 0.19 (2022)
      ...list(resourceSpans, 'instrumentationLibrarySpans', 'instrumentation_library_spans').map((group) =>
        scopeGroup(group, 'spans'),
      ),
    ];
    decodeGroups(resourceSpans, groups, spans, (span, resource, scope) => spanRecord(span, resource, scope, arrival));
  }
  return {
    records: spans.records,
    rejected: spans.rejected,
    warning: hint(request, 'resourceSpans', 'resource_spans'),
    parts,
    leftOut: 0,
  };
}

/** The same for an `ExportLogsServiceRequest`. */
export function decodeLogsJson(json: string, arrival: Arrival, parts = 0): Decoded<LogRecord> {
  const request = parseObject(json);
  const logs = new RecordCollector<LogRecord>();
  for (const item of list(request, 'resourceLogs', 'resource_logs')) {
    const resourceLogs = members(item, 'resourceLogs');
    const groups = list(resourceLogs, 'scopeLogs', 'scope_logs').map((group) =>
      scopeGroup(group, 'logRecords', 'log_records'),
    );
    decodeGroups(resourceLogs, groups, logs, (log, resource, scope) => logRecord(log, resource, scope, arrival));
  }
  return {
    records: logs.records,
    rejected: logs.rejected,
    warning: hint(request, 'resourceLogs', 'resource_logs'),
    parts,
    leftOut: 0,
  };
}

/** The resource that `resourceToOtlpJson` wrote. */
export function decodeResourceJson(json: string): Resource {
  return resourceOf(parseObject(json));
}

/** The scope that `scopeToOtlpJson` wrote. */
export function decodeScopeJson(json: string): Scope {
  return scopeOf(parseObject(json));
}

/** The span that `spanToOtlpJson` wrote; its ids may be left out. */
export function decodeSpanJson(json: string, resource: Resource, scope: Scope, arrival: Arrival): SpanRecord {
  return spanRecord({ ...NO_IDS, ...parseObject(json) }, resource, scope, arrival);
}

/** One log record as the store keeps it. */
export function decodeLogJson(json: string, resource: Resource, scope: Scope, arrival: Arrival): LogRecord {
  return logRecord(parseObject(json), resource, scope, arrival);
}

const NO_IDS = { traceId: 'f'.repeat(32), spanId: 'f'.repeat(16) };

function parseObject(json: string): JsonObject {
  try {
    return members(JSON.parse(rewriteWideIntegers(json, (digits) => `"${digits}"`)), 'the request');
  } catch (error) {
    if (error instanceof SyntaxError) throw malformed('the body is not JSON', error);
    throw error;
  }
}

/** A request whose every key is unknown would succeed with nothing stored: its sender is told. */
function hint(request: JsonObject, ...names: readonly string[]): string | undefined {
  const keys = Object.keys(request);
  if (keys.length === 0 || names.some((name) => Object.hasOwn(request, name))) return undefined;
  return `nothing here is known but "${names[0]}"; the request has ${keys.slice(0, 3).map(quoted).join(', ')}`;
}

function quoted(key: string): string {
  return `"${wellFormed(key.slice(0, 40))}"`;
}

interface ScopeGroup {
  readonly group: JsonObject;
  readonly records: readonly unknown[];
}

function scopeGroup(item: unknown, ...names: readonly string[]): ScopeGroup {
  const group = members(item, 'scope');
  return { group, records: list(group, ...names) };
}

function decodeGroups<Record>(
  owner: JsonObject,
  groups: readonly ScopeGroup[],
  collector: RecordCollector<Record>,
  decode: (record: JsonObject, resource: Resource, scope: Scope) => Record,
): void {
  const all = groups.reduce((sum, { records }) => sum + records.length, 0);
  const resource = collector.attempt(all, () => resourceOf(owner));
  if (resource === undefined) return;
  for (const { group, records } of groups) {
    const scope = collector.attempt(records.length, () => scopeOf(group));
    if (scope === undefined) continue;
    for (const record of records) collector.add(() => decode(members(record, 'record'), resource, scope));
  }
}

function resourceOf(owner: JsonObject): Resource {
  const schemaUrl = text(owner, 'schemaUrl', 'schema_url');
  const resource = members(owner.resource, 'resource');
  if (owner.resource == null && schemaUrl === '') return EMPTY_RESOURCE;
  return { ...attributesOf(resource), schemaUrl };
}

function scopeOf(group: JsonObject): Scope {
  const schemaUrl = text(group, 'schemaUrl', 'schema_url');
  const given = group.scope ?? group.instrumentationLibrary ?? group.instrumentation_library;
  if (given == null && schemaUrl === '') return EMPTY_SCOPE;
  const scope = members(given, 'scope');
  return { name: text(scope, 'name'), version: text(scope, 'version'), ...attributesOf(scope), schemaUrl };
}

function attributesOf(owner: JsonObject): Pick<Resource, 'attributes' | 'droppedAttributesCount'> {
  const pairs = list(owner, 'attributes').map(keyValue);
  const { attributes, dropped } = uniqueAttributes(pairs);
  const told = uint32(owner, 'droppedAttributesCount', 'dropped_attributes_count');
  return { attributes, droppedAttributesCount: told + dropped };
}

function keyValue(item: unknown): KeyValue {
  const pair = members(item, 'attribute');
  return { key: text(pair, 'key'), value: value(pair.value) };
}

function spanRecord(span: JsonObject, resource: Resource, scope: Scope, arrival: Arrival): SpanRecord {
  const status = members(span.status, 'status');
  const links = list(span, 'links').map(spanLink);
  const kept = links.filter((link) => link !== undefined);
  return {
    traceId: requiredId(span, 32, 'trace-id', 'traceId', 'trace_id'),
    spanId: requiredId(span, 16, 'span-id', 'spanId', 'span_id'),
    parentSpanId: optionalId(span, 16, 'parent-id', 'parentSpanId', 'parent_span_id'),
    traceState: text(span, 'traceState', 'trace_state'),
    flags: uint32(span, 'flags'),
    name: text(span, 'name'),
    kind: enumeration(span.kind, 'SPAN_KIND_'),
    startTimeUnixNano: uint64(span, 'startTimeUnixNano', 'start_time_unix_nano'),
    endTimeUnixNano: uint64(span, 'endTimeUnixNano', 'end_time_unix_nano'),
    ...attributesOf(span),
    events: list(span, 'events').map(spanEvent),
    droppedEventsCount: uint32(span, 'droppedEventsCount', 'dropped_events_count'),
    links: kept,
    droppedLinksCount: uint32(span, 'droppedLinksCount', 'dropped_links_count') + links.length - kept.length,
    status: { code: enumeration(status.code, 'STATUS_CODE_'), message: text(status, 'message') },
    resource,
    scope,
    arrivedAt: arrival.arrivedAt,
    exporter: arrival.exporter,
  };
}

function spanEvent(item: unknown): SpanEvent {
  const event = members(item, 'event');
  return {
    timeUnixNano: uint64(event, 'timeUnixNano', 'time_unix_nano'),
    name: text(event, 'name'),
    ...attributesOf(event),
  };
}

/** A link is kept as sent, even with zero ids; one whose ids are no hex at all cannot be, and is counted. */
function spanLink(item: unknown): SpanLink | undefined {
  const link = members(item, 'link');
  const traceId = linkId(link, 'traceId', 'trace_id');
  const spanId = linkId(link, 'spanId', 'span_id');
  if (traceId === undefined || spanId === undefined) return undefined;
  const traceState = text(link, 'traceState', 'trace_state');
  return { traceId, spanId, traceState, ...attributesOf(link), flags: uint32(link, 'flags') };
}

function logRecord(log: JsonObject, resource: Resource, scope: Scope, arrival: Arrival): LogRecord {
  return {
    timeUnixNano: uint64(log, 'timeUnixNano', 'time_unix_nano'),
    observedTimeUnixNano: uint64(log, 'observedTimeUnixNano', 'observed_time_unix_nano'),
    severityNumber: enumeration(log.severityNumber ?? log.severity_number, 'SEVERITY_NUMBER_'),
    severityText: text(log, 'severityText', 'severity_text'),
    body: value(log.body),
    ...attributesOf(log),
    flags: uint32(log, 'flags'),
    traceId: optionalId(log, 32, 'trace-id', 'traceId', 'trace_id'),
    spanId: optionalId(log, 16, 'span-id', 'spanId', 'span_id'),
    eventName: text(log, 'eventName', 'event_name'),
    resource,
    scope,
    arrivedAt: arrival.arrivedAt,
    exporter: arrival.exporter,
  };
}
