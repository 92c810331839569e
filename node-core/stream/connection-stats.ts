import type { StreamState } from './connection-state.ts';
import type { Receiver } from './receiver.ts';
import type { Sender } from './sender.ts';
import type { StreamConfig } from './stream-config.ts';

/** A snapshot of one stream for display and tests. */
export interface ConnectionStats {
  readonly phase: StreamState['phase'];
  /** Absent before the first sample. */
  readonly smoothedRttMs: number | undefined;
  readonly rttVariationMs: number | undefined;
  readonly retransmissionTimeoutMs: number;
  readonly congestionWindowBytes: number;
  readonly slowStartThresholdBytes: number;
  readonly inFlightBytes: number;
  readonly inFlightSegments: number;
  readonly queuedBytes: number;
  readonly retransmissions: number;
  readonly peerWindowSegments: number;
  readonly windowSegments: number;
  /** Payload, each byte once. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

export function connectionStats(
  phase: StreamState['phase'],
  sender: Sender,
  receiver: Receiver | undefined,
  config: StreamConfig,
): ConnectionStats {
  const { rtt, congestion, buffer } = sender;
  const measured = rtt.smoothedNs > 0;
  return {
    phase,
    smoothedRttMs: measured ? rtt.smoothedNs / 1e6 : undefined,
    rttVariationMs: measured ? rtt.variationNs / 1e6 : undefined,
    retransmissionTimeoutMs: rtt.timeoutMs,
    congestionWindowBytes: congestion.window,
    slowStartThresholdBytes: congestion.slowStartThreshold,
    inFlightBytes: buffer.inFlightBytes,
    inFlightSegments: buffer.inFlight.length,
    queuedBytes: buffer.queuedBytes,
    retransmissions: sender.retransmitted,
    peerWindowSegments: sender.peerWindow,
    windowSegments: receiver?.buffer.window ?? config.receiveSegments,
    bytesSent: sender.bytesSent,
    bytesReceived: receiver?.bytesReceived ?? 0,
  };
}
