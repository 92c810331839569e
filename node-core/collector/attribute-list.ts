import { toHex } from '../base/bytes.ts';
import { wellFormed } from '../base/text.ts';
import type { AttributeValue } from '../base/tracer.ts';
import type { AttributeJson } from '../contract/trace.ts';
import { type AnyValue, type AttributeList, isBytes, isKeyValueList, type KeyValue } from './span.ts';

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

/** Attributes as the contract carries them. What JSON has no number for becomes text, bytes become hex. */
export function attributesToJson(attributes: AttributeList): Record<string, AttributeJson> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, toJson(value)]));
}

function toJson(value: AnyValue): AttributeJson {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (value === null || typeof value !== 'object') return value;
  if (isBytes(value)) return toHex(value);
  if (isKeyValueList(value)) return attributesToJson(value.entries);
  return value.map(toJson);
}
