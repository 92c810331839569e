import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const PROTO = fileURLToPath(new URL('../../node-core/collector/otlp/proto/otlp.proto', import.meta.url));

export interface ReadSpan {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly attributes: ReadonlyMap<string, string>;
}

interface JsonValue {
  readonly [kind: string]: unknown;
}
interface JsonAttribute {
  readonly key: string;
  readonly value: JsonValue;
}

/**
 * Reads an OTLP JSON export with another library than the collector's: every field must be one that the protocol has,
 * since what that library does not know would be missing after its round trip through bytes.
 */
export async function readOtlpJson(text: string): Promise<ReadSpan[]> {
  const root = await protobuf.load(PROTO);
  const request = root.lookupType('ExportTraceServiceRequest');
  const given = withBase64Ids(JSON.parse(text));
  const bytes = request.encode(request.fromObject(given)).finish();
  const read = request.toObject(request.decode(bytes), { longs: String, bytes: String, enums: Number });
  const lost = missingFrom(read, given, 'export');
  if (lost.length > 0) throw new Error(`not fields of OTLP, or not of their types: ${lost.join(', ')}`);
  return spansOf(read);
}

/** In OTLP JSON ids are hex; in protobuf's own JSON, which the library reads, bytes are base64. */
function withBase64Ids(value: unknown): Record<string, unknown> {
  const convert = (key: string, item: unknown): unknown =>
    typeof item === 'string' && /^(traceId|spanId|parentSpanId)$/.test(key)
      ? Buffer.from(item, 'hex').toString('base64')
      : item;
  return JSON.parse(JSON.stringify(value, (key, item) => convert(key, item)));
}

/** Paths of what `given` has and `read` has not; a default value may be absent, and a number may have become text. */
function missingFrom(read: unknown, given: unknown, path: string): string[] {
  if (Array.isArray(given)) {
    if (given.length === 0) return [];
    return Array.isArray(read) && read.length === given.length
      ? given.flatMap((item, index) => missingFrom(read[index], item, `${path}[${index}]`))
      : [path];
  }
  if (typeof given === 'object' && given !== null) {
    return Object.entries(given).flatMap(([key, item]) => missingFrom(field(read, key), item, `${path}.${key}`));
  }
  const isDefault = given === 0 || given === '0' || given === '' || given === false;
  return String(read) === String(given) || (read === undefined && isDefault) ? [] : [path];
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}

function spansOf(read: Record<string, unknown>): ReadSpan[] {
  const spans: ReadSpan[] = [];
  for (const { resource, scopeSpans } of (read.resourceSpans ?? []) as ResourceSpans[]) {
    const service = attributesOf(resource?.attributes).get('service.name') ?? '';
    for (const span of (scopeSpans ?? []).flatMap((scope) => scope.spans ?? [])) {
      const [traceId, spanId, parentSpanId] = [span.traceId, span.spanId, span.parentSpanId].map(toHexId);
      spans.push({
        service,
        name: span.name ?? '',
        traceId: traceId ?? '',
        spanId: spanId ?? '',
        parentSpanId: parentSpanId ?? '',
        attributes: attributesOf(span.attributes),
      });
    }
  }
  return spans;
}

interface ResourceSpans {
  readonly resource?: { readonly attributes?: readonly JsonAttribute[] };
  readonly scopeSpans?: readonly {
    readonly spans?: readonly {
      readonly name?: string;
      readonly traceId?: string;
      readonly spanId?: string;
      readonly parentSpanId?: string;
      readonly attributes?: readonly JsonAttribute[];
    }[];
  }[];
}

const toHexId = (id: string | undefined): string => Buffer.from(id ?? '', 'base64').toString('hex');

function attributesOf(attributes: readonly JsonAttribute[] = []): ReadonlyMap<string, string> {
  return new Map(attributes.map(({ key, value }) => [key, String(Object.values(value ?? {})[0] ?? '')]));
}
