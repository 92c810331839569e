import { expect, test } from 'vitest';
import { runCase, type Verdict } from '../../../../node-core/cli/conformance/run-case.ts';
import type { Fields } from '../../../../node-core/cli/conformance/vector-file.ts';

/** Whether our code does what the rules say for an input that v1.9 answers so. */
function judge(section: string, input: Fields, out: Fields): Promise<Verdict> {
  return runCase('stream', section, { id: 'mine', versions: ['v1.9'], in: input, out });
}

interface LifePacket {
  readonly t_ms: number;
  readonly from: 7 | 9;
  readonly flags: string;
  readonly seq: number;
  readonly ack: number;
  readonly window: number;
  readonly len: number;
}

const [SEVEN, NINE] = ['0:0000.0000.0007', '0:0000.0000.0009'];

function lifePacket(t_ms: number, from: 7 | 9, flags: string, numbers: Partial<LifePacket> = {}): LifePacket & Fields {
  const ends =
    from === 7
      ? { src: SEVEN, dst: NINE, sport: 49_152, dport: 7 }
      : { src: NINE, dst: SEVEN, sport: 7, dport: 49_152 };
  return { t_ms, from, flags, proto: 1, ...ends, seq: 0, ack: 0, window: 512, len: 0, ...numbers };
}

function opening(window: number): LifePacket[] {
  return [
    lifePacket(0, 7, 'SYN'),
    lifePacket(0, 9, 'SYN+ACK', { seq: 5000, ack: 1, window }),
    lifePacket(0, 7, 'ACK', { seq: 1, ack: 5001 }),
  ];
}

/** As v1.9 sends a segment that nobody acknowledges: eight times, then RST. */
function eightTimes(sequence: number, len: number, startedAt = 10): LifePacket[] {
  const times = [0, 1_000, 3_000, 5_100, 7_200, 9_200, 11_200, 13_200].map((after) => startedAt + after);
  const repeats = times.map((at) => lifePacket(at, 7, 'ACK', { seq: sequence, ack: 5001, len }));
  return [...repeats, lifePacket(startedAt + 15_200, 7, 'RST', { window: 0 })];
}

function until(observeMs: number, packets: readonly LifePacket[]): LifePacket[] {
  return packets.filter(({ t_ms }) => t_ms <= observeMs);
}

async function giveUp(observeMs: number, packets: readonly LifePacket[]): Promise<Verdict> {
  const seen = until(observeMs, packets);
  const final_state = seen.some(({ flags }) => flags === 'RST') ? 'CLOSED' : 'ESTABLISHED';
  const out = { dial: { result: 'connected', t_ms: 10 }, final_state, packets: seen };
  return judge('give_up_timelines', { observe_ms: observeMs }, out);
}

test.each([2_000, 9_000, 20_000, 40_000, 60_000, 90_000])(
  'a segment that nobody acknowledges is given up as 1.18 does, seen for %i ms',
  async (observeMs) => {
    const verdict = await giveUp(observeMs, [...opening(512), ...eightTimes(1, 4)]);
    expect(verdict.kind, JSON.stringify(verdict)).not.toBe('failed');
  },
);

test.each([2_000, 9_000, 20_000, 40_000, 60_000, 90_000])(
  'a window of 0 from the start is probed, not overrun, seen for %i ms',
  async (observeMs) => {
    const verdict = await giveUp(observeMs, [...opening(0), ...eightTimes(1, 4)]);
    expect(verdict, JSON.stringify(verdict)).toMatchObject({ kind: 'deviates' });
  },
);

test('a window of 0 that a first acknowledgement tells is probed', async () => {
  const first = [lifePacket(11, 7, 'ACK', { seq: 1, ack: 5001, len: 1024 })];
  const told = lifePacket(11, 9, 'ACK', { seq: 5001, ack: 1025, window: 0 });
  const verdict = await giveUp(40_000, [...opening(1), ...first, told, ...eightTimes(1025, 1024, 11)]);
  expect(verdict, JSON.stringify(verdict)).toMatchObject({ kind: 'deviates' });
});

interface Acknowledgement {
  readonly ack: number;
  readonly payload?: string;
}

const SACK = '5341434b010000040100000801';
const BARE: Acknowledgement = { ack: 1 };
const SACKED: Acknowledgement = { ack: 1, payload: SACK };

