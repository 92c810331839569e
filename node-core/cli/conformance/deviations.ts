import type { Fields } from './vector-file.ts';

/**
 * Where our node does otherwise than the program a vector was recorded from, on purpose. PROTOCOL.md, "Deviations", has
 * the same list with the reasons. A rule looks at the input of a case, never at its id, and says what the result has to be.
 */
export interface Deviation {
  readonly section: string;
  readonly rule: string;
  /** The result our node owes for this input, or undefined when the rule has nothing to say about it. */
  expect(input: Fields, expected: unknown): unknown;
}

export const deviations: readonly Deviation[] = [
  {
    section: 'replay_window',
    rule: 'counter 0 is never accepted',
    expect(input, expected) {
      const counters = input.counters as readonly string[];
      const { accept, max } = expected as { readonly accept: readonly boolean[]; readonly max: string };
      if (!counters.includes('0')) return undefined;
      return { accept: accept.map((fresh, index) => fresh && counters[index] !== '0'), max };
    },
  },
];
