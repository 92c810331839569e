import { sequenceAdd, sequenceDifference } from '../../wire/sequence.ts';
import type { Deviation } from './deviation.ts';
import type { Fields } from './vector-file.ts';

interface Operation {
  readonly op: string;
  readonly ack?: number;
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
  readonly effective_window: number;
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
          return 'cong_win' in step ? expect(state, operation, step, outstanding) : step;
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

function flyingBytes(outstanding: readonly Segment[], { sacked_seqs }: Step): number {
  return outstanding.reduce((sum, { seq, len }) => sum + (sacked_seqs.includes(seq) ? 0 : len), 0);
}

function named({ seq, len }: Segment): string {
  return `${seq}+${len}`;
}

/** Counts repeats as our sender does; one of a peer that reports blocks is a repeat only with blocks, unless `bareToo`. */
class Repeats {
  readonly #bareToo: boolean;
  #count = 0;
  #reports = false;
  #acknowledged: number | undefined;

  constructor(options: { readonly bareToo: boolean }) {
    this.#bareToo = options.bareToo;
  }

  /** @returns the count after this operation. */
  after(operation: Operation, step: Step): number {
    const advanced = this.#acknowledged !== undefined && step.last_ack !== this.#acknowledged;
    this.#acknowledged = step.last_ack;
    if (advanced) this.#count = 0;
    else if (this.isRepeat(operation, step)) this.#count += 1;
    if (operation.op === 'sack') this.#reports = true;
    return this.#count;
  }

  isRepeat(operation: Operation, step: Step): boolean {
    if (step.sacked_seqs.length >= step.unacked_segments) return false;
    if (operation.op === 'sack') return true;
    return operation.op === 'ack' && operation.ack === step.last_ack && (this.#bareToo || !this.#reports);
  }
}

/** An acknowledgement beyond everything that was sent changes nothing; after it, what the recorded sender has is another story. */
const beyondIsIgnored: Deviation = {
  section: 'congestion',
  rule: 'an acknowledgement of what was never sent is ignored',
  expect(input, expected) {
    const { ops, mss } = input as unknown as { readonly ops: readonly Operation[]; readonly mss: number };
    const { steps } = expected as { readonly steps: readonly Step[] };
    const sent: Segment[] = [];
    let next = steps[0]?.last_ack ?? 0;
    let acknowledged = next;
    let strayed = false;
    let last: Step | undefined;
    return {
      steps: steps.map((step, index) => {
        const operation = ops[index] as Operation;
        for (const len of sizesOf(operation, mss)) {
          sent.push({ seq: next, len });
          next = sequenceAdd(next, len);
        }
        const { ack = acknowledged } = operation;
        const isBeyond = sequenceDifference(ack, next) > 0;
        if (!isBeyond && sequenceDifference(ack, acknowledged) > 0) acknowledged = ack;
        if (!isBeyond && !strayed) {
          last = step;
          return step;
        }
        if (isBeyond && !strayed) {
          strayed = true;
          return { ...last, retransmitted_seqs: [] };
        }
        const open = sent.filter(({ seq, len }) => sequenceDifference(sequenceAdd(seq, len), acknowledged) > 0);
        const bytes_in_flight = open.reduce((sum, { len }) => sum + len, 0);
        return { last_ack: acknowledged, unacked_segments: open.length, bytes_in_flight, state: step.state };
      }),
    };
  },
};

export const congestionDeviations: readonly Deviation[] = [
  beyondIsIgnored,
  perStep(
    'an acknowledgement with SACK blocks counts as a duplicate',
    () => new Repeats({ bareToo: true }),
    (repeats, operation, step) => ({ ...step, dup_acks: repeats.after(operation, step) }),
  ),
  perStep(
    'a bare repeat of a peer that reports blocks is no duplicate',
    () => ({ repeats: new Repeats({ bareToo: false }), last: undefined as Step | undefined, strayed: false }),
    (state, operation, step) => {
      const { last } = state;
      const dup_acks = state.repeats.after(operation, step);
      state.last = step;
      if (operation.op === 'ack' && step.dup_acks > dup_acks && last !== undefined) {
        state.strayed ||= step.cong_win !== last.cong_win; // the recorded sender repeats a segment for it
        if (!state.strayed) return { ...step, dup_acks };
      }
      return state.strayed ? withoutWindows({ ...step, dup_acks }) : { ...step, dup_acks };
    },
  ),
  perStep(
    'what was acknowledged selectively is not in flight',
    () => undefined,
    (_state, _operation, step, outstanding) => {
      const has = step.sacked_seqs.length > 0 && flyingBytes(outstanding, step) < step.effective_window;
      return has ? { ...step, window_available: true } : step;
    },
  ),
  perStep(
    'a segment is lost when three sent after it have arrived',
    (mss) => ({ mss, repairing: false }),
    (state, operation, step, outstanding) => {
      if (state.repairing) return withoutWindows(step);
      if (operation.op !== 'sack' || step.in_recovery) return step;
      const lastArrived = outstanding.map(({ seq }) => step.sacked_seqs.includes(seq)).lastIndexOf(true);
      const [first] = outstanding;
      const isLost = lastArrived >= 3 || (lastArrived >= 1 && step.dup_acks === 3);
      if (first === undefined || step.sacked_seqs.includes(first.seq) || !isLost) return step;
      state.repairing = true;
      const window = Math.max(Math.floor(step.cong_win / 2), state.mss);
      return {
        ...step,
        cong_win: window,
        ssthresh: window,
        effective_window: window,
        window_available: flyingBytes(outstanding, step) < window,
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
