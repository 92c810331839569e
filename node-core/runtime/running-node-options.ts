import type { Clock, Instant } from '../base/clock.ts';
import type { DatagramSocket, Endpoint } from '../base/transport.ts';
import type { Identity } from '../crypto/identity.ts';
import type { NodeEvent } from '../node/node-event.ts';
import type { PilotNodeOptions } from '../node/node-options.ts';
import type { NodeProfile } from '../node/registry-profile.ts';
import type { Report } from '../node/reporter.ts';

export interface RunningNodeOptions
  extends Pick<
    PilotNodeOptions,
    | 'tracer'
    | 'clockEpoch'
    | 'exportCounts'
    | 'trusted'
    | 'trustedPorts'
    | 'untracedPorts'
    | 'followObservedEndpoint'
    | 'discoverIntervalMs'
    | 'heartbeatMs'
    | 'limits'
    | 'rateLimits'
    | 'streams'
  > {
  readonly identity: Identity;
  readonly profile: NodeProfile;
  readonly socket: DatagramSocket;
  readonly registry: Endpoint;
  /** SHA-256 of the registry's certificate; with it the registry is spoken to over TLS alone. */
  readonly registryFingerprint?: string | undefined;
  readonly beacon: Endpoint;
  readonly clock: Clock;
  readonly onEvent?: (event: NodeEvent, now: Instant) => void;
  readonly onReports?: (reports: readonly Report[]) => void;
}
