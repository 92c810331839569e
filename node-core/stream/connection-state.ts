import type { Instant, Millis } from '../base/clock.ts';
import type { Address } from '../wire/address.ts';
import type { Packet } from '../wire/packet.ts';
import type { CloseReason, ConnectionEvent, StreamDropReason } from './connection-event.ts';
import type { ReceiveShare } from './receive-share.ts';
import type { StreamConfig } from './stream-config.ts';

/** What a stream is doing; PROTOCOL.md, "Streams", has the diagram. `closing`: our FIN follows what is queued. */
export type StreamState =
  | { readonly phase: 'syn-sent'; readonly attempt: number; readonly startedAt: Millis; readonly closing: boolean }
  | { readonly phase: 'syn-received'; readonly attempt: number; readonly startedAt: Millis; readonly closing: boolean }
  | { readonly phase: 'established'; readonly closing: boolean }
  /** The peer's FIN came in order: what was received can be read, what we had queued is still delivered. */
  | {
      readonly phase: 'draining';
      readonly closing: boolean;
      readonly until: Millis;
      readonly answer: 'fin-ack' | 'fin';
    }
  | FinWait
  | { readonly phase: 'time-wait'; readonly until: Millis; readonly finAckOwed: boolean }
  | { readonly phase: 'closed'; readonly reason: CloseReason; readonly resetOwed: boolean };

/** Our FIN is out. `peerDone`: the peer's came first, only the acknowledgement of ours is missing. */
interface FinWait {
  readonly phase: 'fin-wait';
  readonly attempt: number;
  readonly dueAt: Millis;
  readonly acknowledged: boolean;
  readonly peerDone: boolean;
}

export type InPhase<P extends StreamState['phase']> = Extract<StreamState, { readonly phase: P }>;

/** What a connection needs of the table it lives in. */
export interface ConnectionHost {
  /** Something may have to be sent, or a deadline moved. */
  touched(): void;
  emit(event: ConnectionEvent): void;
  count(reason: StreamDropReason): void;
  /** Asks for a reset of the stream that this packet believes in. */
  refuse(packet: Packet, now: Instant): void;
}

export interface ConnectionOptions {
  readonly local: Address;
  readonly remote: Address;
  readonly localPort: number;
  readonly remotePort: number;
  readonly initialSequence: number;
  readonly config: StreamConfig;
  readonly share: ReceiveShare;
  readonly host: ConnectionHost;
}
