import type { InteropBench } from './bench.ts';

/** One thing that must work between stock 1.18.0 and us. */
export interface InteropCase {
  readonly name: string;
  /**
   * Rejects when it does not work.
   *
   * @returns what was measured, for the reader.
   */
  readonly run: (bench: InteropBench) => Promise<string | undefined>;
}

/** What a case expects to be true; the words say what was seen instead. */
export function expect(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}

export function expectEqual(seen: unknown, wanted: unknown, what: string): void {
  const [left, right] = [JSON.stringify(seen), JSON.stringify(wanted)];
  expect(left === right, `${what} is ${left}, expected ${right}`);
}

/** Milliseconds that something took, and its result. */
export async function timed<T>(act: () => Promise<T>): Promise<{ readonly ms: number; readonly result: T }> {
  const startedAt = performance.now();
  const result = await act();
  return { ms: performance.now() - startedAt, result };
}
