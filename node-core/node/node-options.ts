import type { Millis, RandomBytes } from '../base/clock.ts';
import type { SpanContext, Tracer } from '../base/tracer.ts';
import type { Endpoint } from '../base/transport.ts';
import type { Identity } from '../crypto/identity.ts';
import type { StreamConfig } from '../stream/stream-config.ts';
import type { TunnelLimits } from '../tunnel/tunnel-config.ts';
import type { Memberships, NodeProfile } from './registry-profile.ts';
import type { TrustedPeer } from './trusted-peers.ts';

export interface PilotNodeOptions {
  readonly identity: Identity;
  readonly random: RandomBytes;
  readonly profile: NodeProfile;
  /** Groups to be a member of from the start. */
  readonly memberships?: Memberships;
  readonly beacon?: Endpoint;
  readonly tracer?: Tracer;
  /** Counts the steps of the wall clock since start. */
  readonly clockEpoch?: () => number;
  /** Spans and reports recorded so far, and those that were lost before they left; for the node's report. */
  readonly exportCounts?: () => { readonly recorded: number; readonly dropped: number };
  /** Whom this node trusted in earlier lives; `trust` events say how it goes on. */
  readonly trusted?: readonly TrustedPeer[];
  /** Ports that only trusted peers may open, also on a public node. */
  readonly trustedPorts?: readonly number[];
  /** Ports whose streams carry telemetry: never traced, or an exporter would trace its own export for ever. */
  readonly untracedPorts?: readonly number[];
  /** False when the address was chosen by hand; else the one that the beacon sees is registered. */
  readonly followObservedEndpoint?: boolean;
  readonly heartbeatMs?: Millis;
  readonly discoverIntervalMs?: Millis;
  readonly limits?: Partial<TunnelLimits>;
  readonly streams?: Partial<StreamConfig>;
  /** False lifts what is bounded per second, beside what `limits` and `streams` say; for tests under load. */
  readonly rateLimits?: boolean;
}

export interface DialOptions {
  readonly nodeId: number;
  /** The group whose address is dialled; 0 is the backbone. */
  readonly groupId: number;
  readonly port: number;
  readonly parent?: SpanContext | undefined;
}
