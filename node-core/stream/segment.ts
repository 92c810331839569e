import { FLAG, hasFlag, type Packet } from '../wire/packet.ts';
import { decodeSack, type SackBlock } from '../wire/sack.ts';
import { sequenceAdd } from '../wire/sequence.ts';
import type { PeerFin } from './receiver.ts';

/** What a packet of an opened stream carries beside its numbers. */
export interface Segment {
  readonly acknowledges: boolean;
  /** Selective acknowledgement; it takes the place of data. */
  readonly blocks: SackBlock[] | undefined;
  /** Undefined when there is none. */
  readonly data: Uint8Array | undefined;
  /** After the data, if there is both. */
  readonly fin: PeerFin | undefined;
}

export function readSegment(packet: Packet): Segment {
  const acknowledges = hasFlag(packet, FLAG.ack);
  const blocks = packet.payload.length > 0 ? decodeSack(packet.payload) : undefined;
  const data = packet.payload.length > 0 && blocks === undefined ? packet.payload : undefined;
  const sequence = sequenceAdd(packet.sequence, data?.length ?? 0);
  return {
    acknowledges,
    blocks,
    data,
    fin: hasFlag(packet, FLAG.fin) ? { sequence, withAck: acknowledges } : undefined,
  };
}
