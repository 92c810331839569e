import { wellFormed } from '../../base/text.ts';
import type { AnyValue, KeyValue } from '../span.ts';
import { MOST_DEPTH, malformed, type RejectReason, UnusableRecord, uniqueAttributes } from './otlp-decode-parts.ts';

/**
 * Readers of single fields of OTLP's JSON. A field may be absent or null, which is its default, and be named in lowerCamel
 * or snake_case. A wrong shape (an object for a number) makes the request malformed; a wrong value only its record unusable.
 */
export type JsonObject = Readonly<Record<string, unknown>>;

const UINT32_MAX = 0xffff_ffffn;
const UINT64_MAX = 0xffff_ffff_ffff_ffffn;
const INT64_MAX = 0x7fff_ffff_ffff_ffffn;
const INT32_MAX = 0x7fff_ffffn;
const INTEGER = /^-?\d{1,20}$/;
const HEX = /^(?:[0-9a-f]{2}){0,64}$/i;
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;
const NUMBER = /^-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const ENUM_NAMES: Readonly<Record<string, readonly string[]>> = {
  SPAN_KIND_: ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'],
  STATUS_CODE_: ['UNSET', 'OK', 'ERROR'],
  SEVERITY_NUMBER_: ['UNSPECIFIED', ...['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'].flatMap(fourLevels)],
};

function fourLevels(name: string): string[] {
  return [name, `${name}2`, `${name}3`, `${name}4`];
}

/** The first of the names that is present and not null. */
function field(owner: JsonObject, names: readonly string[]): unknown {
  for (const name of names) {
    const found = owner[name];
    if (found !== undefined && found !== null && Object.hasOwn(owner, name)) return found;
  }
  return undefined;
}

export function members(value: unknown, what: string): JsonObject {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw malformed(`${what} is not an object`);
  return value as JsonObject;
}

export function list(owner: JsonObject, ...names: readonly string[]): readonly unknown[] {
  const found = field(owner, names);
  if (found === undefined) return [];
  if (!Array.isArray(found)) throw malformed(`${names[0]} is not an array`);
  return found;
}

function scalar(value: unknown, what: string): string | number | boolean {
  if (typeof value === 'object') throw malformed(`${what} is not a plain value`);
  return value as string | number | boolean;
}

export function text(owner: JsonObject, ...names: readonly string[]): string {
  const found = field(owner, names);
  if (found === undefined) return '';
  return string(found, names[0] ?? '');
}

function string(found: unknown, what: string): string {
  const plain = scalar(found, what);
  if (typeof plain !== 'string') throw new UnusableRecord('text');
  return wellFormed(plain);
}

function integer(found: unknown, what: string, min: bigint, max: bigint): bigint {
  const plain = scalar(found, what);
  const exact =
    typeof plain === 'number' ? Number.isSafeInteger(plain) : typeof plain === 'string' && INTEGER.test(plain);
  if (!exact) throw new UnusableRecord('number');
  const number = BigInt(plain);
  if (number < min || number > max) throw new UnusableRecord('number');
  return number;
}

export function uint64(owner: JsonObject, ...names: readonly string[]): bigint {
  const found = field(owner, names);
  return found === undefined ? 0n : integer(found, names[0] ?? '', 0n, UINT64_MAX);
}

export function uint32(owner: JsonObject, ...names: readonly string[]): number {
  const found = field(owner, names);
  return found === undefined ? 0 : Number(integer(found, names[0] ?? '', 0n, UINT32_MAX));
}

/** A number of an open enumeration, or one of the names we know. */
export function enumeration(found: unknown, prefix: string): number {
  if (found === undefined || found === null) return 0;
  if (typeof found === 'string' && found.startsWith(prefix)) {
    const index = ENUM_NAMES[prefix]?.indexOf(found.slice(prefix.length)) ?? -1;
    if (index < 0) throw new UnusableRecord('enum');
    return index;
  }
  return Number(integer(found, prefix, -INT32_MAX - 1n, INT32_MAX));
}