/** As v1.9 counts: bare repeats, never those with blocks; it takes an acknowledgement of what was never sent. */
function recordedDuplicates(packets: readonly Acknowledgement[]): { input: Fields; out: Fields } {
  const mss = 1024;
  let acknowledged = 1;
  let duplicates = 0;
  let [cong_win, ssthresh] = [10_240, 524_288];
  let unacked = 8;
  const steps = packets.map(({ ack, payload }) => {
    const sent: Fields[] = [];
    if (ack > acknowledged) {
      duplicates = 0;
      cong_win +=
        cong_win < ssthresh ? ack - acknowledged : Math.max(1, Math.floor((mss * (ack - acknowledged)) / cong_win));
      acknowledged = ack;
      unacked = Math.max(0, 8 - Math.floor((ack - 1) / mss));
    } else if (ack === acknowledged && payload === undefined && unacked > 0) {
      duplicates += 1;
      if (duplicates === 3) {
        ssthresh = Math.max(Math.floor(cong_win / 2), mss);
        cong_win = ssthresh + 3 * mss;
        sent.push({ flags: 'ACK', seq: ack, len: mss });
      } else if (duplicates > 3) cong_win += mss;
    }
    return { cong_win, ssthresh, dup_acks: duplicates, unacked_segments: unacked, sent_by_node_7: sent };
  });
  const acks_from_peer = packets.map(({ ack, payload }) => ({
    ...{ flags: 'ACK', proto: 1, src: NINE, dst: SEVEN, sport: 7, dport: 49_152, seq: 1, ack, window: 512 },
    ...(payload === undefined ? { len: 0 } : { len: payload.length / 2, payload }),
  }));
  return { input: { first_seq: 1, mss, segments_in_flight: 8, acks_from_peer }, out: { steps } };
}

const MIXED = 'a bare repeat of a peer that reports blocks is no duplicate';
const ALL: Acknowledgement = { ack: 8193 };
test.each([
  ['bare and selective ones in turn', [BARE, SACKED, BARE, SACKED, BARE, SACKED, BARE, SACKED]],
  ['selective and bare ones in turn', [SACKED, BARE, SACKED, BARE, SACKED, BARE, SACKED, BARE]],
  ['bare ones after one with blocks', [SACKED, BARE, BARE, BARE, BARE]],
  ['two bare ones, then blocks', [BARE, BARE, SACKED, SACKED, BARE, ALL]],
  ['a bare recovery, then blocks', [BARE, BARE, BARE, BARE, SACKED, BARE, SACKED, ALL]],
  ['in turn, then all of it', [SACKED, BARE, SACKED, BARE, SACKED, BARE, ALL]],
  [
    'in turn, then a part, then in turn',
    [SACKED, BARE, { ack: 2049 }, { ack: 2049 }, { ack: 2049, payload: SACK }, { ack: 2049 }, ALL],
  ],
])('duplicate acknowledgements, %s: we do what the rules say', async (_what, packets) => {
  const { input, out } = recordedDuplicates(packets);
  const verdict = await judge('duplicate_acks', input, out);
  expect(verdict, JSON.stringify(verdict)).toMatchObject({ kind: 'deviates', rules: expect.arrayContaining([MIXED]) });
});

const BEYOND = 'an acknowledgement of what was never sent is ignored';
const FAR: Acknowledgement = { ack: 9_193 };
test.each([
  ['alone', [FAR]],
  ['far beyond', [{ ack: 1_000_000 }, ALL]],
  ['after a part', [{ ack: 1025 }, FAR, { ack: 2049 }]],
  ['then all of it', [FAR, ALL]],
  ['between duplicates', [BARE, FAR, BARE, FAR, BARE, BARE]],
  ['with blocks', [{ ack: 9_193, payload: SACK }, ALL]],
  ['after everything', [ALL, { ack: 9_217 }]],
])('an acknowledgement of what was never sent, %s, is ignored', async (_what, packets) => {
  const { input, out } = recordedDuplicates(packets);
  const verdict = await judge('duplicate_acks', input, out);
  expect(verdict, JSON.stringify(verdict)).toMatchObject({ kind: 'deviates', rules: expect.arrayContaining([BEYOND]) });
});

type Operation =
  | { readonly op: 'ack' | 'ack_data'; readonly ack: number }
  | { readonly op: 'sack'; readonly blocks: readonly [number, number][] };

