import type { Instant } from '../base/clock.ts';
import type { Endpoint } from '../base/transport.ts';
import type { StreamEvent } from '../stream/stream-event.ts';
import type { TunnelEvent } from '../tunnel/tunnel-event.ts';
import type { IdNews, ProfileNews } from './registry-profile.ts';
import type { TrustEvent } from './trust.ts';

/** What the node tells its owner; drained with `pollEvent`. */
export type NodeEvent =
  | { readonly type: 'open-registry' }
  | { readonly type: 'close-registry' }
  | { readonly type: 'registered'; readonly nodeId: number; readonly address: string }
  | { readonly type: 'registry'; readonly state: 'ok' | 'away'; readonly since: Instant; readonly reason: string }
  | {
      readonly type: 'beacon';
      readonly endpoint: Endpoint;
      readonly state: 'ok' | 'away';
      readonly since: Instant;
      readonly rttMs?: number;
    }
  | { readonly type: 'stream'; readonly event: StreamEvent }
  | { readonly type: 'tunnel'; readonly event: TunnelEvent }
  | TrustEvent
  | ProfileNews
  | IdNews
  | {
      readonly type: 'datagram';
      readonly peerNodeId: number;
      readonly groupId: number;
      readonly sourcePort: number;
      readonly port: number;
      readonly payload: Uint8Array;
    };
