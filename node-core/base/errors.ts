/**
 * The closed set of error codes. A code crosses every boundary unchanged; texts for other protocols are looked up by it.
 * The first part names the layer, the second the reason.
 */
export type PilotErrorCode =
  | 'address.invalid'
  | 'frame.truncated'
  | 'frame.magic'
  | 'frame.checksum'
  | 'frame.version'
  | 'frame.oversize'
  | 'frame.invalid'
  | 'key.invalid'
  | 'nonce.exhausted'
  | 'dial.refused'
  | 'dial.timeout'
  | 'dial.cancelled'
  | 'dial.self'
  | 'peer.unknown'
  | 'peer.silent'
  | 'port.in-use'
  | 'port.exhausted'
  | 'stream.closed'
  | 'stream.reset'
  | 'queue.full'
  | 'registry.unavailable'
  | 'registry.refused'
  | 'store.unavailable'
  | 'query.invalid'
  | 'trace.not-found'
  | 'group.unknown'
  | 'config.invalid'
  | 'folder.in-use'
  | 'folder.unusable'
  | 'deck.stopping'
  | 'node.stopped';

/**
 * A broken promise to a caller. A dropped packet is not one: it is an event with a reason and a counter,
 * since the network makes them daily.
 */
export class PilotError extends Error {
  override readonly name = 'PilotError';
  readonly code: PilotErrorCode;
  readonly details: Readonly<Record<string, string | number>>;

  constructor(
    code: PilotErrorCode,
    message: string,
    details: Readonly<Record<string, string | number>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options); // pass { cause } when translating a lower error
    this.code = code;
    this.details = details;
  }
}

/**
 * Undefined for what the decoder refuses: hostile bytes are daily, and no error of ours.
 *
 * @throws what is no PilotError.
 */
export function decoded<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof PilotError) return undefined;
    throw error;
  }
}

/** Codes of what no waiting mends: only another choice, or a person, does. */
const FATAL: ReadonlySet<PilotErrorCode> = new Set([
  'config.invalid',
  'folder.in-use',
  'folder.unusable',
  'port.in-use',
  'store.unavailable',
]);

/** True when starting again the same way would fail the same way. */
export function isFatal(code: PilotErrorCode): boolean {
  return FATAL.has(code);
}
