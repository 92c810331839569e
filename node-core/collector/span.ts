import type { UnixNano } from '../base/clock.ts';

/**
 * The value of an attribute with OpenTelemetry's types kept apart: text, boolean, int64 (bigint), double (number), bytes,
 * array, key-value list, and null for a value without content. A double stays a double even when it is whole.
 */
export type AnyValue = null | string | boolean | bigint | number | Uint8Array | readonly AnyValue[] | KeyValueList;

/** A nested list of attributes; an object of its own, so that it cannot be mistaken for an array. */
export interface KeyValueList {
  readonly entries: readonly KeyValue[];
}

export interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}

/** Attributes in the order they were sent. Keys are unique and not empty: of two equal keys the last value was kept. */
export type AttributeList = readonly KeyValue[];

/** The entity that recorded spans or logs. Records of one request share one object. */
export interface Resource {
  readonly attributes: AttributeList;
  readonly droppedAttributesCount: number;
  readonly schemaUrl: string;
}

/** The instrumentation that recorded them. */
export interface Scope {
  readonly name: string;
  readonly version: string;
  readonly attributes: AttributeList;
  readonly droppedAttributesCount: number;
  readonly schemaUrl: string;
}

/** A moment inside a span. */
export interface SpanEvent {
  readonly timeUnixNano: UnixNano;
  readonly name: string;
  readonly attributes: AttributeList;
  readonly droppedAttributesCount: number;
}

/** A pointer to another span. Kept as sent: ids may be empty, or name spans that are not here. */
export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceState: string;
  readonly attributes: AttributeList;
  readonly droppedAttributesCount: number;
  readonly flags: number;
}

/** Numbers of `Span.SpanKind`; the enumeration is open, a newer sender may use others. */
export const SPAN_KIND = { unspecified: 0, internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;
/** Numbers of `Status.StatusCode`, open likewise. */
export const STATUS_CODE = { unset: 0, ok: 1, error: 2 } as const;

/** The node that an export request came from, as the tunnel authenticated it: not what the request says. */
export interface Exporter {
  readonly nodeId: number;
  readonly address: string;
  /** Ed25519, 64 hex digits. */
  readonly publicKey: string;
}

/** How a record came here. */
export interface Arrival {
  /** The collector's clock. */
  readonly arrivedAt: UnixNano;
  /** Absent for a program that sent over loopback, which proves nothing of who it is. */
  readonly exporter: Exporter | undefined;
}

/**
 * One span as it was recorded, with how it came here. Ids are lowercase hex; raw times are kept, whatever they say: an end
 * may lie before its start, and 0 means not set.
 */
export interface SpanRecord extends Arrival {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly traceState: string;
  /** W3C trace flags in the low byte; bits 8 and 9 say whether the parent is remote. */
  readonly flags: number;
  readonly name: string;
  readonly kind: number;
  /** uint64 */
  readonly startTimeUnixNano: UnixNano;
  /** uint64 */
  readonly endTimeUnixNano: UnixNano;
  readonly attributes: AttributeList;
  readonly droppedAttributesCount: number;
  readonly events: readonly SpanEvent[];
  readonly droppedEventsCount: number;
  readonly links: readonly SpanLink[];
  readonly droppedLinksCount: number;
  readonly status: { readonly code: number; readonly message: string };
  readonly resource: Resource;
  readonly scope: Scope;
}

export const EMPTY_RESOURCE: Resource = { attributes: [], droppedAttributesCount: 0, schemaUrl: '' };
export const EMPTY_SCOPE: Scope = { name: '', version: '', attributes: [], droppedAttributesCount: 0, schemaUrl: '' };

export function isKeyValueList(value: AnyValue): value is KeyValueList {
  return typeof value === 'object' && value !== null && 'entries' in value && !Array.isArray(value) && !isBytes(value);
}

export function isBytes(value: AnyValue): value is Uint8Array {
  return value instanceof Uint8Array;
}

/** The value under a key, or undefined. */
export function attributeOf(attributes: AttributeList, key: string): AnyValue | undefined {
  return attributes.find((attribute) => attribute.key === key)?.value;
}

/** A text attribute, or undefined when it is absent or of another type. */
export function textAttribute(attributes: AttributeList, key: string): string | undefined {
  const value = attributeOf(attributes, key);
  return typeof value === 'string' ? value : undefined;
}

/** A whole number from 0 to `max`, sent as an integer or as a whole double; otherwise undefined. */
export function integerAttribute(attributes: AttributeList, key: string, max = 0xffff_ffff): number | undefined {
  const value = attributeOf(attributes, key);
  const number = typeof value === 'bigint' || typeof value === 'number' ? Number(value) : Number.NaN;
  return Number.isInteger(number) && number >= 0 && number <= max ? number : undefined;
}
