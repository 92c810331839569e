import type { Json, JsonObject } from './registry-message.ts';

/** How one value of a message is called on the wire, read and written. */
export interface Field<T> {
  readonly name: string;
  /** As running servers read: a missing or misplaced value is 0, false, '' or []; of an optional field, undefined. */
  read(value: Json | undefined): T;
  /** Undefined leaves the field out. */
  write(value: T): Json | undefined;
}

/** The values of a message by our names, each with its field. */
export type Fields = Readonly<Record<string, Field<unknown>>>;

type ValueOf<F> = F extends Field<infer T> ? T : never;
type OptionalKeys<F extends Fields> = { [K in keyof F]: undefined extends ValueOf<F[K]> ? K : never }[keyof F];
type Flat<T> = { [K in keyof T]: T[K] };

/** What the fields of a message hold. */
export type Values<F extends Fields> = Flat<
  { readonly [K in Exclude<keyof F, OptionalKeys<F>>]: ValueOf<F[K]> } & {
    readonly [K in OptionalKeys<F>]?: ValueOf<F[K]>;
  }
>;

export function readFields<F extends Fields>(fields: F, message: JsonObject): Values<F> {
  const entries = Object.entries(fields).map(([key, field]) => [key, field.read(message[field.name])] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Values<F>;
}

export function writeFields<F extends Fields>(fields: F, values: Values<F>): JsonObject {
  const given = values as Readonly<Record<string, unknown>>;
  const entries = Object.entries(fields).flatMap(([key, field]) => {
    const value = given[key] === undefined ? undefined : field.write(given[key]);
    return value === undefined ? [] : [[field.name, value] as const];
  });
  return Object.fromEntries(entries);
}

/** A whole number; what is none, or does not fit the bits, is 0. */
export function uint(name: string, bits: 16 | 32 | 53): Field<number> {
  return { name, read: (value) => wholeNumber(value, bits), write: (value) => value };
}

export function text(name: string): Field<string> {
  return { name, read: (value) => (typeof value === 'string' ? value : ''), write: (value) => value };
}

export function flag(name: string): Field<boolean> {
  return { name, read: (value) => value === true, write: (value) => value };
}

export function uints(name: string, bits: 16 | 32): Field<readonly number[]> {
  return {
    name,
    read: (value) => itemsOf(value).filter((item): item is number => typeof item === 'number'),
    write: (value) => value.filter((item) => wholeNumber(item, bits) === item),
  };
}

export function texts(name: string): Field<readonly string[]> {
  return {
    name,
    read: (value) => itemsOf(value).filter((item): item is string => typeof item === 'string'),
    write: (value) => value,
  };
}

/** A list of objects; what is none is skipped. */
export function listOf<F extends Fields>(name: string, fields: F): Field<readonly Values<F>[]> {
  return {
    name,
    read: (value) => itemsOf(value).flatMap((item) => (isObject(item) ? [readFields(fields, item)] : [])),
    write: (value) => value.map((item) => writeFields(fields, item)),
  };
}

/** Lists of texts by key. */
export function textsByKey(name: string): Field<Readonly<Record<string, readonly string[]>>> {
  const inner = texts(name);
  return {
    name,
    read: (value) =>
      Object.fromEntries(Object.entries(isObject(value) ? value : {}).map(([key, list]) => [key, inner.read(list)])),
    write: (value) => value,
  };
}

/** The same field where it may be missing: 0, false, '' and [] are not sent, and read as undefined. */
export function optional<T>(field: Field<T>): Field<T | undefined> {
  const presence = <V>(value: V): V | undefined => (isNothing(value) ? undefined : value);
  return {
    name: field.name,
    read: (value) => presence(field.read(value)),
    write: (value) => (value === undefined ? undefined : presence(field.write(value))),
  };
}

/** A field that some messages do not have; where it is, also an empty list or false means something. */
export function absent<T>(field: Field<T>): Field<T | undefined> {
  return {
    name: field.name,
    read: (value) => (value === undefined || value === null ? undefined : field.read(value)),
    write: (value) => (value === undefined ? undefined : field.write(value)),
  };
}

function isNothing(value: unknown): boolean {
  return value === 0 || value === false || value === '' || (Array.isArray(value) && value.length === 0);
}

function wholeNumber(value: Json | undefined, bits: number): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) return 0;
  const whole = Math.trunc(value);
  return whole >= 0 && whole < 2 ** bits ? whole : 0;
}

function itemsOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
