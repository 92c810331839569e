import { toHex, utf8 } from '../../base/bytes.ts';
import type { Cell, Row } from '../../base/database.ts';
import { ATTR } from '../../base/tracer.ts';
import { nativePrimitives } from '../../crypto/native-primitives.ts';
import type { FlowJoin } from '../flow-join.ts';
import type { LogRecord } from '../log-record.ts';
import { decodeLogJson, decodeResourceJson, decodeScopeJson, decodeSpanJson } from '../otlp/otlp-decode-json.ts';
import { logToOtlpJson, resourceToOtlpJson, scopeToOtlpJson, spanToOtlpJson } from '../otlp/otlp-encode-json.ts';
import {
  type Arrival,
  integerAttribute,
  type Resource,
  type Scope,
  type SpanRecord,
  STATUS_CODE,
  textAttribute,
} from '../span.ts';
import { nodeIdOf, serviceOf } from '../span-origin.ts';

/** The columns of each table in order, with their types; migrations/ says the same in SQL. */
export const TABLES = {
  spans: {
    trace_id: 'VARCHAR',
    span_id: 'VARCHAR',
    parent_span_id: 'VARCHAR',
    name: 'VARCHAR',
    title: 'VARCHAR',
    kind: 'INTEGER',
    service: 'VARCHAR',
    node_id: 'UINTEGER',
    group_id: 'UINTEGER',
    flow_id: 'VARCHAR',
    dial_id: 'VARCHAR',
    flow_role: 'VARCHAR',
    start_ns: 'UBIGINT',
    end_ns: 'UBIGINT',
    duration_ns: 'BIGINT',
    failed: 'BOOLEAN',
    arrived_ns: 'UBIGINT',
    exporter_node: 'UINTEGER',
    exporter_address: 'VARCHAR',
    exporter_key: 'VARCHAR',
    resource_key: 'VARCHAR',
    rest: 'VARCHAR',
    scope_key: 'VARCHAR',
  },
  logs: {
    arrived_ns: 'UBIGINT',
    time_ns: 'UBIGINT',
    event_name: 'VARCHAR',
    severity: 'INTEGER',
    trace_id: 'VARCHAR',
    exporter_node: 'UINTEGER',
    exporter_address: 'VARCHAR',
    exporter_key: 'VARCHAR',
    record: 'VARCHAR',
    resource_key: 'VARCHAR',
    scope_key: 'VARCHAR',
  },
  flow_joins: {
    found_ns: 'UBIGINT',
    flow_id: 'VARCHAR',
    kind: 'VARCHAR',
    dialler_trace_id: 'VARCHAR',
    dialler_span_id: 'VARCHAR',
    acceptor_trace_id: 'VARCHAR',
    acceptor_span_id: 'VARCHAR',
  },
  trace_families: { found_ns: 'UBIGINT', trace_id: 'VARCHAR', root_trace_id: 'VARCHAR' },
  texts: { key: 'VARCHAR', text: 'VARCHAR' },
} as const;
export type TableName = keyof typeof TABLES;
export type CellsOf<Name extends TableName> = Readonly<Record<keyof (typeof TABLES)[Name], Cell>>;

interface Origin {
  readonly resource: Resource;
  readonly scope: Scope;
}

const INT64_MAX = 2n ** 63n - 1n;

/** A text that many records share, and the key it is kept under. */
export interface SharedText {
  readonly key: string;
  readonly text: string;
}

/** The texts of objects that many records share, written once for each object. */
class TextsOf<Owner extends object> {
  readonly #texts = new WeakMap<Owner, SharedText>();
  readonly #write: (owner: Owner) => object;

  constructor(write: (owner: Owner) => object) {
    this.#write = write;
  }

