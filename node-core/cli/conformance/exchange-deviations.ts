import type { Deviation } from './deviation.ts';
import type { PacketRecord } from './stream-packet.ts';
import type { Fields } from './vector-file.ts';

interface ExchangeStep extends Fields {
  readonly conn_state: string;
  readonly sent_by_node_7: readonly Partial<PacketRecord>[];
}

interface Moment {
  readonly packet: PacketRecord;
  readonly step: ExchangeStep;
  /** The packets before this one, and what came of them. */
  readonly before: readonly { readonly packet: PacketRecord; readonly step: ExchangeStep }[];
}

/** A rule over each packet of the peer's and what came of it; undefined where it has nothing to say. */
function perPacket(rule: string, expect: (moment: Moment) => ExchangeStep | undefined): Deviation {
  return {
    section: 'packet_exchange',
    rule,
    expect(input, expected) {
      const packets = input.packets_from_peer as readonly PacketRecord[];
      const { steps } = expected as { readonly steps: readonly ExchangeStep[] };
      const played = packets.map((packet, index) => ({ packet, step: steps[index] as ExchangeStep }));
      return {
        steps: played.map((each, index) => expect({ ...each, before: played.slice(0, index) }) ?? each.step),
      };
    },
  };
}

function samePorts(a: PacketRecord, b: PacketRecord): boolean {
  return a.sport === b.sport && a.dport === b.dport && a.src === b.src;
}

function isStray({ packet, before }: Moment): boolean {
  const known = (before.at(-1)?.step.conn_state ?? '') !== '';
  return packet.proto === 1 && !known && !/SYN|RST/.test(packet.flags);
}

export const exchangeDeviations: readonly Deviation[] = [
  perPacket('an empty control packet to port 0 is a keepalive, and gets no answer', ({ packet, step }) =>
    packet.proto === 3 && packet.dport === 0 && packet.len === 0 ? { ...step, sent_by_node_7: [] } : undefined,
  ),
  perPacket('a packet of no stream gets one RST', (moment) => {
    const { packet, step, before } = moment;
    const answered = before.some((each, index) => {
      const earlier = { ...each, before: before.slice(0, index) };
      return samePorts(each.packet, packet) && isStray(earlier);
    });
    if (!isStray(moment) || answered) return undefined;
    const { sport, dport, src, dst } = packet;
    const swapped = { sport: dport, dport: sport, src: dst, dst: src };
    return { ...step, sent_by_node_7: [{ flags: 'RST', proto: 1, seq: 0, ack: 0, window: 0, len: 0, ...swapped }] };
  }),
  perPacket('each FIN without ACK is answered with FIN|ACK', ({ packet, step, before }) => {
    const answer = before.flatMap((each) => each.step.sent_by_node_7).find(({ flags }) => flags === 'ACK+FIN');
    const again = packet.flags === 'FIN' && step.conn_state === 'TIME_WAIT' && answer !== undefined;
    return again ? { ...step, sent_by_node_7: [answer] } : undefined;
  }),
  perPacket('a FIN|ACK gets a plain ACK, and our own FIN follows', ({ packet, step }) => {
    const [answer] = step.sent_by_node_7;
    if (packet.flags !== 'ACK+FIN' || answer?.flags !== 'ACK+FIN') return undefined;
    const fin = { ...answer, flags: 'FIN', ack: 0 };
    return { ...step, conn_state: 'FIN_WAIT', sent_by_node_7: [{ ...answer, flags: 'ACK', window: 512 }, fin] };
  }),
];
