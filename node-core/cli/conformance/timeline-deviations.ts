import type { Deviation } from './deviation.ts';
import type { Fields } from './vector-file.ts';

interface LifePacket {
  readonly from: number;
  readonly flags: string;
  readonly seq: number;
  readonly ack: number;
  readonly window: number;
  readonly len: number;
}

interface Life extends Fields {
  readonly packets: readonly LifePacket[];
}

const SYN_TIMES_MS = [0, 250, 750, 1_750, 2_250, 3_250, 5_250, 9_250];
const DIAL_TIMEOUT_MS = 17_250;
/** Of a segment without an RTT sample, after its first transmission; then the stream is reset. */
const REPEAT_TIMES_MS = [1_000, 3_000, 7_000, 15_000, 25_000, 35_000, 45_000];
const GIVE_UP_MS = 55_000;
const FIN_TIMES_MS = [0, 1_000, 3_000, 7_000];
const FIN_GIVE_UP_MS = 15_000;
const TIME_WAIT_MS = 10_000;
/** What goes into a closed window, after data first waited for it; an idle stream says something each 25 s beside it. */
const PROBES: readonly [atMs: number, kind: 'empty' | 'segment' | 'old byte'][] = [
  [500, 'empty'],
  [1_500, 'empty'],
  ...[3_500, 7_500, 15_500, 31_500].map((at): [number, 'segment'] => [at, 'segment']),
  [56_500, 'old byte'],
  [61_500, 'segment'],
  [86_500, 'old byte'],
  [91_500, 'segment'],
];

interface Recording {
  readonly observeMs: number;
  /** When each packet of the recording was sent. */
  readonly sentAt: readonly number[];
}

/** The same rule over both sections of recorded lives; undefined where it has nothing to say. */
function perLife(rule: string, expect: (life: Life, recording: Recording) => Life | undefined): Deviation[] {
  return ['dial_and_close', 'give_up_timelines'].map((section) => ({
    section,
    rule,
    expect(input, expected, out) {
      const sentAt = (out.packets as readonly { readonly t_ms: number }[]).map((packet) => packet.t_ms);
      return expect(expected as Life, { observeMs: Number(input.observe_ms), sentAt }) ?? expected;
    },
  }));
}

/** How many of these moments, counted from `start`, fall into the time that was watched. */
function seen(moments: readonly number[], start: number, { observeMs }: Recording): number {
  return moments.filter((moment) => start + moment <= observeMs).length;
}

function repeated(packet: LifePacket, count: number): LifePacket[] {
  return new Array<LifePacket>(count).fill(packet);
}

/** The first packet of node 7's of which nothing but repeats follows, and that was repeated. */
function unanswered(life: Life, isIt: (packet: LifePacket) => boolean): number {
  const index = life.packets.findIndex((packet) => packet.from === 7 && isIt(packet));
  const following = life.packets.slice(index + 1);
  const known = life.packets[index];
  const onlyRepeats = following.every(
    (packet) => packet.from === 7 && (packet.seq === known?.seq || packet.flags === 'RST'),
  );
  return onlyRepeats && following.length > 0 ? index : -1;
}

/** The oldest segment of a flight of which nothing comes back, and where its first repeat stands. */
function unansweredFlight({ packets }: Life): { segment: LifePacket; firstRepeat: number } | undefined {
  const first = packets.findIndex(({ from, len }) => from === 7 && len > 0);
  const segment = packets[first];
  const following = packets.slice(first + 1);
  if (segment === undefined || following.some(({ from }) => from !== 7)) return undefined;
  const repeat = following.findIndex(({ seq }) => seq === segment.seq);
  const rest = following.slice(repeat);
  if (repeat < 0 || !rest.every(({ seq, flags }) => seq === segment.seq || flags === 'RST')) return undefined;
  return { segment, firstRepeat: first + 1 + repeat };
}

/** The life with another last state, where its section has one. */
function inState(final_state: string | undefined, life: Life): Life {
  return 'final_state' in life ? { ...life, final_state } : life;
}

