import { eventIterator, oc } from '@orpc/contract';
import { z } from 'zod';
import { groupId, nodeId, pathKind, publicKey, spanId, traceId } from './shapes.ts';

/** An OTLP attribute as JSON: what JSON has no number for is decimal text, bytes are hex. */
export const attributeValue: z.ZodType<AttributeJson> = z.lazy(() =>
  z.union([
    z.string(),
    z.number(),
    z.boolean(),
    z.null(),
    z.array(attributeValue),
    z.record(z.string(), attributeValue),
  ]),
);

export type AttributeJson = string | number | boolean | null | AttributeJson[] | { [key: string]: AttributeJson };

/** A named moment inside a span, by the clock of the span's node: `at` is not moved as the span's times are. */
export const spanEvent = z.object({
  name: z.string(),
  at: z.number(),
  attributes: z.record(z.string(), attributeValue),
});

/** A span on the trace's one time axis, with its raw times. */
export const traceSpan = z.object({
  traceId,
  spanId,
  parentSpanId: spanId.optional(),
  /** Index of the parent row in `spans` after stitching, -1 for a root. */
  parentIndex: z.number().int(),
  depth: z.number().int(),
  name: z.string(),
  /** OpenTelemetry's kind of span. */
  kind: z.enum(['unspecified', 'internal', 'server', 'client', 'producer', 'consumer']),
  status: z.enum(['unset', 'ok', 'error']),
  statusMessage: z.string(),
  service: z.string(),
  nodeId: nodeId.optional(),
  /** The node's tunnel with us proved that it sent the span; otherwise `nodeId` is only what the span says. */
  authenticated: z.boolean(),
  /** The public key of the node that sent it, 64 hex digits: ids change hands. */
  nodeKey: publicKey.optional(),
  groupId: groupId.optional(),
  /** What the time was spent on; a `container`'s own time is what no span inside covers. */
  category: z.enum(['model', 'work', 'setup', 'network', 'relay', 'queue', 'container']),
  path: pathKind.optional(),
  /** Milliseconds after the trace's start, on the shifted axis and as recorded. */
  startMs: z.number(),
  durationMs: z.number(),
  rawStartMs: z.number(),
  startTimeUnixNano: z.string(),
  endTimeUnixNano: z.string(),
  /**
   * How the times were moved: not at all (`reference`), by an offset, or placed inside its caller for want of evidence.
   */
  clock: z.discriminatedUnion('state', [
    z.object({ state: z.literal('reference') }),
    z.object({
      state: z.literal('moved'),
      offsetMs: z.number(),
      boundMs: z.number(),
      /** Other nodes on whose word it rests. */
      through: z.array(nodeId).optional(),
    }),
    z.object({ state: z.literal('unknown') }),
  ]),
  flow: z
    .object({
      flowId: z.string(),
      role: z.enum(['dialler', 'acceptor']),
      peerNodeId: nodeId.optional(),
      otherEnd: z.enum(['heard', 'not heard']),
      joined: z.boolean(),
    })
    .optional(),
  attributes: z.record(z.string(), attributeValue),
  resource: z.record(z.string(), attributeValue),
  scope: z.object({ name: z.string(), version: z.string() }),
  events: z.array(spanEvent),
  links: z.array(z.object({ traceId: z.string(), spanId: z.string() })),
  onCriticalPath: z.boolean(),
});

/**
 * One trace on one time axis, joined from several raw ones where flows show that they are one. `spans` are at most what
 * one reply can carry, `totalSpans` is what the store has.
 */
export const trace = z.object({
  /** Of the root dialler, when several raw traces were joined. */
  traceId,
  rawTraceIds: z.array(traceId),
  title: z.string(),
  startUnixMs: z.number(),
  durationMs: z.number(),
  spans: z.array(traceSpan),
  totalSpans: z.number().int(),
  agents: z.array(z.object({ nodeId: nodeId.optional(), service: z.string(), spans: z.number().int() })),
  /** Milliseconds of the critical path by category. */
  criticalPath: z.record(z.string(), z.number()),
  /** Sentences on what is missing or was mended in the picture. */
  notes: z.array(z.string()),
});

