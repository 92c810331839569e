import type { AttributeJson, Trace, TracePart, TraceSpan } from './trace.ts';

/** A part takes a few milliseconds wherever it passes, so that nothing else waits for a large trace. */
const MOST_SPANS = 200;
const MOST_BYTES = 256 * 1024;

/** A trace as it travels: first all but its spans, then its spans in pages. */
export function* partsOf({ spans, ...head }: Trace): Generator<TracePart, void, undefined> {
  yield { part: 'head', head };
  let page: TraceSpan[] = [];
  let bytes = 0;
  for (const span of spans) {
    page.push(span);
    bytes += sizeOf(span);
    if (page.length < MOST_SPANS && bytes < MOST_BYTES) continue;
    yield { part: 'spans', spans: page };
    page = [];
    bytes = 0;
  }
  if (page.length > 0) yield { part: 'spans', spans: page };
}

/** The trace whose parts these are. */
export async function joinTrace(parts: AsyncIterable<TracePart>): Promise<Trace> {
  let head: Omit<Trace, 'spans'> | undefined;
  const spans: TraceSpan[] = [];
  for await (const part of parts) {
    if (part.part === 'head') head = part.head;
    else for (const span of part.spans) spans.push(span);
  }
  if (head === undefined) throw new TypeError('a trace without its first part');
  return { ...head, spans };
}

/** About how many bytes of text a span has. */
function sizeOf({ attributes, events, statusMessage, name }: TraceSpan): number {
  let bytes = name.length + statusMessage.length + sizeOfJson(attributes);
  for (const event of events) bytes += event.name.length + sizeOfJson(event.attributes);
  return bytes;
}

function sizeOfJson(value: AttributeJson): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 8;
  return Object.values(value).reduce<number>((sum, item) => sum + 8 + sizeOfJson(item), 0);
}
