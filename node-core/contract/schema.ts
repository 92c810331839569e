import { z } from 'zod';

/**
 * The shapes that cross a process boundary, and the types inferred from them. Times are Unix milliseconds (fractions
 * allowed) unless the name says otherwise; 64-bit nanoseconds cross as decimal strings; ids are lowercase hex.
 */

export const nodeId = z.number().int().min(1).max(0xffff_ffff);
export const groupId = z.number().int().min(0).max(0xffff);
export const traceId = z.string().regex(/^[0-9a-f]{32}$/);
export const spanId = z.string().regex(/^[0-9a-f]{16}$/);
export const pathKind = z.enum(['lan', 'direct', 'punched', 'relay', 'compat', 'unknown']);
export const healthState = z.enum(['ok', 'degraded', 'failing', 'unknown']);
export const health = z.object({ state: healthState, reason: z.string(), since: z.number() });

/** A value with who told it and when: `source` is "measured here" or the hostname of the node that reported it. */
const told = <T extends z.ZodType>(value: T) => z.object({ value, source: z.string(), at: z.number() });
export const toldNumber = told(z.number());

/** One node on one time axis: the node's clock minus ours. No evidence means unknown, not zero. */
export const clockOffset = z.object({ offsetMs: z.number(), boundMs: z.number(), at: z.number() });

export const agent = z.object({
  nodeId,
  address: z.string(),
  hostname: z.string(),
  self: z.boolean(),
  groupIds: z.array(groupId),
  tags: z.array(z.string()),
  version: z.string().optional(),
  public: z.boolean().optional(),
  keyFingerprint: z.string().optional(),
  health,
  /** Answered an encrypted ping of this node in this run, and is not silent since. */
  live: z.boolean(),
  reports: z.boolean(),
  rtt: toldNumber.optional(),
  loss: toldNumber.optional(),
  lastHeard: z.number().optional(),
  clock: clockOffset.optional(),
  requests: toldNumber.optional(),
  failures: toldNumber.optional(),
  /** Set when the node is gone from the registry or silent for good; it leaves the graph 30 s later. */
  leftAt: z.number().optional(),
});

/** What one end says of a tunnel. */
export const tunnelSide = z.object({
  reporter: nodeId,
  source: z.string(),
  at: z.number(),
  path: pathKind,
  pathSince: z.number(),
  beacon: z.string().optional(),
  rttMs: z.number().optional(),
  lossRatio: z.number().optional(),
  bytesSent: z.number(),
  bytesReceived: z.number(),
  packetsSent: z.number(),
  packetsReceived: z.number(),
  epoch: z.number().int(),
  keySince: z.number(),
  lastHeard: z.number(),
  openStreams: z.number().int(),
});

export const tunnel = z.object({
  /** `LOW-HIGH` of the two node ids. */
  id: z.string(),
  a: nodeId,
  b: nodeId,
  state: z.enum(['key-exchange', 'established', 'closed']),
  path: pathKind,
  previousPath: pathKind.optional(),
  pathSince: z.number(),
  beacon: z.string().optional(),
  health,
  rtt: toldNumber.optional(),
  loss: toldNumber.optional(),
  /** Both directions, over the last 10 s. */
  bytesPerSecond: z.number(),
  sides: z.array(tunnelSide),
  openStreams: z.number().int(),
});

/** A flow that is open now, from whichever ends report it. */
export const openFlow = z.object({
  flowId: z.string(),
  dialler: nodeId,
  acceptor: nodeId,
  port: z.number().int(),
  groupId,
  openedAt: z.number(),
  /** Only nodes that export are seen from both sides. */
  ends: z.enum(['both', 'dialler', 'acceptor']),
});

export const beacon = z.object({
  id: z.string(),
  name: z.string(),
  health,
  relayedTunnels: z.number().int(),
  bytesPerSecond: z.number(),
  rtt: toldNumber.optional(),
});

export const group = z.object({
  groupId,
  name: z.string(),
  joined: z.boolean(),
  joinRule: z.string(),
  memberIds: z.array(nodeId),
  okCount: z.number().int(),
  straightTunnels: z.number().int(),
  totalTunnels: z.number().int(),
});

/** A feed starts with a snapshot; later changes hold whole objects by key, and the keys that are gone. */
export const graphUpdate = z.object({
  kind: z.enum(['snapshot', 'changes']),
  feedId: z.string(),
  revision: z.number().int(),
  at: z.number(),
  self: nodeId.optional(),
  agents: z.array(agent),
  tunnels: z.array(tunnel),
  flows: z.array(openFlow),
  beacons: z.array(beacon),
  groups: z.array(group),
  goneAgents: z.array(nodeId),
  goneTunnels: z.array(z.string()),
  goneFlows: z.array(z.string()),
  goneBeacons: z.array(z.string()),
  goneGroups: z.array(groupId),
});

/**
 * One stage of the loss ledger; `reasons` explains the dropped ones. All count spans (peers' exports count reports too), but
 * `frames`, which are the datagrams that reached this node's tunnels: what is dropped there is mostly others' noise.
 */
