import { z } from 'zod';
import { fromHex } from '../../base/bytes.ts';
import { decodeSack, encodeSack } from '../../wire/sack.ts';
import { sequenceAfter, sequenceAtOrAfter } from '../../wire/sequence.ts';
import { hex, type Section, section, uint } from './section.ts';

export const blocks = z.array(z.tuple([uint, uint]));

/** The sections of `stream.json` that are about bytes and numbers; behaviour is in `stream-sections.ts`. */
export const streamCodecSections: Readonly<Record<string, Section>> = {
  sack_encode: section(z.object({ blocks }), (input) => ({
    bytes: encodeSack(input.blocks.map(([left, right]) => ({ left, right }))),
  })),
  sack_decode: section(z.object({ bytes: hex }), ({ bytes }) => {
    const decoded = decodeSack(fromHex(bytes));
    return { is_sack: decoded !== undefined, blocks: (decoded ?? []).map(({ left, right }) => [left, right]) };
  }),
  sequence_compare: section(z.object({ a: uint, b: uint }), ({ a, b }) => ({
    a_after_b: sequenceAfter(a, b),
    a_after_or_equal_b: sequenceAtOrAfter(a, b),
  })),
};
