/** Serial-number arithmetic on 32-bit sequence numbers that wrap (RFC 1982, with SERIAL_BITS = 32). */

export function sequenceAdd(sequence: number, count: number): number {
  return (sequence + count) >>> 0;
}

/** How far `a` lies ahead of `b`: from -2^31 to 2^31 - 1, negative when `a` is the older one. */
export function sequenceDifference(a: number, b: number): number {
  return (a - b) | 0;
}

/** False for numbers exactly 2^31 apart, whichever way round: their order is undefined, and so neither is later. */
export function sequenceAfter(a: number, b: number): boolean {
  return sequenceDifference(a, b) > 0;
}

export function sequenceAtOrAfter(a: number, b: number): boolean {
  return sequenceDifference(a, b) >= 0;
}
