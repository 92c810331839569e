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
      const before: { packet: PacketRecord; step: ExchangeStep }[] = [];
      for (const [index, packet] of packets.entries()) {
        const step = steps[index] as ExchangeStep;
        before.push({ packet, step: expect({ packet, step, before: [...before] }) ?? step });
      }
      return { steps: before.map((each) => each.step) };
    },
  };
}

function samePorts(a: PacketRecord, b: PacketRecord): boolean {
  return a.sport === b.sport && a.dport === b.dport && a.src === b.src;
}

function has(packet: PacketRecord, flag: string): boolean {
  return packet.flags.split('+').includes(flag);
}

function isSyn(packet: PacketRecord): boolean {
  return has(packet, 'SYN') && !has(packet, 'ACK');
}

/** What stood between these ports before the packet came. */
function stateBefore({ packet, before }: Moment): string {
  const opened = before.some((each) => samePorts(each.packet, packet) && has(each.packet, 'SYN'));
  return opened ? (before.at(-1)?.step.conn_state ?? '') : '';
}

function isStray(moment: Moment): boolean {
  const { packet } = moment;
  return packet.proto === 1 && stateBefore(moment) === '' && !isSyn(packet) && !has(packet, 'RST');
}

function reset({ sport, dport, src, dst }: PacketRecord): Partial<PacketRecord> {
  const swapped = { sport: dport, dport: sport, src: dst, dst: src };
  return { flags: 'RST', proto: 1, seq: 0, ack: 0, window: 0, len: 0, ...swapped };
}

/** Whether a rule over single packets has spoken of an earlier packet of the same stream. */
function spokeBefore({ packet, before }: Moment, applies: (moment: Moment) => boolean): boolean {
  return before.some((each, index) => {
    return samePorts(each.packet, packet) && applies({ ...each, before: before.slice(0, index) });
  });
}

/** The sequence that continues what the peer has sent in order. */
function nextInOrder(packets: readonly PacketRecord[]): number | undefined {
  let next: number | undefined;
  const waiting = new Map<number, number>();
  for (const packet of packets) {
    if (isSyn(packet)) next = packet.seq + 1;
    else if (packet.len > 0) waiting.set(packet.seq, packet.len);
    for (let len = next && waiting.get(next); next !== undefined && len; len = waiting.get(next)) {
      waiting.delete(next);
      next += len;
    }
  }
  return next;
}

/** A FIN of an open stream whose sequence lies beyond what has come in order. */
function isEarlyFin(moment: Moment): boolean {
  const { packet, before } = moment;
  const next = nextInOrder(before.map((each) => each.packet).filter((each) => samePorts(each, packet)));
  return has(packet, 'FIN') && stateBefore(moment) !== '' && next !== undefined && packet.seq > next;
}

/** An acknowledgement, alone or with something else, of more than node 7 has sent on this stream: a SYN|ACK, perhaps a FIN. */
function isBeyond(moment: Moment): boolean {
  const { packet, before } = moment;
  const sentFin = before.some((each) => each.step.sent_by_node_7.some(({ flags }) => flags?.includes('FIN')));
  const isAcknowledgement = has(packet, 'ACK') && !has(packet, 'SYN') && packet.flags !== 'ACK+RST';
  const beyond = isAcknowledgement && packet.ack > (sentFin ? 2 : 1) && packet.ack < 2 ** 31;
  return packet.proto === 1 && stateBefore(moment) !== '' && beyond;
}

function isLateData(moment: Moment): boolean {
  return stateBefore(moment) === 'TIME_WAIT' && moment.packet.len > 0 && !/SYN|FIN|RST/.test(moment.packet.flags);
}

