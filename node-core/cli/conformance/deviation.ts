import type { Fields } from './vector-file.ts';

/**
 * Where our node does otherwise than the program a vector was recorded from, on purpose. PROTOCOL.md, "Deviations", has
 * the same list with the reasons. A rule looks at the input of a case, never at its id, and says what the result has to be.
 */
export interface Deviation {
  readonly section: string;
  readonly rule: string;
  /**
   * The result our node owes for this input; `expected` as it stands when the rule has nothing to say about it.
   *
   * @param expected - The reference's result in comparable form, or what an earlier rule made of it.
   * @param out - The reference's result as recorded, with times.
   */
  expect(input: Fields, expected: unknown, out: Fields): unknown;
}
