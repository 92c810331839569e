import type { Instant } from '../base/clock.ts';
import type { FlowReport, PathKind } from '../base/report.ts';
import { ATTR, SPAN, type SpanContext, type Tracer } from '../base/tracer.ts';
import { formatEndpoint } from '../base/transport.ts';
import type { Connection } from '../stream/connection.ts';
import type { CloseReason } from '../stream/connection-event.ts';
import type { TunnelEvent } from '../tunnel/tunnel-event.ts';
import { type FlowEnds, FlowSpans } from './flow-spans.ts';

interface Flow {
  readonly spans: FlowSpans | undefined;
  readonly openedAt: bigint;
}

export interface FlowBookOptions {
  readonly tracer: Tracer;
  /** Ports whose streams carry telemetry: never traced, or an exporter would trace its own export for ever. */
  readonly untracedPorts: ReadonlySet<number>;
  readonly endsWith: (peerNodeId: number) => FlowEnds;
}

/** The streams of a node with their spans, from the first packet to the last. */
export class FlowBook {
  readonly #options: FlowBookOptions;
  readonly #flows = new Map<Connection, Flow>();
  readonly #dials = new Map<number, SpanContext>();

  constructor(options: FlowBookOptions) {
    this.#options = options;
  }

  /** A stream we open; returns the span of the dial. */
  dialled(connection: Connection, parent: SpanContext | undefined, now: Instant): SpanContext | undefined {
    const { node } = connection.remote;
    const spans = this.#isTraced(connection.remotePort)
      ? FlowSpans.dialled(connection, this.#options.endsWith(node), this.#options.tracer, now, parent)
      : undefined;
    if (spans?.dial !== undefined) this.#dials.set(node, spans.dial);
    this.#flows.set(connection, { spans, openedAt: now.unixNano });
    return spans?.dial;
  }

  accepted(connection: Connection, now: Instant): void {
    const ends = this.#options.endsWith(connection.remote.node);
    const traced = this.#isTraced(connection.localPort);
    const spans = traced ? FlowSpans.accepted(connection, ends, this.#options.tracer, now) : undefined;
    this.#flows.set(connection, { spans, openedAt: now.unixNano });
  }

  established(connection: Connection, path: PathKind, now: Instant): void {
    const { node } = connection.remote;
    const spans = this.#flows.get(connection)?.spans;
    const { peerKey } = this.#options.endsWith(node);
    if (peerKey !== undefined) spans?.setPeerKey(peerKey);
    spans?.established(path, now);
    this.#dials.delete(node);
  }

  /** Returns the flow's last word, if it had become known as one. */
  closed(connection: Connection, reason: CloseReason, now: Instant): FlowReport | undefined {
    this.#flows.get(connection)?.spans?.closed(reason, now);
    const report = this.reportOf(connection, 'closed');
    this.#flows.delete(connection);
    if (connection.role === 'dialler') this.#dials.delete(connection.remote.node);
    return report;
  }

  /** Tells the streams of a peer that their packets travel another way now. */
  pathChanged(
    event: Extract<TunnelEvent, { type: 'path-changed' }>,
    streams: readonly Connection[],
    now: Instant,
  ): void {
    const beacon = event.beacon === undefined ? undefined : formatEndpoint(event.beacon);
    const parent = this.dialOf(event.peerNodeId);
    if (event.to === 'relay' && parent !== undefined) {
      const relay = beacon === undefined ? {} : { [ATTR.relayBeacon]: beacon };
      const attributes = { [ATTR.peerNodeId]: event.peerNodeId, ...relay };
      const span = this.#options.tracer.startSpan(SPAN.relayFallback, { at: event.at.unixNano, parent, attributes });
      span.end(now.unixNano);
    }
    for (const connection of streams) this.#flows.get(connection)?.spans?.pathChanged(event.to, beacon, now);
  }

  /** The stream's span, for what the application does on it; undefined when it is not traced. */
  spanOf(connection: Connection): SpanContext | undefined {
    return this.#flows.get(connection)?.spans?.stream;
  }

  /** Links the stream's span to the context that an application message carried. */
  link(connection: Connection, context: SpanContext): void {
    this.#flows.get(connection)?.spans?.link(context);
  }

  /** The dial that waits for a peer. */
  dialOf(nodeId: number): SpanContext | undefined {
    return this.#dials.get(nodeId);
  }

  openReports(): FlowReport[] {
    return [...this.#flows.keys()].flatMap((connection) => this.reportOf(connection, 'open') ?? []);
  }

  /** Undefined while the flow has no id, and for one that is not traced. */
  reportOf(connection: Connection, state: FlowReport['state']): FlowReport | undefined {
    const flow = this.#flows.get(connection);
    const flowId = flow?.spans?.flowId;
    if (flow === undefined || flowId === undefined) return undefined;
    const { role, remote, localPort, remotePort, stats } = connection;
    return {
      flowId,
      role,
      state,
      peerNodeId: remote.node,
      groupId: remote.network,
      port: role === 'dialler' ? remotePort : localPort,
      openedAt: flow.openedAt,
      bytesSent: stats.bytesSent,
      bytesReceived: stats.bytesReceived,
    };
  }

  #isTraced(port: number): boolean {
    return !this.#options.untracedPorts.has(port);
  }
}