/** As v1.9 keeps its windows: as above, with marks, until an acknowledgement advances. */
function recordedWindows(segments: number, operations: readonly Operation[]): { input: Fields; out: Fields } {
  const mss = 1024;
  let [cong_win, ssthresh, last_ack, dup_acks] = [10_240, 524_288, 1, 0];
  let sent: number[] = [];
  let sacked: number[] = [];
  const state = (retransmitted_seqs: string[]) => ({
    ...{
      bytes_in_flight: sent.length * mss,
      cong_win,
      dup_acks,
      effective_window: cong_win,
      in_recovery: false,
      last_ack,
    },
    ...{ recovery_point: 0, retransmitted_seqs, sacked_seqs: sacked, ssthresh, state: 'ESTABLISHED' },
    ...{ unacked_segments: sent.length, window_available: sent.length * mss < cong_win },
  });
  const steps = [state([])];
  sent = Array.from({ length: segments }, (_, index) => 1 + index * mss);
  steps.push(state([]));
  for (const operation of operations) {
    const again: string[] = [];
    if (operation.op === 'sack') {
      sacked = sent.filter((seq) => operation.blocks.some(([left, right]) => seq >= left && seq + mss <= right));
    } else if (operation.ack > last_ack) {
      const bytes = operation.ack - last_ack;
      cong_win += cong_win < ssthresh ? bytes : Math.max(1, Math.floor((mss * bytes) / cong_win));
      [last_ack, dup_acks, sacked] = [operation.ack, 0, []];
      sent = sent.filter((seq) => seq + mss > last_ack);
    } else if (operation.op === 'ack' && operation.ack === last_ack && sent.length > 0) {
      dup_acks += 1;
      if (dup_acks === 3) {
        ssthresh = Math.max(Math.floor(cong_win / 2), mss);
        cong_win = ssthresh + 3 * mss;
        const first = sent.find((seq) => !sacked.includes(seq));
        if (first !== undefined) again.push(`${first}+${mss}`);
      } else if (dup_acks > 3) cong_win += mss;
    }
    steps.push(state(again));
  }
  const start = { op: 'start', cong_win: 10_240, ssthresh: 524_288, peer_recv_win: 0, seq: 1 };
  return { input: { mss, ops: [start, { op: 'send_mss', segments }, ...operations] }, out: { steps } };
}

const repeat = (ack = 1): Operation => ({ op: 'ack', ack });
const report = (left: number, right: number): Operation => ({ op: 'sack', blocks: [[left, right]] });
const second = report(1_025, 2_049);
test.each<[string, number, readonly Operation[]]>([
  ['bare and selective ones in turn', 8, [repeat(), second, repeat(), second, repeat(), second, repeat()]],
  ['selective and bare ones in turn', 8, [second, repeat(), second, repeat(), second, repeat(), second]],
  ['bare ones after one with blocks', 8, [second, repeat(), repeat(), repeat(), repeat(), repeat(8_193)]],
  [
    'blocks that grow, with bare ones between',
    10,
    [second, repeat(), report(1_025, 3_073), repeat(), report(1_025, 4_097), repeat(10_241)],
  ],
  ['blocks in a full window', 10, [second, second]],
  [
    'in turn, a part, and in turn',
    10,
    [second, repeat(), repeat(3_073), report(4_097, 5_121), repeat(3_073), repeat(10_241)],
  ],
  ['bare ones, then blocks', 8, [repeat(), repeat(), repeat(), second, repeat(), second]],
])('the windows under %s: we do what the rules say', async (_what, segments, operations) => {
  const { input, out } = recordedWindows(segments, operations);
  const verdict = await judge('congestion', input, out);
  expect(verdict, JSON.stringify(verdict)).toMatchObject({ kind: 'deviates' });
});

test.each<[string, readonly Operation[]]>([
  ['alone', [repeat(9_000)]],
  ['and everything after it', [repeat(9_000), repeat(4_097)]],
  ['between parts', [repeat(1_025), repeat(1_000_000), repeat(2_049), repeat(4_097)]],
  ['with data', [{ op: 'ack_data', ack: 5_000 }, repeat(1_025)]],
  ['twice, between repeats', [repeat(), repeat(9_000), repeat(), repeat(9_000), repeat()]],
  ['when nothing is in flight', [repeat(4_097), repeat(4_098)]],
])('windows take no notice of an acknowledgement of what was never sent, %s', async (_what, operations) => {
  const { input, out } = recordedWindows(4, operations);
  const verdict = await judge('congestion', input, out);
  expect(verdict, JSON.stringify(verdict)).toMatchObject({ kind: 'deviates', rules: expect.arrayContaining([BEYOND]) });
});

