import { toHex } from '../base/bytes.ts';
import type { RandomBytes, UnixNano } from '../base/clock.ts';
import {
  ATTR,
  type Attributes,
  SPAN_EVENT,
  type Span,
  type SpanContext,
  type SpanOptions,
  type SpanStatus,
  type Tracer,
} from '../base/tracer.ts';
import { anyValueOf, attributeListOf } from './attribute-list.ts';
import {
  type AnyValue,
  type Arrival,
  EMPTY_SCOPE,
  type KeyValue,
  type Resource,
  type Scope,
  SPAN_KIND,
  type SpanEvent,
  type SpanLink,
  type SpanRecord,
  STATUS_CODE,
} from './span.ts';

/** A finished span before it has arrived anywhere. */
export type RecordedSpan = Omit<SpanRecord, keyof Arrival>;

export interface RecordingOptions {
  readonly random: RandomBytes;
  /** Who records: `service.name` and the node's own facts. */
  readonly resource: Resource;
  readonly scope?: Scope;
  /** Takes each span when it ends. */
  readonly sink: (span: RecordedSpan) => void;
  /**
   * Whether a flow is kept. Both ends ask with the same id, so that they keep or drop the same flows. Of a flow that is
   * dropped only its identity and its handshake remain: they are the evidence about clocks.
   */
  readonly keepsFlow?: (flowId: string) => boolean;
}

const MOST_ATTRIBUTES = 128;
const MOST_EVENTS = 128;
const MOST_LINKS = 128;
const SAMPLED = 1;
const NO_TRACE = '0'.repeat(32);

const HANDSHAKE: ReadonlySet<string> = new Set([
  SPAN_EVENT.synSent,
  SPAN_EVENT.synReceived,
  SPAN_EVENT.synAckSent,
  SPAN_EVENT.synAckReceived,
]);

/** What says which flow a span belongs to, and who recorded it. */
const IDENTITY: ReadonlySet<string> = new Set([
  ATTR.nodeId,
  ATTR.address,
  ATTR.publicKey,
  ATTR.peerNodeId,
  ATTR.clockEpoch,
  ATTR.flowId,
  ATTR.dialId,
  ATTR.flowRole,
  ATTR.flowDiallerKey,
  ATTR.flowDiallerPort,
  ATTR.flowAcceptorKey,
  ATTR.flowAcceptorPort,
  ATTR.flowDiallerSeq,
  ATTR.flowAcceptorSeq,
]);

/** Records the spans of a node. Ids come from `random`; what a span may hold is bounded, and what it lost is counted. */
export class RecordingTracer implements Tracer {
  readonly #options: RecordingOptions;

  constructor(options: RecordingOptions) {
    this.#options = options;
  }

  startSpan(name: string, options: SpanOptions): Span {
    const parent = options.parent === undefined || options.parent.traceId === NO_TRACE ? undefined : options.parent;
    const context = {
      traceId: parent?.traceId ?? toHex(this.#options.random(16)),
      spanId: toHex(this.#options.random(8)),
    };
    return new RecordingSpan(name, context, parent?.spanId ?? '', options, this.#options);
  }
}

class RecordingSpan implements Span {
  readonly context: SpanContext;
  readonly #name: string;
  readonly #parentSpanId: string;
  readonly #started: SpanOptions;
  readonly #recording: RecordingOptions;
  readonly #attributes = new Map<string, AnyValue>();
  readonly #events: SpanEvent[] = [];
  readonly #links: SpanLink[] = [];
  readonly #lost = { attributes: 0, events: 0, links: 0 };
  #ended = false;

  constructor(
    name: string,
    context: SpanContext,
    parentSpanId: string,
    started: SpanOptions,
    recording: RecordingOptions,
  ) {
    this.#name = name;
    this.context = context;
    this.#parentSpanId = parentSpanId;
    this.#started = started;
    this.#recording = recording;
    this.setAttributes(started.attributes ?? {});
    for (const link of started.links ?? []) this.addLink(link);
  }

  setAttributes(attributes: Attributes): void {
    if (this.#ended) return;
    for (const [key, value] of Object.entries(attributes)) {
      if (this.#attributes.size < MOST_ATTRIBUTES || this.#attributes.has(key)) {
        this.#attributes.set(key, anyValueOf(value));
      } else this.#lost.attributes += 1;
    }
  }

  addEvent(name: string, at: UnixNano, attributes: Attributes = {}): void {
    if (this.#ended) return;
    if (this.#events.length >= MOST_EVENTS) {
      this.#lost.events += 1;
      return;
    }
    const all = attributeListOf(attributes);
    const kept = all.slice(0, MOST_ATTRIBUTES);
    const droppedAttributesCount = all.length - kept.length;
    this.#events.push({ name, timeUnixNano: at, attributes: kept, droppedAttributesCount });
  }

  addLink(context: SpanContext): void {
    if (this.#ended || context.traceId === NO_TRACE) return;
    if (this.#links.length >= MOST_LINKS) {
      this.#lost.links += 1;
      return;
    }
    this.#links.push({ ...context, traceState: '', attributes: [], droppedAttributesCount: 0, flags: SAMPLED });
  }

  end(at: UnixNano, status: SpanStatus = { code: 'unset' }): void {
    if (this.#ended) return;
    this.#ended = true;
    const whole = this.#record(at, status);
    const span = this.#isKept() ? whole : handshakeOnly(whole);
    if (span !== undefined) this.#recording.sink(span);
  }

  #isKept(): boolean {
    const flowId = this.#attributes.get(ATTR.flowId) ?? this.#attributes.get(ATTR.dialId);
    return typeof flowId !== 'string' || (this.#recording.keepsFlow?.(flowId) ?? true);
  }

  #record(at: UnixNano, status: SpanStatus): RecordedSpan {
    const { resource, scope = EMPTY_SCOPE } = this.#recording;
    return {
      ...this.context,
      parentSpanId: this.#parentSpanId,
      traceState: '',
      flags: SAMPLED,
      name: this.#name,
      kind: SPAN_KIND[this.#started.kind ?? 'internal'],
      startTimeUnixNano: this.#started.at,
      endTimeUnixNano: at,
      attributes: [...this.#attributes].map(([key, value]): KeyValue => ({ key, value })),
      droppedAttributesCount: this.#lost.attributes,
      events: this.#events,
      droppedEventsCount: this.#lost.events,
      links: this.#links,
      droppedLinksCount: this.#lost.links,
      status: { code: STATUS_CODE[status.code], message: status.code === 'error' ? status.message : '' },
      resource,
      scope,
    };
  }
}

/** What remains of a flow that is not kept: nothing, if it holds no evidence about clocks. */
function handshakeOnly(span: RecordedSpan): RecordedSpan | undefined {
  const events = span.events.filter((event) => HANDSHAKE.has(event.name));
  if (events.length === 0) return undefined;
  const attributes = span.attributes.filter((attribute) => IDENTITY.has(attribute.key));
  return {
    ...span,
    flags: 0,
    attributes,
    droppedAttributesCount: span.droppedAttributesCount + span.attributes.length - attributes.length,
    events,
    droppedEventsCount: span.droppedEventsCount + span.events.length - events.length,
    links: [],
    droppedLinksCount: span.droppedLinksCount + span.links.length,
  };
}
