import { sequenceAdd, sequenceAtOrAfter, sequenceDifference } from '../../wire/sequence.ts';
import type { Deviation } from './deviation.ts';
import type { Fields } from './vector-file.ts';

type Block = [left: number, right: number];

interface Extent {
  readonly seq: number;
  readonly len: number;
}

interface ReassemblyStep {
  readonly cumulative_ack: number;
  readonly out_of_order_segments: number;
  readonly sack_blocks: readonly Block[];
  readonly ack_payload: string;
}

const REPORTED = 4;

/** A rule over the steps of a reassembly; `held` are the segments that wait behind a hole after the step. */
function reassembly(rule: string, applies: (held: readonly Extent[], step: ReassemblyStep) => boolean): Deviation {
  return {
    section: 'receiver_reassembly',
    rule,
    expect(input, expected) {
      const { segments } = input as unknown as { readonly segments: readonly Extent[] };
      const { steps } = expected as { readonly steps: readonly ReassemblyStep[] };
      return {
        steps: steps.map((step, index) => {
          const stored = storedUntil(index, segments, steps);
          return applies(stored, step) ? owed(stored, step) : step;
        }),
      };
    },
  };
}

/** Those that the recorded receiver put aside, until they are passed: whether it took one shows in its count. */
function storedUntil(last: number, segments: readonly Extent[], steps: readonly ReassemblyStep[]): Extent[] {
  return segments.slice(0, last + 1).filter((_, index) => {
    const before = steps[index - 1]?.out_of_order_segments ?? 0;
    return (steps[index]?.out_of_order_segments ?? 0) > before;
  });
}

function owed(stored: readonly Extent[], step: ReassemblyStep): ReassemblyStep {
  const held = stored
    .filter(({ seq }) => sequenceDifference(seq, step.cumulative_ack) > 0)
    .sort((a, b) => sequenceDifference(a.seq, b.seq));
  const blocks: Block[] = [];
  for (const { seq, len } of held) {
    const end = sequenceAdd(seq, len);
    const last = blocks.at(-1);
    if (last === undefined || sequenceDifference(seq, last[1]) > 0) blocks.push([seq, end]);
    else if (sequenceDifference(end, last[1]) > 0) last[1] = end;
  }
  const reported = blocks.slice(-REPORTED);
  return { ...step, out_of_order_segments: held.length, sack_blocks: reported, ack_payload: payloadOf(reported) };
}

function payloadOf(blocks: readonly Block[]): string {
  if (blocks.length === 0) return '';
  const numbers = blocks.flat().map((sequence) => sequence.toString(16).padStart(8, '0'));
  return `5341434b0${blocks.length}${numbers.join('')}`;
}

/** On both sides of 2^32, where comparing numbers as they stand gives another order. */
function straddlesZero(sequences: readonly number[]): boolean {
  return Math.max(...sequences) - Math.min(...sequences) > 0x8000_0000;
}

export const sequenceDeviations: readonly Deviation[] = [
  reassembly(
    'with more than four holes the highest four blocks are reported',
    (stored, step) =>
      step.sack_blocks.length === REPORTED && owed(stored, step).sack_blocks[0]?.[0] !== step.sack_blocks[0]?.[0],
  ),
  reassembly(
    'a waiting segment that the acknowledgement has passed is dropped',
    (stored, step) => step.out_of_order_segments > 0 && stored.some(({ seq }) => startsInside(seq, stored, step)),
  ),
  reassembly(
    'blocks are ordered and merged across 2^32',
    (stored) => stored.length > 0 && straddlesZero(stored.map(({ seq }) => seq)),
  ),
  {
    section: 'sender_sack',
    rule: 'blocks are compared across 2^32',
    expect(input, expected) {
      const { blocks, unacked } = input as unknown as { blocks: readonly Block[]; unacked: readonly Extent[] };
      const ends = unacked.map(({ seq, len }) => sequenceAdd(seq, len));
      if (!straddlesZero([...blocks.flat(), ...unacked.map(({ seq }) => seq), ...ends])) return expected;
      return {
        sacked: unacked.map(({ seq }, index) =>
          blocks.some(
            ([left, right]) => sequenceAtOrAfter(seq, left) && sequenceAtOrAfter(right, ends[index] as number),
          ),
        ),
      } satisfies Fields;
    },
  },
];

/** The recorded receiver keeps a segment whose start lies inside what it has already delivered. */
function startsInside(seq: number, stored: readonly Extent[], step: ReassemblyStep): boolean {
  const passed = sequenceDifference(step.cumulative_ack, seq);
  const exact = stored.some((other) => other.seq !== seq && sequenceAdd(other.seq, other.len) === seq);
  return passed > 0 && !exact;
}