const ENDS = { proto: 1, src: NINE, dst: SEVEN, sport: 40_000, dport: 4_000, window: 512, len: 0 };
const ANSWER = { proto: 1, src: SEVEN, dst: NINE, sport: 4_000, dport: 40_000, window: 512, len: 0 };
const toSeven = (flags: string, seq: number, ack: number, len = 0) => ({ ...ENDS, flags, seq, ack, len });
const fromSeven = (flags: string, seq: number, ack: number, window = 512) => ({ ...ANSWER, flags, seq, ack, window });
const SYN_STEP = [toSeven('SYN', 0, 0), 'SYN_RECV', [fromSeven('SYN+ACK', 0, 1)]] as const;
const OPEN_STEP = [toSeven('ACK', 1, 1), 'ESTABLISHED', []] as const;

test.each<[string, readonly (readonly [Fields, string, readonly Fields[]])[]]>([
  ['ends no opening', [SYN_STEP, [toSeven('ACK', 1, 77), 'ESTABLISHED', []], OPEN_STEP]],
  [
    'ends no opening, with data',
    [
      SYN_STEP,
      [toSeven('ACK', 1, 77, 5), 'ESTABLISHED', [fromSeven('ACK', 1, 6, 511)]],
      [toSeven('ACK', 1, 1, 5), 'ESTABLISHED', [fromSeven('ACK', 1, 6, 511)]],
    ],
  ],
  [
    'brings no data, so that the next has a hole before it',
    [
      SYN_STEP,
      OPEN_STEP,
      [toSeven('ACK', 1, 77, 5), 'ESTABLISHED', [fromSeven('ACK', 1, 6, 511)]],
      [toSeven('ACK', 6, 1, 5), 'ESTABLISHED', [fromSeven('ACK', 1, 11, 510)]],
      [toSeven('ACK', 1, 1, 5), 'ESTABLISHED', [fromSeven('ACK', 1, 11, 510)]],
    ],
  ],
  [
    'brings no end',
    [
      SYN_STEP,
      OPEN_STEP,
      [toSeven('ACK+FIN', 1, 77), 'TIME_WAIT', [fromSeven('ACK+FIN', 1, 2, 0)]],
      [toSeven('ACK', 1, 1), 'TIME_WAIT', []],
      [toSeven('FIN', 1, 0), 'TIME_WAIT', [fromSeven('ACK', 1, 2)]],
    ],
  ],
])('a packet that acknowledges what was never sent %s', async (_what, played) => {
  const input = {
    ...{ listening_ports: [4_000], node: 7, peer: 9, node_is_public: true, wait_ms_after_each: 80 },
    packets_from_peer: played.map(([packet]) => packet),
  };
  const out = { steps: played.map(([, conn_state, sent_by_node_7]) => ({ conn_state, sent_by_node_7 })) };
  const verdict = await judge('packet_exchange', input, out);
  expect(verdict, JSON.stringify(verdict)).toMatchObject({ kind: 'deviates', rules: expect.arrayContaining([BEYOND]) });
});

test.each([600, 5_000])('a SYN|ACK of another SYN opens nothing, seen for %i ms', async (observe_ms) => {
  const packets = opening(512).map((packet) => (packet.flags === 'SYN+ACK' ? { ...packet, ack: 778 } : packet));
  const verdict = await judge('dial_and_close', { observe_ms }, { dial_result: 'connected', packets });
  expect(verdict, JSON.stringify(verdict)).toMatchObject({ kind: 'deviates' });
});

test.each([900, 8_000])(
  'data stays unacknowledged when something beyond it is acknowledged, seen for %i ms',
  async (observe_ms) => {
    const packets = [
      ...opening(512),
      lifePacket(10, 7, 'ACK', { seq: 1, ack: 5001, len: 2 }),
      lifePacket(11, 9, 'ACK', { seq: 5001, ack: 900 }),
      lifePacket(160, 7, 'FIN', { seq: 3, window: 0 }),
      lifePacket(160, 9, 'ACK+FIN', { seq: 5001, ack: 4, window: 0 }),
      lifePacket(160, 7, 'ACK', { seq: 4, ack: 5002 }),
    ];
    const verdict = await judge('dial_and_close', { observe_ms }, { dial_result: 'connected', packets });
    expect(verdict, JSON.stringify(verdict)).toMatchObject({ kind: 'deviates', rules: [BEYOND] });
  },
);
