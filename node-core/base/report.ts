import type { UnixNano } from './clock.ts';

/** How a tunnel's datagrams travel now. `straight` is lan, direct or punched. */
export const PATH_KINDS = ['lan', 'direct', 'punched', 'relay', 'compat', 'unknown'] as const;
export type PathKind = (typeof PATH_KINDS)[number];

/** Event names of the log records by which nodes report themselves; PROTOCOL.md, "Reports", has the attribute table. */
export const REPORT_EVENT = {
  node: 'pilot.node.report',
  tunnel: 'pilot.tunnel.report',
  flow: 'pilot.flow.report',
} as const;

/**
 * One end's view of a tunnel, on change and every 5 s. Counters run from the tunnel's first key exchange.
 * The reporter is named by the resource of the log record, never by the body.
 */
export interface TunnelReport {
  readonly peerNodeId: number;
  readonly state: 'key-exchange' | 'established' | 'closed';
  readonly path: PathKind;
  readonly pathSince: UnixNano;
  /** host:port of the beacon when the path is `relay`. */
  readonly relayBeacon?: string;
  /** Smoothed round trip of encrypted pings; absent while unmeasured. */
  readonly rttMs?: number;
  /** Share of the last pings that stayed unanswered, 0 to 1; absent while unmeasured. */
  readonly lossRatio?: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly packetsSent: number;
  readonly packetsReceived: number;
  /** Counts this node's key exchanges with the peer. */
  readonly epoch: number;
  readonly keySince: UnixNano;
  readonly lastHeard: UnixNano;
  readonly openStreams: number;
}

/** A stream that is open now, as one end sees it; `closed` is the last word on it. */
export interface FlowReport {
  readonly flowId: string;
  readonly role: 'dialler' | 'acceptor';
  readonly state: 'open' | 'closed';
  readonly peerNodeId: number;
  readonly groupId: number;
  /** The acceptor's port: what service it is. */
  readonly port: number;
  readonly openedAt: UnixNano;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** What a node says of itself every 5 s: the evidence that it lives and exports. */
export interface NodeReport {
  readonly hostname: string;
  readonly tags: readonly string[];
  readonly groupIds: readonly number[];
  readonly version: string;
  readonly startedAt: UnixNano;
  readonly clockEpoch: number;
  /** Requests its services handled, and how many of them failed, since start. */
  readonly requests: number;
  readonly failures: number;
  /** Spans and reports it recorded, and those that its exporter lost, since start. */
  readonly recorded: number;
  readonly exportDropped: number;
}

/** Who says it, and when. */
export interface ReportRowHead {
  /** The authenticated node that says it. */
  readonly reporter: number;
  /** Its public key, 64 hex digits: what is kept of it is kept of this key, ids change hands. */
  readonly reporterKey: string;
  /** Arrival, in Unix milliseconds of the collector's clock. */
  readonly at: number;
  /** The report's own time stamp, of the reporter's clock. */
  readonly reportedAt: UnixNano;
}

/** One appended row of what nodes say about the mesh. The graph is a fold of these rows, live and in a replay alike. */
export type ReportRow =
  | (ReportRowHead & { readonly kind: 'node'; readonly report: NodeReport })
  | (ReportRowHead & { readonly kind: 'tunnel'; readonly report: TunnelReport })
  | (ReportRowHead & { readonly kind: 'flow'; readonly report: FlowReport });
