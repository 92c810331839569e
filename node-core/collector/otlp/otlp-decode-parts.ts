import { PilotError } from '../../base/errors.ts';
import type { AnyValue, AttributeList, KeyValue } from '../span.ts';

/** Why a record of an otherwise readable request was not kept. */
export type RejectReason = 'trace-id' | 'span-id' | 'parent-id' | 'number' | 'text' | 'bytes' | 'enum' | 'size';

/** What a request held: records, how many could not be kept and why, and a hint for a sender that erred politely. */
export interface Decoded<Record> {
  readonly records: readonly Record[];
  readonly rejected: ReadonlyMap<RejectReason, number>;
  readonly warning: string | undefined;
  /** Objects and arrays, or messages, of the request. */
  readonly parts: number;
  /** Attributes that were larger than is kept. */
  readonly leftOut: number;
}

/** Objects and arrays, or messages, of one request. Tiny ones take fifty times their bytes once they are decoded. */
export const MOST_PARTS = 1_000_000;

/** How deep arrays and lists of an attribute may nest. Deeper requests are refused whole. */
export const MOST_DEPTH = 64;

/** A value that no rule of the format can make sense of: its record is rejected, its neighbours are kept. */
export class UnusableRecord extends Error {
  readonly reason: RejectReason;

  constructor(reason: RejectReason) {
    super(reason);
    this.reason = reason;
  }
}

/** The request as a whole is not what its content type says. */
export function malformed(message: string, cause?: unknown): PilotError {
  return new PilotError('frame.invalid', message, {}, { cause });
}

export function tooManyParts(): PilotError {
  return new PilotError('frame.oversize', `the request has more than ${MOST_PARTS} parts`);
}

/** Collects the records of one request, and counts those that are unusable. */
export class RecordCollector<Record> {
  readonly records: Record[] = [];
  readonly rejected = new Map<RejectReason, number>();

  /** Runs `decode`; the `weight` records it stands for are counted as rejected when it finds them unusable. */
  attempt<T>(weight: number, decode: () => T): T | undefined {
    try {
      return decode();
    } catch (error) {
      if (!(error instanceof UnusableRecord)) throw error;
      if (weight > 0) this.rejected.set(error.reason, (this.rejected.get(error.reason) ?? 0) + weight);
      return undefined;
    }
  }

  add(decode: () => Record): void {
    const record = this.attempt(1, decode);
    if (record !== undefined) this.records.push(record);
  }
}

/**
 * Attributes with unique keys, in the order of their first appearance. The last value of a key wins; one with an empty key
 * is dropped and counted, as OpenTelemetry's keys are never empty.
 */
export function uniqueAttributes(pairs: readonly KeyValue[]): { attributes: AttributeList; dropped: number } {
  const values = new Map<string, AnyValue>();
  let dropped = 0;
  for (const { key, value } of pairs) {
    if (key === '') dropped += 1;
    else values.set(key, value);
  }
  if (values.size === pairs.length) return { attributes: pairs, dropped: 0 };
  return { attributes: [...values].map(([key, value]) => ({ key, value })), dropped };
}
