import type { Instant, Millis } from '../base/clock.ts';
import type { SpanContext } from '../base/tracer.ts';

/** One accepted stream, as a service sees it. */
export interface ServiceStream {
  readonly peerNodeId: number;
  /** The group whose address the peer dialled; 0 is the backbone. */
  readonly groupId: number;
  /** The stream's own span, parent of what the service does for it; absent when the stream is not traced. */
  readonly span: SpanContext | undefined;
  /** Links the stream's span to the context that a message on it carried. */
  link(context: SpanContext): void;
  /** The next bytes in order, or undefined when nothing waits. */
  read(now: Instant): Uint8Array | undefined;
  /** Takes as many bytes as the send buffer has room for, and says how many. */
  write(bytes: Uint8Array, now: Instant): number;
  /** Ends the stream once everything written was delivered. */
  close(now: Instant): void;
  reset(now: Instant): void;
}

/** What a service does with one stream. Each call may read and write; none may block. */
export interface StreamHandler {
  handleReadable(now: Instant): void;
  handleWritable(now: Instant): void;
  handleClosed(now: Instant): void;
}

/** A well-known port and what answers on it. */
export interface Service {
  readonly port: number;
  accept(stream: ServiceStream, now: Instant): StreamHandler;
  /** What went wrong, by reason; for the ledger. */
  readonly faults?: ReadonlyMap<string, number>;
  /** Ends what has waited too long; called no later than `nextTimeout` says. */
  handleTimeout?(now: Instant): void;
  nextTimeout?(): Millis | undefined;
}