export const exchangeDeviations: readonly Deviation[] = [
  perPacket('an empty control packet to port 0 is a keepalive, and gets no answer', ({ packet, step }) =>
    packet.proto === 3 && packet.dport === 0 && packet.len === 0 ? { ...step, sent_by_node_7: [] } : undefined,
  ),
  perPacket('an answer to a ping is not answered, nor a ping to another node', ({ packet, step }) => {
    const forOther = !packet.dst.endsWith('0000.0007') && !packet.dst.endsWith('0000.0000');
    const answerless = packet.proto === 3 && packet.dport === 0 && (has(packet, 'ACK') || forOther);
    return answerless ? { ...step, sent_by_node_7: [] } : undefined;
  }),
  perPacket('a SYN with FIN or RST opens nothing', ({ packet, step, before }) => {
    const opens = (each: PacketRecord) => isSyn(each) && (has(each, 'FIN') || has(each, 'RST'));
    const began = opens(packet) || before.some((each) => opens(each.packet));
    if (!began) return undefined;
    return { ...step, conn_state: '', sent_by_node_7: packet.flags === 'SYN+FIN' ? [reset(packet)] : [] };
  }),
  perPacket('a SYN with another sequence is a new stream', (moment) => {
    const { packet, before, step } = moment;
    const first = before.find((each) => samePorts(each.packet, packet) && isSyn(each.packet));
    const [answer] = step.sent_by_node_7;
    const isNew = isSyn(packet) && first !== undefined && first.packet.seq !== packet.seq && answer !== undefined;
    if (!isNew || stateBefore(moment) === '') return undefined;
    return {
      ...step,
      conn_state: 'SYN_RECV',
      sent_by_node_7: [{ ...answer, seq: 0, ack: packet.seq + 1, window: 512 }],
    };
  }),
  perPacket('an acknowledgement of what was never sent is ignored', (moment) => {
    const { packet, before, step } = moment;
    if (isBeyond(moment)) return { ...step, conn_state: stateBefore(moment), sent_by_node_7: [] };
    const taken = before.filter((each, index) => !isBeyond({ ...each, before: before.slice(0, index) }));
    const missesEnd = before.some((each) => has(each.packet, 'FIN') && !taken.includes(each));
    if (missesEnd && packet.flags === 'ACK' && packet.len === 0) return { ...step, conn_state: stateBefore(moment) };
    if (missesEnd && packet.flags === 'FIN' && !taken.some((each) => has(each.packet, 'FIN'))) {
      return {
        ...step,
        conn_state: 'TIME_WAIT',
        sent_by_node_7: [{ flags: 'ACK+FIN', ack: packet.seq + 1, window: 0 }],
      };
    }
    const missesData = before.some((each) => each.packet.len > 0 && !taken.includes(each));
    if (!missesData || packet.len === 0) return undefined;
    const ack = nextInOrder([...taken.map((each) => each.packet), packet].filter((each) => samePorts(each, packet)));
    return { ...step, sent_by_node_7: step.sent_by_node_7.map(() => ({ flags: 'ACK', ...(ack ? { ack } : {}) })) };
  }),
  perPacket('a packet of no stream gets one RST', (moment) => {
    if (!isStray(moment) || spokeBefore(moment, isStray)) return undefined;
    return { ...moment.step, sent_by_node_7: [reset(moment.packet)] };
  }),
  perPacket('data after the end gets one RST', (moment) => {
    if (!isLateData(moment) || spokeBefore(moment, isLateData)) return undefined;
    return { ...moment.step, sent_by_node_7: [reset(moment.packet)] };
  }),
  perPacket('a FIN that overtook data is held until that has come', (moment) => {
    const { packet, before, step } = moment;
    if (isEarlyFin(moment)) {
      const ack = nextInOrder(before.map((each) => each.packet).filter((each) => samePorts(each, packet)));
      return {
        ...step,
        conn_state: 'ESTABLISHED',
        sent_by_node_7: [{ flags: 'ACK', ...(ack === undefined ? {} : { ack }) }],
      };
    }
    const held = before.find((each, index) => isEarlyFin({ ...each, before: before.slice(0, index) }));
    if (held === undefined || packet.len === 0) return undefined;
    const next = nextInOrder([...before.map((each) => each.packet), packet]);
    if (next !== held.packet.seq) return { ...step, conn_state: 'ESTABLISHED' };
    return { ...step, conn_state: 'TIME_WAIT', sent_by_node_7: [{ flags: 'ACK+FIN', ack: next + 1, window: 0 }] };
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