/** An id of exactly `digits` hex digits that is not zero, in lower case. */
export function requiredId(
  owner: JsonObject,
  digits: number,
  reason: RejectReason,
  ...names: readonly string[]
): string {
  const id = optionalId(owner, digits, reason, ...names);
  if (id === '') throw new UnusableRecord(reason);
  return id;
}

/** As `requiredId`, but an absent, empty or zero id is the empty text. */
export function optionalId(
  owner: JsonObject,
  digits: number,
  reason: RejectReason,
  ...names: readonly string[]
): string {
  const found = field(owner, names);
  if (found === undefined || found === '') return '';
  const id = scalar(found, names[0] ?? '');
  if (typeof id !== 'string' || id.length !== digits || !HEX.test(id)) throw new UnusableRecord(reason);
  return /^0+$/.test(id) ? '' : id.toLowerCase();
}

/** An id of a link: hex of any length as sent, or undefined for anything else. */
export function linkId(owner: JsonObject, ...names: readonly string[]): string | undefined {
  const found = field(owner, names);
  if (found === undefined) return '';
  const id = scalar(found, names[0] ?? '');
  return typeof id === 'string' && HEX.test(id) ? id.toLowerCase() : undefined;
}

/** An `AnyValue`. A member that is null is unset, as exporters write NaN that went through `JSON.stringify`. */
export function value(given: unknown, depth = 0): AnyValue {
  if (depth > MOST_DEPTH) throw malformed(`a value is nested more than ${MOST_DEPTH} deep`);
  const union = members(given, 'value');
  const one = (...names: readonly string[]) => field(union, names);
  let found = one('stringValue', 'string_value');
  if (found !== undefined) return string(found, 'stringValue');
  found = one('intValue', 'int_value');
  if (found !== undefined) return integer(found, 'intValue', -INT64_MAX - 1n, INT64_MAX);
  found = one('boolValue', 'bool_value');
  if (found !== undefined) return boolean(found);
  found = one('doubleValue', 'double_value');
  if (found !== undefined) return double(found);
  found = one('arrayValue', 'array_value');
  if (found !== undefined) return list(members(found, 'arrayValue'), 'values').map((item) => value(item, depth + 1));
  found = one('kvlistValue', 'kvlist_value');
  if (found !== undefined) return { entries: entries(found, depth) };
  found = one('bytesValue', 'bytes_value');
  return found === undefined ? null : bytes(found);
}

function entries(given: unknown, depth: number): readonly KeyValue[] {
  const pairs = list(members(given, 'kvlistValue'), 'values').map((item) => {
    const pair = members(item, 'kvlistValue');
    return { key: text(pair, 'key'), value: value(pair.value, depth + 1) };
  });
  return uniqueAttributes(pairs).attributes;
}

function boolean(found: unknown): boolean {
  const plain = scalar(found, 'boolValue');
  if (typeof plain !== 'boolean') throw new UnusableRecord('number');
  return plain;
}

function double(found: unknown): number {
  const plain = scalar(found, 'doubleValue');
  if (typeof plain === 'number') return plain;
  if (plain === 'NaN') return Number.NaN;
  if (plain === 'Infinity') return Number.POSITIVE_INFINITY;
  if (plain === '-Infinity') return Number.NEGATIVE_INFINITY;
  if (typeof plain !== 'string' || !NUMBER.test(plain)) throw new UnusableRecord('number');
  return Number(plain);
}

/** Base64 of either alphabet, as ProtoJSON allows. */
function bytes(found: unknown): Uint8Array {
  const plain = scalar(found, 'bytesValue');
  if (typeof plain !== 'string' || !BASE64.test(plain)) throw new UnusableRecord('bytes');
  return new Uint8Array(Buffer.from(plain, 'base64'));
}