export const timelineDeviations: readonly Deviation[] = [
  ...perLife('a SYN is repeated as 1.18 does', (life, recording) => {
    const [syn] = life.packets;
    const answer = life.packets.findIndex(({ flags }) => flags !== 'SYN');
    if (syn === undefined || answer === 0) return undefined;
    const observeMs = answer < 0 ? recording.observeMs : (recording.sentAt[answer] ?? 0);
    const opening = repeated(syn, seen(SYN_TIMES_MS, 0, { ...recording, observeMs }));
    if (answer > 0) return { ...life, packets: [...opening, ...life.packets.slice(answer)] };
    return { ...life, dial_result: observeMs >= DIAL_TIMEOUT_MS ? 'timeout' : 'dialing', packets: opening };
  }),
  ...perLife('a SYN|ACK of another SYN gets RST, and the dial goes on', (life, recording) => {
    const index = life.packets.findIndex(({ flags }) => flags === 'SYN+ACK');
    const answer = life.packets[index];
    const [syn] = life.packets;
    if (syn === undefined || answer === undefined || answer.ack === syn.seq + 1) return undefined;
    const reset = { ...syn, flags: 'RST', seq: 0, ack: 0, window: 0 };
    const more = seen(SYN_TIMES_MS, 0, recording) - index;
    const packets = [...life.packets.slice(0, index + 1), reset, ...repeated(syn, more)];
    return { ...life, dial_result: recording.observeMs >= DIAL_TIMEOUT_MS ? 'timeout' : 'dialing', packets };
  }),
  ...perLife('an acknowledgement of what was never sent is ignored', (life, recording) => {
    const index = life.packets.findIndex((packet, at) => {
      const sent = life.packets.slice(0, at).filter(({ from }) => from === 7);
      const end = Math.max(...sent.map(({ seq, len, flags }) => seq + len + (/SYN|FIN/.test(flags) ? 1 : 0)));
      return packet.from === 9 && packet.flags === 'ACK' && packet.ack > end;
    });
    const before = life.packets.slice(0, index);
    const acknowledged = Math.max(1, ...before.filter(({ from }) => from === 9).map(({ ack }) => ack));
    const segment = before.find(({ from, seq, len }) => from === 7 && len > 0 && seq + len > acknowledged);
    if (index < 0 || segment === undefined) return undefined;
    const start = recording.sentAt[life.packets.indexOf(segment)] ?? 0;
    const repeats = repeated(segment, seen(REPEAT_TIMES_MS, start, recording));
    return inState('ESTABLISHED', { ...life, packets: [...life.packets.slice(0, index + 1), ...repeats] });
  }),
  ...perLife('the timeout doubles each time it expires', (life, recording) => {
    const flight = unansweredFlight(life);
    if (flight === undefined) return undefined;
    const { segment, firstRepeat } = flight;
    const start = recording.sentAt[life.packets.indexOf(segment)] ?? 0;
    const reset = { ...segment, flags: 'RST', seq: 0, ack: 0, window: 0, len: 0 };
    const repeats = repeated(segment, seen(REPEAT_TIMES_MS, start, recording));
    const end = repeated(reset, seen([GIVE_UP_MS], start, recording));
    const packets = [...life.packets.slice(0, firstRepeat), ...repeats, ...end];
    return inState(end.length > 0 ? 'CLOSED' : 'ESTABLISHED', { ...life, packets });
  }),
  ...perLife('a FIN is sent four times, then the stream is over without RST', (life, recording) => {
    const index = unanswered(life, ({ flags }) => flags === 'FIN');
    const fin = life.packets[index];
    if (fin === undefined) return undefined;
    const start = recording.sentAt[index] ?? 0;
    const states = ['FIN_WAIT', 'TIME_WAIT', 'CLOSED'];
    const final_state = states[seen([FIN_GIVE_UP_MS, FIN_GIVE_UP_MS + TIME_WAIT_MS], start, recording)];
    const packets = [...life.packets.slice(0, index), ...repeated(fin, seen(FIN_TIMES_MS, start, recording))];
    return inState(final_state, { ...life, packets });
  }),
  ...perLife('a repeated SYN|ACK is acknowledged again', (life) => {
    const first = life.packets.findIndex(({ flags }) => flags === 'SYN+ACK');
    const packets = life.packets.flatMap((packet, index) => {
      if (packet.flags !== 'SYN+ACK' || index === first) return [packet];
      const sent = life.packets.slice(0, index).filter(({ from }) => from === 7);
      const seq = Math.max(1, ...sent.map((each) => each.seq + each.len));
      return [packet, { from: 7, flags: 'ACK', seq, ack: packet.seq + 1, window: 512, len: 0 }];
    });
    return { ...life, packets };
  }),
  ...perLife('a FIN|ACK gets at most a plain ACK', (life) => {
    const answer = life.packets.findIndex(
      (packet, index) =>
        packet.from === 7 && packet.flags === 'ACK+FIN' && life.packets[index - 1]?.flags === 'ACK+FIN',
    );
    if (answer < 0) return undefined;
    const kept = life.packets.filter(({ flags }, index) => index < answer || flags !== 'ACK+FIN');
    // The recorded program says window 0 here, as in a FIN; ours says what there is.
    return { ...life, packets: kept.map((packet, index) => (index < answer ? packet : { ...packet, window: 512 })) };
  }),
  ...perLife('a window of 0 is a closed window; the third and later probes are one segment', (life, recording) => {
    const index = life.packets.findIndex(({ from, flags, window }) => from === 9 && /ACK$/.test(flags) && window === 0);
    const closing = life.packets[index];
    const wanted = life.packets.findIndex(({ from, len }, at) => at > index && from === 7 && len > 0);
    const data = life.packets[wanted];
    if (closing === undefined || data === undefined) return undefined;
    const opens = closing.flags !== 'ACK'; // the SYN|ACK said so, and its acknowledgement goes out all the same
    const probe = { from: 7, flags: 'ACK', seq: closing.ack, ack: closing.seq + (opens ? 1 : 0), window: 512, len: 0 };
    const sentBefore = life.packets.slice(0, index).some(({ from, seq, len }) => from === 7 && seq + len > closing.ack);
    const start = recording.sentAt[!opens && sentBefore ? index : wanted] ?? 0;
    const probes = PROBES.slice(
      0,
      seen(
        PROBES.map(([at]) => at),
        start,
        recording,
      ),
    ).map(([, kind]) => {
      if (kind === 'empty') return probe;
      return kind === 'segment' ? { ...probe, len: data.len } : { ...probe, seq: probe.seq - 1, len: 1 };
    });
    return inState('ESTABLISHED', { ...life, packets: [...life.packets.slice(0, index + (opens ? 2 : 1)), ...probes] });
  }),
];
