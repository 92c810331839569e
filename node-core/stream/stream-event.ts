import type { Connection } from './connection.ts';
import type { ConnectionEvent } from './connection-event.ts';

type OfConnection<Event> = Event extends ConnectionEvent ? Event & { readonly connection: Connection } : never;

/**
 * What the owner of a port table must know. At most a handful of each kind is queued per stream: `readable` comes when
 * an empty receive queue gets data and not again before it was read to the end; `writable` after a `write` that took less.
 */
export type StreamEvent =
  /** A peer's SYN made a stream. It may be written to at once; `established` follows when the peer confirms. */
  { readonly type: 'accepted'; readonly connection: Connection; readonly port: number } | OfConnection<ConnectionEvent>;
