import type { Instant } from '../base/clock.ts';
import type { PathKind, TunnelReport } from '../base/report.ts';
import type { Endpoint } from '../base/transport.ts';
import type { Packet } from '../wire/packet.ts';

/** Why a frame or a packet went no further. Each is counted; none ends a session. */
export type TunnelDropReason =
  | 'not-pilot'
  | 'malformed-frame'
  | 'plaintext'
  | 'not-from-beacon'
  | 'unknown-beacon-message'
  | 'punch-target'
  /** Port 0, or a host that is no literal address of one machine: nothing can be sent there. */
  | 'unusable-endpoint'
  | 'own-node-id'
  | 'key-exchange-limit'
  | 'lookup-limit'
  | 'peer-limit'
  | 'peer-unknown'
  | 'identity-mismatch'
  | 'bad-signature'
  | 'bad-key'
  | 'retired-key'
  | 'key-of-another'
  | 'no-session'
  | 'undecryptable'
  | 'replayed'
  | 'malformed-packet'
  | 'misaddressed'
  | 'source-spoofed'
  | 'unknown-protocol'
  | 'queue-full'
  | 'queue-expired'
  | 'transmit-full';

/** Where a peer may be reached, as the registry answers a resolve. */
export interface PeerEndpoints {
  /** The address the peer registered; absent when it is hidden. */
  readonly real?: Endpoint;
  /** LAN addresses of the peer that are worth a try from here: those that share a subnet with one of ours. */
  readonly lan: readonly Endpoint[];
  /** True when the peer asked to be reached through the beacon only. */
  readonly relayOnly: boolean;
}

/** The X25519 and Ed25519 keys a session stands on. Byte strings are shared: do not write to them. */
export interface SessionKeys {
  /** The peer's identity, as the registry told it. */
  readonly peerIdentityKey: Uint8Array;
  readonly ownX25519: Uint8Array;
  readonly peerX25519: Uint8Array;
}

/** Why a tunnel left the table; `evicted`: another one needed its place. */
export type TunnelEnd = 'idle' | 'evicted' | 'own-id-changed' | 'asked';

/** What the tunnel layer tells the node. Drained with `pollEvent`. */
export type TunnelEvent =
  /** An authenticated, fresh packet of a peer; its source node is the peer. Pings and keepalives stay below. */
  | {
      readonly type: 'payload';
      readonly peerNodeId: number;
      readonly packet: Packet;
      /** How this datagram came. */
      readonly path: PathKind;
      /** The datagram's arrival, also when it waited for its key. */
      readonly receivedAt: Instant;
      readonly nonce: Uint8Array;
      readonly keys: SessionKeys;
    }
  /** Answer with `providePeerKey`: the Ed25519 key the registry has for the node. */
  | { readonly type: 'key-needed'; readonly nodeId: number }
  /** Answer with `provideEndpoints`: a fresh resolve. */
  | { readonly type: 'endpoint-needed'; readonly nodeId: number }
  /** The first keys of a tunnel are installed; packets flow. */
  | { readonly type: 'established'; readonly peerNodeId: number; readonly epoch: number; readonly keys: SessionKeys }
  /** A frame opened under new keys, which replace the old ones: who started, and why open streams should be probed. */
  | {
      readonly type: 'rekeyed';
      readonly peerNodeId: number;
      readonly epoch: number;
      readonly keys: SessionKeys;
      readonly by: 'peer' | 'own';
    }
  /** A round of key exchange ended without an answer; another begins only when something is sent. */
  | { readonly type: 'key-exchange-failed'; readonly peerNodeId: number }
  | {
      readonly type: 'path-changed';
      readonly peerNodeId: number;
      readonly from: PathKind;
      readonly to: PathKind;
      /** The beacon of a relayed path. */
      readonly beacon?: Endpoint;
      readonly at: Instant;
    }
  /** Nothing was heard on any path although pings were sent. */
  | { readonly type: 'silent'; readonly peerNodeId: number; readonly lastHeard: Instant | undefined }
  | { readonly type: 'recovered'; readonly peerNodeId: number }
  /** The tunnel left the table; `last` is what was measured before. */
  | {
      readonly type: 'closed';
      readonly peerNodeId: number;
      readonly reason: TunnelEnd;
      readonly last: TunnelMeasurement;
    }
  | {
      readonly type: 'pong';
      readonly peerNodeId: number;
      readonly pingId: number;
      readonly rttMs: number;
      /** How the pong came. */
      readonly path: PathKind;
    }
  | { readonly type: 'ping-timeout'; readonly peerNodeId: number; readonly pingId: number }
  | {
      readonly type: 'dropped';
      readonly reason: TunnelDropReason;
      readonly peerNodeId?: number;
      readonly from?: Endpoint;
    }
  /** The beacon answered a Discover: our endpoint as seen from outside. */
  | { readonly type: 'endpoint-observed'; readonly endpoint: Endpoint; readonly rttMs: number }
  | { readonly type: 'beacon-answered' }
  | { readonly type: 'beacon-away'; readonly since: Instant }
  /** The beacon passes on that something waits at the registry; kind 1 is a trust handshake. */
  | { readonly type: 'notified'; readonly kind: number };

/** A tunnel as its own end measures it; what is missing in a report, the node knows. */
export type TunnelMeasurement = Omit<TunnelReport, 'openStreams'>;
