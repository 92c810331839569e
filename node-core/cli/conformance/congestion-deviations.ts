import { sequenceAdd, sequenceDifference } from '../../wire/sequence.ts';
import type { Deviation } from './deviation.ts';
import type { Fields } from './vector-file.ts';

interface Operation {
  readonly op: string;
  readonly len?: number;
  readonly segments?: number;
  readonly blocks?: readonly [number, number][];
}

interface Step extends Fields {
  readonly cong_win: number;
  readonly last_ack: number;
  readonly dup_acks: number;
  readonly unacked_segments: number;
  readonly in_recovery: boolean;
  readonly sacked_seqs: readonly number[];
}

interface Segment {
  readonly seq: number;
  readonly len: number;
}

/** A rule over the steps of a scripted sender, with what it needs to remember from one to the next. */
function perStep<State>(
  rule: string,
  begin: (mss: number) => State,
  expect: (state: State, operation: Operation, step: Step, outstanding: readonly Segment[]) => Fields,
): Deviation {
  return {
    section: 'congestion',
    rule,
    expect(input, expected) {
      const { ops, mss } = input as unknown as { readonly ops: readonly Operation[]; readonly mss: number };
      const { steps } = expected as { readonly steps: readonly Step[] };
      const state = begin(mss);
      const sent: Segment[] = [];
      let next = steps[0]?.last_ack ?? 0;
      return {
        steps: steps.map((step, index) => {
          const operation = ops[index] as Operation;
          for (const len of sizesOf(operation, mss)) {
            sent.push({ seq: next, len });
            next = sequenceAdd(next, len);
          }
          const outstanding = sent.filter(
            ({ seq, len }) => sequenceDifference(sequenceAdd(seq, len), step.last_ack) > 0,
          );
          return expect(state, operation, step, outstanding);
        }),
      };
    },
  };
}

function sizesOf(operation: Operation, mss: number): number[] {
  if (operation.op === 'send') return [operation.len ?? 0];
  return operation.op === 'send_mss' ? new Array<number>(operation.segments ?? 0).fill(mss) : [];
}

function isTimeout(operation: Operation): boolean {
  return operation.op.startsWith('timeout');
}

function named({ seq, len }: Segment): string {
  return `${seq}+${len}`;
}

export const congestionDeviations: readonly Deviation[] = [
  perStep(
    'an acknowledgement with SACK blocks counts as a duplicate',
    () => ({ duplicates: 0 }),
    (state, operation, step) => {
      if (operation.op === 'sack' && step.sacked_seqs.length < step.unacked_segments) state.duplicates += 1;
      else if (operation.op.startsWith('ack')) state.duplicates = step.dup_acks;
      return { ...step, dup_acks: state.duplicates };
    },
  ),
  perStep(
    'a segment is lost when three sent after it have arrived',
    (mss) => ({ mss, repairing: false }),
    (state, operation, step, outstanding) => {
      if (state.repairing) return withoutWindows(step);
      if (operation.op !== 'sack') return step;
      const lastArrived = outstanding.map(({ seq }) => step.sacked_seqs.includes(seq)).lastIndexOf(true);
      const [first] = outstanding;
      if (first === undefined || step.sacked_seqs.includes(first.seq) || lastArrived < 3) return step;
      state.repairing = true;
      const window = Math.max(Math.floor(step.cong_win / 2), state.mss);
      return {
        ...step,
        cong_win: window,
        ssthresh: window,
        effective_window: window,
        in_recovery: true,
        recovery_point: endOf(outstanding),
        retransmitted_seqs: [named(first)],
      };
    },
  ),
  perStep(
    'after a timeout all that is outstanding counts as lost',
    () => ({ again: undefined as number[] | undefined, before: 0 }),
    (state, operation, step, outstanding) => {
      const acknowledged = state.before - outstanding.length;
      state.before = outstanding.length;
      if (isTimeout(operation)) {
        const first = outstanding.find(({ seq }) => !step.sacked_seqs.includes(seq));
        state.again = first === undefined ? [] : [first.seq];
        return { ...step, window_available: true };
      }
      if (state.again === undefined || !step.in_recovery) {
        state.again = undefined;
        return step;
      }
      if (operation.op !== 'ack') return { ...step, window_available: true };
      const waiting = outstanding.filter(({ seq }) => !step.sacked_seqs.includes(seq) && !state.again?.includes(seq));
      const repaired = waiting.slice(0, acknowledged + 1);
      state.again.push(...repaired.map(({ seq }) => seq));
      return { ...step, window_available: true, retransmitted_seqs: repaired.map(named) };
    },
  ),
  perStep(
    'a window of 0 is a closed window',
    () => ({ closed: false }),
    (state, operation, step, outstanding) => {
      if (operation.op !== 'peer_window')
        return state.closed ? { ...step, effective_window: 0, window_available: false } : step;
      const opened = state.closed && operation.segments !== 0;
      state.closed = operation.segments === 0;
      if (state.closed) return { ...step, effective_window: 0, window_available: false };
      const [first] = outstanding;
      if (!opened || first === undefined) return step;
      // What was in flight when it closed was most likely dropped by the full receiver.
      const repair = { in_recovery: true, recovery_point: endOf(outstanding), retransmitted_seqs: [named(first)] };
      return { ...step, ...repair };
    },
  ),
];

function endOf(outstanding: readonly Segment[]): number {
  const last = outstanding.at(-1);
  return last === undefined ? 0 : sequenceAdd(last.seq, last.len);
}

/** Once our own repair is under way, windows and repeats follow it; what was acknowledged and what was not stays as owed. */
function withoutWindows(step: Step): Fields {
  const { last_ack, sacked_seqs, unacked_segments, dup_acks, state } = step;
  return { last_ack, sacked_seqs, unacked_segments, dup_acks, state };
}
