import type { Instant } from '../base/clock.ts';
import type { PilotErrorCode } from '../base/errors.ts';

export type StreamRole = 'dialler' | 'acceptor';

/** Why a stream is over. `fin` is the orderly end; `aborted` is our own `reset()`. */
export type CloseReason =
  | 'fin'
  | 'aborted'
  | 'reset'
  | 'refused'
  | 'timeout'
  | 'gave-up'
  | 'silence'
  | 'replaced'
  | 'peer-gone';

const CLOSE_CODES: Readonly<Record<CloseReason, PilotErrorCode | undefined>> = {
  fin: undefined,
  aborted: 'stream.closed',
  reset: 'stream.reset',
  refused: 'dial.refused',
  timeout: 'dial.timeout',
  'gave-up': 'peer.silent',
  silence: 'peer.silent',
  replaced: 'stream.reset',
  'peer-gone': 'peer.silent',
};

/** The error code that a close reason means to the application; undefined for the orderly end. */
export function closeCode(reason: CloseReason): PilotErrorCode | undefined {
  return CLOSE_CODES[reason];
}

/**
 * The facts of an opening that both ends share and the times one end saw: what flow ids and clock offsets are made of.
 * The dialler knows t1 and t4, the acceptor t2 and t3; each is the first packet of its kind.
 */
export interface Handshake {
  readonly diallerSequence: number;
  readonly acceptorSequence: number;
  /** t1: read before the first SYN was handed out. */
  readonly synSent?: Instant;
  /** t2: arrival of the first SYN. */
  readonly synReceived?: Instant;
  /** t3: read before the first SYN|ACK was handed out. */
  readonly synAckSent?: Instant;
  /** t4: arrival of the first SYN|ACK with this flow's Seq and Ack = SYN Seq + 1. */
  readonly synAckReceived?: Instant;
}

/** What one stream tells the table it lives in. */
export type ConnectionEvent =
  | { readonly type: 'established'; readonly role: StreamRole; readonly handshake: Handshake }
  /** The SYN goes out again: the moment to try another path. `attempt` counts from 2. */
  | { readonly type: 'syn-retry'; readonly attempt: number }
  | { readonly type: 'readable' }
  | { readonly type: 'writable' }
  /** The peer's FIN came in order: what can still be read is all. Queued data is still delivered; then `closed`. */
  | { readonly type: 'ended' }
  | { readonly type: 'closed'; readonly reason: CloseReason };

/** Why a packet was not used. Each has a counter in the port table. */
export type StreamDropReason =
  | 'not-a-stream'
  | 'no-listener'
  | 'unknown-stream'
  | 'wrong-network'
  | 'unexpected-syn'
  | 'syn-rate-source'
  | 'syn-rate-node'
  | 'backlog-full'
  | 'too-many-streams'
  | 'peer-streams'
  | 'peer-backlog'
  | 'bad-syn-ack'
  | 'bad-acknowledgement'
  | 'no-flags'
  | 'before-open'
  | 'stale-data'
  | 'window-full'
  | 'peer-bytes'
  | 'late-data'
  | 'reset-suppressed';
