import type { Millis } from '../base/clock.ts';
import { UNLIMITED_PER_SECOND } from '../base/token-bucket.ts';

/**
 * The numbers of the stream layer. PROTOCOL.md, "Streams", has the table with the source of each; the defaults are
 * those of the 1.18 line unless the table says why not. A test or a conformance run may set others.
 */
export interface StreamConfig {
  /** Largest payload of a segment we send; any size is accepted. */
  readonly segmentBytes: number;
  /** Most segments that may be unacknowledged, whatever the peer's window says. */
  readonly segmentsInFlight: number;
  /** False sends a small write at once instead of waiting for the acknowledgement of earlier data. */
  readonly nagle: boolean;
  readonly nagleMs: Millis;
  /** Bytes that `write` takes before it says "no more": queued and unacknowledged together. */
  readonly sendBufferBytes: number;
  /** Received segments that wait for the application; the advertised window counts down from it. */
  readonly receiveSegments: number;
  /** Bytes that may wait for the application, since a peer's segments can be large. */
  readonly receiveBytes: number;
  readonly outOfOrderSegments: number;
  /** Received bytes that all streams of one peer may hold: in order, and as many behind holes. */
  readonly receiveBytesPerPeer: number;
  readonly receiveBytesInAll: number;

  readonly initialCongestionWindow: number;
  readonly maxCongestionWindow: number;
  readonly initialSlowStartThreshold: number;

  readonly rtoInitialMs: Millis;
  readonly rtoMinMs: Millis;
  readonly rtoMaxMs: Millis;
  /** Clock granularity G of RFC 6298. */
  readonly rtoGranularityMs: Millis;
  /** Timer-driven transmissions of one segment, the first included, before the stream is given up. */
  readonly transmissions: number;

  /** When each SYN goes out, counted from the dial. */
  readonly synScheduleMs: readonly Millis[];
  readonly dialTimeoutMs: Millis;
  /** When a SYN|ACK is repeated while nothing confirms it, counted from the first. */
  readonly synAckScheduleMs: readonly Millis[];
  readonly halfOpenMs: Millis;

  readonly quickAcks: number;
  /** A pause after which `quickAcks` are granted again. */
  readonly quickAckIdleMs: Millis;
  readonly delayedAckMs: Millis;
  readonly delayedAckSegments: number;

  readonly probeInitialMs: Millis;
  readonly probeMaxMs: Millis;
  readonly probes: number;
  /** Probes without data; the later ones are one segment each. */
  readonly emptyProbes: number;

  readonly keepaliveMs: Millis;
  /** An empty ACK is answered if nothing was sent on the stream for so long. */
  readonly answerAfterMs: Millis;
  /** Unanswered keepalives that end a stream. */
  readonly unansweredKeepalives: number;

  /** Transmissions of a FIN before it counts as delivered. */
  readonly finTransmissions: number;
  /** How long the other half may lag behind a close: queued data after the peer's FIN, the peer's FIN after ours. */
  readonly lingerMs: Millis;
  /** How long a FIN that overtook data waits for that data. */
  readonly heldFinMs: Millis;
  readonly timeWaitMs: Millis;

  /** When the streams of a peer with a new key are probed, counted from the change. */
  readonly rekeyProbeScheduleMs: readonly Millis[];
  readonly rekeySilenceMs: Millis;

  readonly backlog: number;
  readonly streamsPerPort: number;
  /** Of the streams of a port, and of all: what one peer may have, over all its ports and groups. */
  readonly streamsPerPortAndPeer: number;
  readonly streamsPerPeer: number;
  readonly streams: number;
  readonly portReuseMs: Millis;
  readonly synBurstPerSource: number;
  readonly synPerSecondPerSource: number;
  readonly synPerSecond: number;
  readonly resetsPerSecond: number;
}

export const STREAM_DEFAULTS: StreamConfig = {
  segmentBytes: 1152,
  segmentsInFlight: 128,
  nagle: true,
  nagleMs: 40,
  sendBufferBytes: 262_144,
  receiveSegments: 512,
  receiveBytes: 1_048_576,
  outOfOrderSegments: 128,
  receiveBytesPerPeer: 16_777_216,
  receiveBytesInAll: 134_217_728,

  initialCongestionWindow: 40_960,
  maxCongestionWindow: 147_456, // 128 segments of 1152 bytes: more can never be in flight
  initialSlowStartThreshold: 524_288,

  rtoInitialMs: 1_000,
  rtoMinMs: 200,
  rtoMaxMs: 10_000,
  rtoGranularityMs: 10,
  transmissions: 8,

  synScheduleMs: [0, 250, 750, 1_750, 2_250, 3_250, 5_250, 9_250],
  dialTimeoutMs: 17_250,
  synAckScheduleMs: [1_000, 3_000, 7_000, 15_000],
  halfOpenMs: 30_000,

  quickAcks: 32,
  quickAckIdleMs: 12,
  delayedAckMs: 5,
  delayedAckSegments: 2,

  probeInitialMs: 500,
  probeMaxMs: 30_000,
  probes: 30,
  emptyProbes: 2,

  keepaliveMs: 25_000,
  answerAfterMs: 5_000,
  unansweredKeepalives: 5,

  finTransmissions: 4,
  lingerMs: 5_000,
  heldFinMs: 60_000,
  timeWaitMs: 10_000,

  rekeyProbeScheduleMs: [0, 1_000, 3_000, 6_000, 8_500],
  rekeySilenceMs: 10_000,

  backlog: 64,
  streamsPerPort: 1_024,
  streamsPerPortAndPeer: 256,
  streamsPerPeer: 2_048,
  streams: 65_536,
  portReuseMs: 30_000,
  synBurstPerSource: 64,
  synPerSecondPerSource: 10,
  synPerSecond: 100,
  resetsPerSecond: 50,
};

/** Nothing bounded per second, for tests under load; what bounds memory stays. */
export const LIFTED_STREAM_RATES: Partial<StreamConfig> = {
  synBurstPerSource: UNLIMITED_PER_SECOND,
  synPerSecondPerSource: UNLIMITED_PER_SECOND,
  synPerSecond: UNLIMITED_PER_SECOND,
  resetsPerSecond: UNLIMITED_PER_SECOND,
};
