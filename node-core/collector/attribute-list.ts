import { wellFormed } from '../base/text.ts';
import type { AttributeValue } from '../base/tracer.ts';
import type { AnyValue, KeyValue } from './span.ts';

/** Text longer than this is cut, as an attribute is for reading. */
const LONGEST_TEXT = 4_096;
const LONGEST_ARRAY = 128;

/** A value of ours with OpenTelemetry's types: whole numbers become int64, text is valid and not longer than 4096. */
export function anyValueOf(value: AttributeValue): AnyValue {
  if (typeof value === 'string') return cut(value);
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value === 'bigint') return BigInt.asIntN(64, value);
  if (typeof value === 'boolean') return value;
  return value.slice(0, LONGEST_ARRAY).map(cut);
}

/** Attributes of ours as a list; those without a value are left out. */
export function attributeListOf(attributes: Readonly<Record<string, AttributeValue | undefined>>): KeyValue[] {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: anyValueOf(value) }],
  );
}

function cut(text: string): string {
  return wellFormed(text.slice(0, LONGEST_TEXT));
}