export const ledgerStage = z.object({
  stage: z.enum(['node', 'peer export', 'ingest', 'store', 'view', 'frames']),
  received: z.number().int(),
  kept: z.number().int(),
  dropped: z.number().int(),
  reasons: z.record(z.string(), z.number().int()),
});

export const deckStatus = z.object({
  at: z.number(),
  startedAt: z.number(),
  version: z.string(),
  networkName: z.string(),
  self: z.object({ nodeId, address: z.string(), hostname: z.string() }).optional(),
  registry: z.object({
    address: z.string(),
    state: z.enum(['ok', 'away', 'connecting']),
    since: z.number(),
    rttMs: z.number().optional(),
  }),
  beacons: z.array(
    z.object({
      id: z.string(),
      state: z.enum(['ok', 'away', 'connecting']),
      since: z.number(),
      relayedTunnels: z.number().int(),
    }),
  ),
  sources: z.object({ live: z.number().int(), known: z.number().int(), away: z.array(z.string()) }),
  spansPerSecond: z.number(),
  ledger: z.array(ledgerStage),
  store: z.object({ spans: z.number().int(), bytes: z.number(), capBytes: z.number() }),
  otlpHttp: z.string(),
});

/** Events of the node and acts of the operator, newest last. */
export const logEvent = z.object({
  id: z.number().int(),
  at: z.number(),
  level: z.enum(['info', 'warning', 'error']),
  kind: z.string(),
  text: z.string(),
  source: z.string(),
  actor: z.enum(['node', 'operator']),
  nodeId: nodeId.optional(),
  groupId: groupId.optional(),
  traceId: traceId.optional(),
});

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
  kind: z.enum(['unspecified', 'internal', 'server', 'client', 'producer', 'consumer']),
  status: z.enum(['unset', 'ok', 'error']),
  statusMessage: z.string(),
  service: z.string(),
  nodeId: nodeId.optional(),
  groupId: groupId.optional(),
  category: z.enum(['model', 'work', 'setup', 'network', 'relay', 'queue', 'container']),
  path: pathKind.optional(),
  /** Milliseconds after the trace's start, on the shifted axis and as recorded. */
  startMs: z.number(),
  durationMs: z.number(),
  rawStartMs: z.number(),
  startTimeUnixNano: z.string(),
  endTimeUnixNano: z.string(),
  clock: z.discriminatedUnion('state', [
    z.object({ state: z.literal('reference') }),
    z.object({ state: z.literal('moved'), offsetMs: z.number(), boundMs: z.number() }),
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
  notes: z.array(z.string()),
});

export const traceQuery = z.object({
  fromMs: z.number().optional(),
  toMs: z.number().optional(),
  text: z.string().max(500).optional(),
  service: z.string().max(200).optional(),
  nodeId: nodeId.optional(),
  groupId: groupId.optional(),
  minDurationMs: z.number().nonnegative().optional(),
  maxDurationMs: z.number().nonnegative().optional(),
  status: z.enum(['error', 'ok']).optional(),
  limit: z.number().int().min(1).max(2_000).default(200),
});

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

export const volumeBucket = z.object({ at: z.number(), spans: z.number().int(), errors: z.number().int() });

export const pingResult = z.object({ rttMs: z.number(), path: pathKind });

export const groupPingProgress = z.object({
  total: z.number().int(),
  done: z.number().int(),
  results: z.array(
    z.object({
      nodeId,
      hostname: z.string(),
      state: z.enum(['waiting', 'answered', 'silent', 'failed']),
      rttMs: z.number().optional(),
      path: pathKind.optional(),
      error: z.string().optional(),
    }),
  ),
});

export type Agent = z.infer<typeof agent>;
export type Tunnel = z.infer<typeof tunnel>;
export type TunnelSide = z.infer<typeof tunnelSide>;
export type OpenFlow = z.infer<typeof openFlow>;
export type Beacon = z.infer<typeof beacon>;
export type Group = z.infer<typeof group>;
export type Health = z.infer<typeof health>;
export type HealthState = z.infer<typeof healthState>;
export type PathKindName = z.infer<typeof pathKind>;
export type GraphUpdate = z.infer<typeof graphUpdate>;
export type DeckStatus = z.infer<typeof deckStatus>;
export type LedgerStage = z.infer<typeof ledgerStage>;
export type LogEvent = z.infer<typeof logEvent>;
export type TraceSpan = z.infer<typeof traceSpan>;
export type Trace = z.infer<typeof trace>;
export type TraceQuery = z.infer<typeof traceQuery>;
export type TraceSummary = z.infer<typeof traceSummary>;
export type TraceSearchResult = z.infer<typeof traceSearchResult>;
export type TracePath = z.infer<typeof tracePath>;
export type VolumeBucket = z.infer<typeof volumeBucket>;
export type GroupPingProgress = z.infer<typeof groupPingProgress>;
