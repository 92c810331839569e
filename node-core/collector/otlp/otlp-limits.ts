import type { LogRecord } from '../log-record.ts';
import {
  type AnyValue,
  type AttributeList,
  isBytes,
  isKeyValueList,
  type Resource,
  type Scope,
  type SpanRecord,
} from '../span.ts';
import type { Decoded } from './otlp-decode-parts.ts';

/** All attributes of a resource, or of a scope. */
export const MOST_ORIGIN_BYTES = 64 * 1024;
/** One attribute of a span, an event, a link or a log record. */
export const MOST_VALUE_BYTES = 1024 * 1024;
/** All of a span or a log record. */
export const MOST_RECORD_BYTES = 4 * 1024 * 1024;

/**
 * Leaves out attributes that are larger than is kept, which are counted with what the sender itself dropped, and rejects
 * records that are too large even so.
 *
 * @param bodyBytes - Of the request: nothing in it is larger.
 */
export function limitSpans(decoded: Decoded<SpanRecord>, bodyBytes: number): Decoded<SpanRecord> {
  return limit(decoded, bodyBytes, limitSpan, sizeOfSpan);
}

/** The same for logs. */
export function limitLogs(decoded: Decoded<LogRecord>, bodyBytes: number): Decoded<LogRecord> {
  return limit(decoded, bodyBytes, limitAttributes, sizeOfLog);
}

type Count = (attributes: number) => void;

function limit<R extends { readonly resource: Resource; readonly scope: Scope }>(
  decoded: Decoded<R>,
  bodyBytes: number,
  limitRecord: (record: R, count: Count) => R,
  sizeOf: (record: R) => number,
): Decoded<R> {
  if (bodyBytes <= MOST_ORIGIN_BYTES) return decoded;
  let leftOut = 0;
  const count = (attributes: number): void => {
    leftOut += attributes;
  };
  const origins = new OriginLimits(count);
  const records: R[] = [];
  for (const record of decoded.records) {
    const inner = bodyBytes > MOST_VALUE_BYTES ? limitRecord(record, count) : record;
    const [resource, scope] = [origins.of(inner.resource), origins.of(inner.scope)];
    const same = resource === inner.resource && scope === inner.scope;
    if (bodyBytes > MOST_RECORD_BYTES && sizeOf(inner) > MOST_RECORD_BYTES) continue;
    records.push(same ? inner : { ...inner, resource, scope });
  }
  const tooLarge = decoded.records.length - records.length;
  const rejected = tooLarge === 0 ? decoded.rejected : new Map([...decoded.rejected, ['size', tooLarge] as const]);
  return { ...decoded, records, rejected, leftOut };
}

interface Attributed {
  readonly attributes: AttributeList;
  readonly droppedAttributesCount: number;
}

/** Resources and scopes within their limit; records that shared one share what is left of it. */
class OriginLimits {
  readonly #limited = new Map<Attributed, Attributed>();
  readonly #count: Count;

  constructor(count: Count) {
    this.#count = count;
  }

  of<Origin extends Attributed>(origin: Origin): Origin {
    const known = this.#limited.get(origin);
    if (known !== undefined) return known as Origin;
    let bytes = 0;
    const kept = origin.attributes.filter((attribute) => {
      const own = sizeOfAttribute(attribute);
      if (bytes + own > MOST_ORIGIN_BYTES) return false;
      bytes += own;
      return true;
    });
    const limited = withAttributes(origin, kept, this.#count);
    this.#limited.set(origin, limited);
    return limited;
  }
}

function withAttributes<Owner extends Attributed>(owner: Owner, kept: AttributeList, count: Count): Owner {
  const leftOut = owner.attributes.length - kept.length;
  if (leftOut === 0) return owner;
  count(leftOut);
  return { ...owner, attributes: kept, droppedAttributesCount: owner.droppedAttributesCount + leftOut };
}

function limitAttributes<Owner extends Attributed>(owner: Owner, count: Count): Owner {
  const kept = owner.attributes.filter((attribute) => sizeOfAttribute(attribute) <= MOST_VALUE_BYTES);
  return withAttributes(owner, kept, count);
}

function limitSpan(span: SpanRecord, count: Count): SpanRecord {
  return {
    ...limitAttributes(span, count),
    events: span.events.map((event) => limitAttributes(event, count)),
    links: span.links.map((link) => limitAttributes(link, count)),
  };
}

const FEW_BYTES = 16;

function sizeOfSpan({ name, traceState, status, attributes, events, links }: SpanRecord): number {
  const parts = [...events.map((event) => event.name.length + sizeOfAll(event.attributes) + FEW_BYTES)];
  for (const link of links) parts.push(link.traceState.length + sizeOfAll(link.attributes) + FEW_BYTES);
  return (
    parts.reduce((sum, bytes) => sum + bytes, name.length + traceState.length + status.message.length) +
    sizeOfAll(attributes)
  );
}

function sizeOfLog({ body, attributes, severityText, eventName }: LogRecord): number {
  return sizeOfValue(body) + sizeOfAll(attributes) + severityText.length + eventName.length;
}

function sizeOfAll(attributes: AttributeList): number {
  return attributes.reduce((sum, attribute) => sum + sizeOfAttribute(attribute), 0);
}

function sizeOfAttribute({ key, value }: AttributeList[number]): number {
  return key.length + sizeOfValue(value);
}

/** About how many bytes a value takes. */
function sizeOfValue(value: AnyValue): number {
  if (typeof value === 'string' || isBytes(value)) return value.length;
  if (value === null || typeof value !== 'object') return FEW_BYTES;
  if (isKeyValueList(value)) return FEW_BYTES + sizeOfAll(value.entries);
  return value.reduce<number>((sum, item) => sum + sizeOfValue(item), FEW_BYTES);
}
