import type { UnixNano } from './clock.ts';

/** Identifies a span across processes: lowercase hex, 32 and 16 digits (W3C trace context). */
export interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
}

export type AttributeValue = string | number | bigint | boolean | readonly string[];
export type Attributes = Readonly<Record<string, AttributeValue>>;
export type SpanKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer';
export type SpanStatus = { readonly code: 'unset' | 'ok' } | { readonly code: 'error'; readonly message: string };

export interface SpanOptions {
  readonly at: UnixNano;
  readonly kind?: SpanKind;
  readonly parent?: SpanContext | undefined;
  readonly attributes?: Attributes;
  readonly links?: readonly SpanContext[];
}

/** A span that has begun. Nothing is recorded until `end`; calls after it change nothing. */
export interface Span {
  readonly context: SpanContext;
  setAttributes(attributes: Attributes): void;
  addEvent(name: string, at: UnixNano, attributes?: Attributes): void;
  addLink(context: SpanContext): void;
  end(at: UnixNano, status?: SpanStatus): void;
}

/** What a protocol core knows of tracing. Silent by default, so that a core never depends on a collector. */
export interface Tracer {
  startSpan(name: SpanName | (string & {}), options: SpanOptions): Span;
}

const silentSpan: Span = {
  context: { traceId: '0'.repeat(32), spanId: '0'.repeat(16) },
  setAttributes() {},
  addEvent() {},
  addLink() {},
  end() {},
};
export const silentTracer: Tracer = { startSpan: () => silentSpan };

/** Names of the spans a node records itself. PROTOCOL.md, "Spans", has the table with kinds and attributes. */
export const SPAN = {
  registryCall: 'pilot.registry.call',
  resolve: 'pilot.resolve',
  dial: 'pilot.dial',
  keyExchange: 'pilot.key_exchange',
  relayFallback: 'pilot.relay_fallback',
  stream: 'pilot.stream',
  serviceCall: 'pilot.service.call',
  groupQuery: 'pilot.group.query',
  ping: 'pilot.ping',
  clockProbe: 'pilot.clock.probe',
} as const;
export type SpanName = (typeof SPAN)[keyof typeof SPAN];

/** Names of span events. The four handshake events survive sampling: they are the clock evidence. */
export const SPAN_EVENT = {
  synSent: 'pilot.syn.sent', // t1, dialler
  synReceived: 'pilot.syn.received', // t2, acceptor
  synAckSent: 'pilot.syn_ack.sent', // t3, acceptor
  synAckReceived: 'pilot.syn_ack.received', // t4, dialler
  pathChanged: 'pilot.path.changed',
} as const;

/** Attribute keys of Pilot's own facts. One table documents them: PROTOCOL.md, "Attributes". */
export const ATTR = {
  nodeId: 'pilot.node.id', // uint32
  address: 'pilot.address', // text form, of the recording node
  publicKey: 'pilot.node.public_key', // 64 hex digits, Ed25519, of the recording node
  peerNodeId: 'pilot.peer.node.id',
  peerAddress: 'pilot.peer.address',
  groupId: 'pilot.group.id', // uint16
  port: 'pilot.port', // the acceptor's port
  path: 'pilot.path', // lan, direct, punched, relay, compat, unknown
  previousPath: 'pilot.path.previous', // on `pilot.path.changed`: the path until then
  relayBeacon: 'pilot.relay.beacon', // host:port of the beacon
  tunnelEpoch: 'pilot.tunnel.epoch', // counts this node's key exchanges with the peer
  clockEpoch: 'pilot.clock.epoch', // counts steps of the node's wall clock
  flowId: 'pilot.flow.id', // 32 hex digits
  dialId: 'pilot.dial.id', // 32 hex digits
  datagramId: 'pilot.datagram.id', // 32 hex digits
  flowRole: 'pilot.flow.role', // dialler or acceptor
  flowDiallerKey: 'pilot.flow.dialler.key', // 64 hex digits, Ed25519
  flowDiallerPort: 'pilot.flow.dialler.port',
  flowAcceptorKey: 'pilot.flow.acceptor.key',
  flowAcceptorPort: 'pilot.flow.acceptor.port',
  flowDiallerSeq: 'pilot.flow.dialler.seq', // uint32
  flowAcceptorSeq: 'pilot.flow.acceptor.seq', // uint32
  bytesSent: 'pilot.bytes.sent',
  bytesReceived: 'pilot.bytes.received',
  registryMethod: 'pilot.registry.method',
  capability: 'pilot.capability', // the tag a group query routed by
  workKind: 'pilot.work.kind', // `queue` for time spent waiting for a turn
  title: 'pilot.title', // what a root span was for, where its name is generic
  errorType: 'error.type', // OpenTelemetry's; a PilotErrorCode where it is ours
} as const;
