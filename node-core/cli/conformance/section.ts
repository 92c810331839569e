import { z } from 'zod';
import { toHex } from '../../base/bytes.ts';
import { PilotError } from '../../base/errors.ts';
import type { Fields } from './vector-file.ts';

/** How one section of the vectors is run against our code. */
export interface Section {
  /** Our result for an input; it may say more than the reference's does. @throws when the input is not understood. */
  run(input: Fields): unknown;
  /** The reference's result in the form of ours: error wording, measured times and the like are taken out. */
  comparable(out: Fields): unknown;
}

/** A whole section, or one case, that our node does not run: with the reason as the count it goes to. */
export type Unrun = 'not built' | 'retired';

/**
 * Makes a section from a typed runner.
 *
 * @param shape - What the runner needs of the input; a case without it fails.
 * @param comparable - How the reference's result is brought into the form of ours; by default as it stands.
 */
export function section<Input>(
  shape: z.ZodType<Input>,
  run: (input: Input) => unknown,
  comparable: (out: Fields) => unknown = (out) => out,
): Section {
  return { run: (input) => run(shape.parse(input)), comparable };
}

/** Bytes as hex, 64-bit numbers as decimal text: as the vector files write them. */
export function plainValue(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return value.map(plainValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plainValue(inner)]));
}

/** True when `actual` has everything that `expected` has; lists are compared whole. */
export function covers(actual: unknown, expected: unknown): boolean {
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) return false;
    return expected.every((item, index) => covers(actual[index], item));
  }
  if (typeof expected !== 'object' || expected === null) return Object.is(actual, expected);
  if (typeof actual !== 'object' || actual === null) return false;
  return Object.entries(expected).every(([key, item]) => covers(Reflect.get(actual, key), item));
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
