import { z } from 'zod';
import { type Section, section, uint } from './section.ts';
import { StreamBench } from './stream-bench.ts';
import { type PacketRecord, packetOf, packetRecord, recordOf } from './stream-packet.ts';
import type { Fields } from './vector-file.ts';

const timedPacket = packetRecord.extend({ t_ms: z.number(), from: z.union([z.literal(7), z.literal(9)]) });
type TimedPacket = z.infer<typeof timedPacket>;

const observation = z.object({ observe_ms: uint });
const PEER = 9;

/**
 * Whole lives of a stream. The script is in the recording: what the peer sent and when, and from node 7's first data and
 * first FIN when its application wrote and closed. A packet of the peer's is only played when what it answers was sent.
 */
export const timelineSections: Readonly<Record<string, Section>> = {
  dial_and_close: section(
    observation,
    (input, out) => {
      const life = replay(recorded(out), input.observe_ms);
      return { dial_result: life.dialled, packets: life.packets };
    },
    (out) => ({ dial_result: dialResult(String(out.dial_result)), packets: comparablePackets(recorded(out)) }),
  ),
  give_up_timelines: section(
    observation,
    (input, out) => {
      const life = replay(recorded(out), input.observe_ms);
      return { dial_result: life.dialled, final_state: life.finalState, packets: life.packets };
    },
    (out) => ({
      dial_result: dialResult(String((out.dial as Fields).result)),
      final_state: out.final_state === '' ? 'CLOSED' : out.final_state,
      packets: comparablePackets(recorded(out)),
    }),
  ),
};

function recorded(out: Fields): TimedPacket[] {
  return z.array(timedPacket).parse(out.packets);
}

function replay(script: readonly TimedPacket[], observeMs: number) {
  const packets: ReturnType<typeof comparable>[] = [];
  const bench: StreamBench = new StreamBench({}, (packet) => packets.push(comparable(recordOf(packet), 7)));
  let nextByte = 1;
  let closed = false;
  let answered: PacketRecord | undefined;
  for (const packet of script) {
    bench.advanceTo(Math.floor(packet.t_ms));
    if (packet.from === PEER) {
      const question = answered;
      if (question !== undefined && !packets.some((sent) => isSame(sent, question))) continue;
      packets.push(comparable(packet, PEER));
      bench.receive(packetOf(packet));
      continue;
    }
    answered = packet;
    if (packet.len > 0 && packet.seq >= nextByte) {
      nextByte = packet.seq + packet.len;
      bench.write(packetOf(packet).payload);
    }
    if (packet.flags === 'FIN' && !closed) {
      closed = true;
      bench.close();
    }
  }
  bench.advanceTo(observeMs);
  return { packets, dialled: bench.outcome, finalState: stateOf(bench) };
}

function comparable(packet: PacketRecord, from: number) {
  const { flags, seq, ack, window, len } = packet;
  return { from, flags, seq, ack, window, len };
}

/** The ACK that completes a dial has sequence 0 or 1: the recorded program raced with itself. */
function comparablePackets(packets: readonly TimedPacket[]) {
  return packets.map((packet, index) => {
    const completes = packets[index - 1]?.flags === 'SYN+ACK' && packet.flags === 'ACK' && packet.len === 0;
    return comparable(completes ? { ...packet, seq: 1 } : packet, packet.from);
  });
}

function isSame(sent: ReturnType<typeof comparable>, recordedPacket: PacketRecord): boolean {
  const { from, flags, seq, len } = sent;
  const completes = flags === 'ACK' && recordedPacket.flags === 'ACK' && len === 0 && recordedPacket.len === 0;
  if (from === PEER) return false;
  return completes || (flags === recordedPacket.flags && seq === recordedPacket.seq && len === recordedPacket.len);
}

function dialResult(text: string): string {
  if (text.startsWith('error')) return text.includes('refused') ? 'refused' : 'timeout';
  return text === 'connected' ? text : 'dialing';
}

function stateOf(bench: StreamBench): string {
  const { phase } = bench.connection.state;
  return phase.toUpperCase().replace('-', '_');
}