  of(owner: Owner): SharedText {
    const known = this.#texts.get(owner);
    if (known !== undefined) return known;
    const text = JSON.stringify(this.#write(owner));
    const shared = { key: toHex(nativePrimitives.sha256(utf8(text)).subarray(0, 12)), text };
    this.#texts.set(owner, shared);
    return shared;
  }
}
const resourceText = new TextsOf<Resource>(resourceToOtlpJson);
const scopeText = new TextsOf<Scope>(scopeToOtlpJson);

/** The texts that records refer to, each once. */
export function textsOf(records: Iterable<Origin>): Map<string, string> {
  const owners = { resources: new Set<Resource>(), scopes: new Set<Scope>() };
  for (const { resource, scope } of records) {
    owners.resources.add(resource);
    owners.scopes.add(scope);
  }
  const texts = new Map<string, string>();
  for (const resource of owners.resources) texts.set(resourceText.of(resource).key, resourceText.of(resource).text);
  for (const scope of owners.scopes) texts.set(scopeText.of(scope).key, scopeText.of(scope).text);
  return texts;
}

/** Fields that have a column are left out of a span's text, as fields with their default value are. */
const IN_COLUMNS = {
  traceId: '',
  spanId: '',
  parentSpanId: '',
  name: '',
  kind: 0,
  startTimeUnixNano: 0n,
  endTimeUnixNano: 0n,
} as const;

/** What makes two rows the same span, beside the trace id. */
export const IDENTITY = 'span_id, kind, start_ns, resource_key';

/** Spans with the same trace id, span id, kind, start and resource are one: a resent export changes nothing. */
export function identityOf({ traceId, spanId, kind, startTimeUnixNano, resource }: SpanRecord): string {
  return `${traceId} ${spanId} ${kind} ${startTimeUnixNano} ${resourceText.of(resource).key}`;
}

/** The identity of a stored span. */
export function readIdentity(row: Row): string {
  return `${row.trace_id} ${row.span_id} ${row.kind} ${row.start_ns} ${row.resource_key}`;
}

export function spanCells(span: SpanRecord): CellsOf<'spans'> {
  return {
    trace_id: span.traceId,
    span_id: span.spanId,
    parent_span_id: span.parentSpanId,
    name: span.name,
    title: textAttribute(span.attributes, ATTR.title) || null,
    kind: span.kind,
    service: serviceOf(span),
    node_id: nodeIdOf(span) ?? null,
    group_id: integerAttribute(span.attributes, ATTR.groupId, 0xffff) ?? null,
    flow_id: textAttribute(span.attributes, ATTR.flowId) ?? null,
    dial_id: textAttribute(span.attributes, ATTR.dialId) ?? null,
    flow_role: textAttribute(span.attributes, ATTR.flowRole) ?? null,
    start_ns: span.startTimeUnixNano,
    end_ns: span.endTimeUnixNano,
    duration_ns: span.endTimeUnixNano === 0n ? null : clampInt64(span.endTimeUnixNano - span.startTimeUnixNano),
    failed: span.status.code === STATUS_CODE.error,
    ...originCells(span),
    rest: JSON.stringify(spanToOtlpJson({ ...span, ...IN_COLUMNS })),
  };
}

export function logCells(log: LogRecord): CellsOf<'logs'> {
  return {
    time_ns: log.timeUnixNano,
    event_name: log.eventName,
    severity: log.severityNumber,
    trace_id: log.traceId,
    ...originCells(log),
    record: JSON.stringify(logToOtlpJson(log)),
  };
}

function originCells({ arrivedAt, exporter, resource, scope }: Origin & Arrival) {
  return {
    arrived_ns: arrivedAt,
    exporter_node: exporter?.nodeId ?? null,
    exporter_address: exporter?.address ?? null,
    exporter_key: exporter?.publicKey ?? null,
    resource_key: resourceText.of(resource).key,
    scope_key: scopeText.of(scope).key,
  };
}

export function joinCells(join: FlowJoin, foundAt: bigint): CellsOf<'flow_joins'> {
  return {
    found_ns: foundAt,
    flow_id: join.flowId,
    kind: join.kind,
    dialler_trace_id: join.diallerTraceId,
    dialler_span_id: join.diallerSpanId,
    acceptor_trace_id: join.acceptorTraceId,
    acceptor_span_id: join.acceptorSpanId,
  };
}

export function readJoin(row: Row): FlowJoin {
  return {
    flowId: String(row.flow_id),
    kind: row.kind === 'linked' ? 'linked' : 'joined',
    diallerTraceId: String(row.dialler_trace_id),
    diallerSpanId: String(row.dialler_span_id),
    acceptorTraceId: String(row.acceptor_trace_id),
    acceptorSpanId: String(row.acceptor_span_id),
  };
}

/** Rows of spans as records again; those with equal resources and scopes share them. `texts` has those that rows name by key. */
export function readSpans(rows: readonly Row[], texts: ReadonlyMap<string, string>): SpanRecord[] {
  return readRecords(rows, texts, (row, resource, scope, arrival) => ({
    ...decodeSpanJson(String(row.rest), resource, scope, arrival),
    traceId: String(row.trace_id),
    spanId: String(row.span_id),
    parentSpanId: String(row.parent_span_id),
    name: String(row.name),
    kind: Number(row.kind),
    startTimeUnixNano: BigInt(row.start_ns as bigint),
    endTimeUnixNano: BigInt(row.end_ns as bigint),
  }));
}

/** Rows of logs as records again, likewise. */
export function readLogs(rows: readonly Row[], texts: ReadonlyMap<string, string>): LogRecord[] {
  return readRecords(rows, texts, (row, resource, scope, arrival) =>
    decodeLogJson(String(row.record), resource, scope, arrival),
  );
}

/** The keys of texts that rows name instead of having them. */
export function keysIn(rows: readonly Row[]): Set<string> {
  const keys = new Set<string>();
  for (const row of rows) {
    if (row.resource === null) keys.add(String(row.resource_key));
    if (row.scope === null) keys.add(String(row.scope_key));
  }
  return keys;
}

function readRecords<T>(
  rows: readonly Row[],
  texts: ReadonlyMap<string, string>,
  read: (row: Row, resource: Resource, scope: Scope, arrival: Arrival) => T,
): T[] {
  const resources = new Map<string, Resource>();
  const scopes = new Map<string, Scope>();
  const textOf = (own: unknown, key: unknown): string => String(own ?? texts.get(String(key)) ?? '{}');
  return rows.map((row) => {
    const resource = shared(resources, textOf(row.resource, row.resource_key), decodeResourceJson);
    const scope = shared(scopes, textOf(row.scope, row.scope_key), decodeScopeJson);
    return read(row, resource, scope, readArrival(row));
  });
}

function readArrival({ arrived_ns, exporter_node: nodeId, exporter_address, exporter_key }: Row): Arrival {
  const exporter =
    typeof nodeId === 'number'
      ? { nodeId, address: String(exporter_address), publicKey: String(exporter_key) }
      : undefined;
  return { arrivedAt: BigInt(arrived_ns as bigint), exporter };
}

function shared<T>(known: Map<string, T>, text: string, decode: (text: string) => T): T {
  const found = known.get(text) ?? decode(text);
  known.set(text, found);
  return found;
}

function clampInt64(value: bigint): bigint {
  if (value > INT64_MAX) return INT64_MAX;
  return value < -INT64_MAX ? -INT64_MAX : value;
}