/** What a list is asked for: all conditions have to hold. `text` is looked for in names, services and attributes. */
/** A trace travels in parts, see `partsOf` and `joinTrace`: all but its spans, then its spans in pages. */
export const tracePart = z.discriminatedUnion('part', [
  z.object({ part: z.literal('head'), head: trace.omit({ spans: true }) }),
  z.object({ part: z.literal('spans'), spans: z.array(traceSpan) }),
]);

export const traceQuery = z.object({
  fromMs: z.number().optional(),
  toMs: z.number().optional(),
  text: z.string().max(500).optional(),
  service: z.string().max(200).optional(),
  /** Spans that this node was proven to have sent, not those that only say so. */
  nodeId: nodeId.optional(),
  /** Of these, only what this key sent: ids change hands. */
  nodeKey: publicKey.optional(),
  groupId: groupId.optional(),
  minDurationMs: z.number().nonnegative().optional(),
  maxDurationMs: z.number().nonnegative().optional(),
  status: z.enum(['error', 'ok']).optional(),
  limit: z.number().int().min(1).max(2_000).default(200),
});

/** A row of the list of traces; `errors` counts failed spans, `services` are names of agents. */
export const traceSummary = z.object({
  traceId,
  /** All raw traces that flows made one, the row's own among them. */
  rawTraceIds: z.array(traceId),
  title: z.string(),
  startUnixMs: z.number(),
  durationMs: z.number(),
  spans: z.number().int(),
  errors: z.number().int(),
  services: z.array(z.string()),
  nodeIds: z.array(nodeId),
  groupIds: z.array(groupId),
});

/** The newest traces that match, how many match, and how many there are in the asked time. */
export const traceSearchResult = z.object({
  traces: z.array(traceSummary),
  matched: z.number().int(),
  total: z.number().int(),
});

/** Where the time of one trace of a list went. */
export const tracePath = z.object({
  traceId,
  durationMs: z.number(),
  /** Milliseconds of the critical path by category. */
  criticalPath: z.record(z.string(), z.number()),
});

/** Spans that started in one of the equal parts of an asked time, which begins at `at`. */
export const volumeBucket = z.object({ at: z.number(), spans: z.number().int(), errors: z.number().int() });
export type TraceSpan = z.infer<typeof traceSpan>;
export type Trace = z.infer<typeof trace>;
export type TracePart = z.infer<typeof tracePart>;
export type TraceQuery = z.infer<typeof traceQuery>;
export type TraceSummary = z.infer<typeof traceSummary>;
export type TraceSearchResult = z.infer<typeof traceSearchResult>;
export type TracePath = z.infer<typeof tracePath>;
export type VolumeBucket = z.infer<typeof volumeBucket>;

const reading = oc.errors({ 'trace.not-found': {}, 'query.invalid': {}, 'store.unavailable': {} });

/** What is read of traces: those in the store, and those that grow now. */
export const traceRoutes = {
  search: reading.input(traceQuery).output(traceSearchResult),
  /** Summaries of traces as soon as spans of them are stored; at most one batch in 200 ms. */
  tail: reading.input(traceQuery).output(eventIterator(z.array(traceSummary))),
  /** Any raw id opens the joined trace. */
  get: reading.input(z.object({ traceId })).output(eventIterator(tracePart)),
  /**
   * Critical paths for the rows of a list; traces that are gone, or too large to be read beside others, are left out.
   */
  paths: reading.input(z.object({ traceIds: z.array(traceId).min(1).max(100) })).output(z.array(tracePath)),
  /** OTLP JSON text, with raw ids or with the joined one: `spans` are in it of `total` that are stored. */
  export: reading
    .input(z.object({ traceIds: z.array(traceId).min(1).max(2_000), joined: z.boolean() }))
    .output(z.object({ json: z.string(), spans: z.number().int(), total: z.number().int() })),
  volume: reading
    .input(z.object({ fromMs: z.number(), toMs: z.number(), buckets: z.number().int().min(1).max(500) }))
    .output(z.array(volumeBucket)),
};
