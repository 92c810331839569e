/** Milliseconds of a monotonic clock; only differences mean anything. */
export type Millis = number;
/** Nanoseconds since 1970-01-01 UTC of a wall clock, as OpenTelemetry counts them. */
export type UnixNano = bigint;

/** Whole milliseconds since 1970-01-01 UTC. */
export function unixMillis(unixNano: UnixNano): number {
  return Number(unixNano / 1_000_000n);
}

/** One reading of both clocks, taken once per datagram, call or tick and handed down. */
export interface Instant {
  readonly monotonicMs: Millis;
  readonly unixNano: UnixNano;
}

/** Where time comes from: the operating system in `io/`, virtual time in tests. */
export interface Clock {
  now(): Instant;
}

/** Cryptographically secure random bytes; from outside, so that a simulation can be repeated from its seed. */
export type RandomBytes = (length: number) => Uint8Array;

/** The earlier of two optional deadlines. */
export function earliest(...deadlines: readonly (Millis | undefined)[]): Millis | undefined {
  let first: Millis | undefined;
  for (const deadline of deadlines) {
    if (deadline !== undefined && (first === undefined || deadline < first)) first = deadline;
  }
  return first;
}
