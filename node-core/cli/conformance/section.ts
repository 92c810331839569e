import { z } from 'zod';
import { toHex } from '../../base/bytes.ts';
import { PilotError } from '../../base/errors.ts';
import type { Fields } from './vector-file.ts';

/** How one section of the vectors is run against our code. */
export interface Section {
  /**
   * Our result for an input; it may say more than the reference's does. Throws when the input is not understood.
   *
   * @param out - The reference's result, for sections whose script is in it: what the peer sent, and when.
   */
  run(input: Fields, out: Fields): unknown;
  /** The reference's result in the form of ours: error wording, measured times and the like are taken out. */
  comparable(out: Fields): unknown;
}

/**
 * Makes a section from a typed runner.
 *
 * @param shape - What the runner needs of the input; a case without it fails.
 * @param comparable - How the reference's result is brought into the form of ours; by default as it stands.
 */
export function section<Input>(
  shape: z.ZodType<Input>,
  run: (input: Input, out: Fields) => unknown,
  comparable: (out: Fields) => unknown = (out) => out,
): Section {
  return { run: (input, out) => run(shape.parse(input), out), comparable };
}

/** Bytes as hex, 64-bit numbers as decimal text: as the vector files write them. */
export function plainValue(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return value.map(plainValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plainValue(inner)]));
}

/**
 * The first place where `actual` lacks something that `expected` has, in words; undefined when there is none. `actual`
 * may have more fields; lists are compared whole.
 */
export function difference(actual: unknown, expected: unknown, path = 'result'): string | undefined {
  if (typeof expected !== 'object' || expected === null) {
    return Object.is(actual, expected) ? undefined : `${path}: owed ${brief(expected)}, got ${brief(actual)}`;
  }
  if (Array.isArray(expected) && (!Array.isArray(actual) || actual.length !== expected.length)) {
    return `${path}: owed ${expected.length} items ${brief(expected)}, got ${brief(actual)}`;
  }
  if (typeof actual !== 'object' || actual === null) return `${path}: owed an object, got ${brief(actual)}`;
  for (const [key, item] of Object.entries(expected)) {
    const found = difference(Reflect.get(actual, key), item, `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 600 ? `${text.slice(0, 600)}…` : text;
}

/** Runs something that may refuse its input: a `PilotError` becomes `refused`, anything else is a fault of ours. */
export function orRefused<Result, Refusal>(run: () => Result, refused: Refusal): Result | Refusal {
  try {
    return run();
  } catch (error) {
    if (error instanceof PilotError) return refused;
    throw error;
  }
}

/** Takes out the wording of errors: accepting and refusing is compared, the text is the reference's own. */
export function withoutError({ error: _wording, ...rest }: Fields): Fields {
  return rest;
}

export const uint = z.number().int().nonnegative();
export const hex = z.string().regex(/^(?:[0-9a-f]{2})*$/);
