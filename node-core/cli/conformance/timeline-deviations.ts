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
const PROBE_TIMES_MS = [500, 1_500, 3_500, 7_500, 15_500, 31_500, 61_500];
const EMPTY_PROBES = 2;

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
  ...perLife('the timeout doubles each time it expires', (life, recording) => {
    const index = unanswered(life, ({ len }) => len > 0);
    const segment = life.packets[index];
    if (segment === undefined) return undefined;
    const start = recording.sentAt[index] ?? 0;
    const reset = { ...segment, flags: 'RST', seq: 0, ack: 0, window: 0, len: 0 };
    const repeats = repeated(segment, seen(REPEAT_TIMES_MS, start, recording));
    const end = repeated(reset, seen([GIVE_UP_MS], start, recording));
    return { ...life, packets: [...life.packets.slice(0, index + 1), ...repeats, ...end] };
  }),
  ...perLife('a FIN is sent four times, then the stream is over without RST', (life, recording) => {
    const index = unanswered(life, ({ flags }) => flags === 'FIN');
    const fin = life.packets[index];
    if (fin === undefined) return undefined;
    const start = recording.sentAt[index] ?? 0;
    const states = ['FIN_WAIT', 'TIME_WAIT', 'CLOSED'];
    const final_state = states[seen([FIN_GIVE_UP_MS, FIN_GIVE_UP_MS + TIME_WAIT_MS], start, recording)];
    const packets = [...life.packets.slice(0, index), ...repeated(fin, seen(FIN_TIMES_MS, start, recording))];
    return { ...life, ...('final_state' in life ? { final_state } : {}), packets };
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
    const index = life.packets.findIndex(({ from, flags, window }) => from === 9 && flags === 'ACK' && window === 0);
    const closing = life.packets[index];
    if (closing === undefined || !life.packets.slice(index).some(({ from, len }) => from === 7 && len > 0))
      return undefined;
    const probe = { from: 7, flags: 'ACK', seq: closing.ack, ack: closing.seq, window: 512, len: 0 };
    const segment = life.packets.slice(index).find(({ from, len }) => from === 7 && len > 0)?.len ?? 0;
    const count = seen(PROBE_TIMES_MS, recording.sentAt[index] ?? 0, recording);
    const probes = repeated(probe, count).map((each, sent) => (sent < EMPTY_PROBES ? each : { ...each, len: segment }));
    return { ...life, packets: [...life.packets.slice(0, index + 1), ...probes] };
  }),
];
