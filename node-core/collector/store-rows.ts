import { toHex, utf8 } from '../base/bytes.ts';
import { ATTR } from '../base/tracer.ts';
import { defaultPrimitives } from '../crypto/primitives.ts';
import type { FlowJoin } from './flow-stitcher.ts';
import type { LogRecord } from './log-record.ts';
import { encodeTracesJson } from './otlp-encode-json.ts';
import { integerAttribute, type Resource, type SpanRecord, STATUS_CODE, textAttribute } from './span.ts';
import { nodeIdOf, serviceOf } from './span-origin.ts';
import { titleOf } from './trace-view.ts';

/** What one column of a row may hold. */
export type Cell = string | number | bigint | boolean | null;

/** The columns of each table in order, and their types; migrations/ says the same in SQL. */
export const TABLES = {
  spans: [
    'VARCHAR',
    'VARCHAR',
    'VARCHAR',
    'VARCHAR',
    'VARCHAR',
    'VARCHAR',
    'VARCHAR',
    'UINTEGER',
    'UINTEGER',
    'VARCHAR',
    'UBIGINT',
    'UBIGINT',
    'BIGINT',
    'BOOLEAN',
    'UBIGINT',
    'UINTEGER',
    'VARCHAR',
    'VARCHAR',
    'VARCHAR',
  ],
  logs: ['UBIGINT', 'UBIGINT', 'VARCHAR', 'UTINYINT', 'VARCHAR', 'UINTEGER', 'VARCHAR'],
  flow_joins: ['VARCHAR', 'VARCHAR', 'VARCHAR', 'VARCHAR', 'VARCHAR', 'VARCHAR'],
} as const;
export type TableName = keyof typeof TABLES;

const INT64_MAX = 2n ** 63n - 1n;
const resourceKeys = new WeakMap<Resource, string>();

/** Two spans with the same trace id, span id, kind, start and resource are one: a resent export changes nothing. */
export function identityOf(span: SpanRecord): string {
  const text = `${span.traceId}${span.spanId}${span.kind}/${span.startTimeUnixNano}/${resourceKey(span.resource)}`;
  return toHex(defaultPrimitives.sha256(utf8(text)).subarray(0, 12));
}

function resourceKey(resource: Resource): string {
  const known = resourceKeys.get(resource);
  if (known !== undefined) return known;
  const key = JSON.stringify(resource.attributes, (_key, value) => (typeof value === 'bigint' ? `${value}n` : value));
  resourceKeys.set(resource, key);
  return key;
}

export function spanRow(span: SpanRecord, identity: string): Cell[] {
  const { exporter } = span;
  return [
    identity,
    span.traceId,
    span.spanId,
    span.parentSpanId,
    span.name,
    titleOf(span),
    serviceOf(span),
    nodeIdOf(span) ?? null,
    integerAttribute(span.attributes, ATTR.groupId, 0xffff) ?? null,
    textAttribute(span.attributes, ATTR.flowId) ?? null,
    span.startTimeUnixNano,
    span.endTimeUnixNano,
    clampInt64(span.endTimeUnixNano - span.startTimeUnixNano),
    span.status.code === STATUS_CODE.error,
    span.arrivedAt,
    exporter?.nodeId ?? null,
    exporter?.address ?? null,
    exporter?.publicKey ?? null,
    encodeTracesJson([span]),
  ];
}

export function logRow(log: LogRecord): Cell[] {
  const { arrivedAt, timeUnixNano, eventName, severityNumber, exporter, resource, ...rest } = log;
  const record = JSON.stringify({ ...rest, resource: resource.attributes }, (_key, value) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  const service = textAttribute(resource.attributes, 'service.name') ?? '';
  return [
    arrivedAt,
    timeUnixNano,
    eventName,
    Math.min(255, Math.max(0, severityNumber)),
    service,
    exporter?.nodeId ?? null,
    record,
  ];
}

export function joinRow(join: FlowJoin): Cell[] {
  return [join.flowId, join.kind, join.diallerTraceId, join.diallerSpanId, join.acceptorTraceId, join.acceptorSpanId];
}

export function joinKey(join: FlowJoin): string {
  return joinRow(join).join(' ');
}

function clampInt64(value: bigint): bigint {
  if (value > INT64_MAX) return INT64_MAX;
  return value < -INT64_MAX ? -INT64_MAX : value;
}
