import { z } from 'zod';
import { fromHex, toHex } from '../../base/bytes.ts';
import { type Address, formatAddress, parseAddress } from '../../wire/address.ts';
import { FLAG, hasFlag, type Packet } from '../../wire/packet.ts';
import { uint } from './section.ts';

const FLAG_NAMES = [
  ['SYN', FLAG.syn],
  ['ACK', FLAG.ack],
  ['FIN', FLAG.fin],
  ['RST', FLAG.rst],
] as const;

/** An inner packet as the vectors write it; a payload that is not given is so many zeros. */
export const packetRecord = z.object({
  flags: z.string(),
  proto: uint,
  src: z.string(),
  dst: z.string(),
  sport: uint,
  dport: uint,
  seq: uint,
  ack: uint,
  window: uint,
  len: uint,
  payload: z.string().optional(),
});
export type PacketRecord = z.infer<typeof packetRecord>;

export function packetOf(record: PacketRecord): Packet {
  return {
    flags: FLAG_NAMES.reduce((sum, [name, flag]) => sum + (record.flags.split('+').includes(name) ? flag : 0), 0),
    protocol: record.proto,
    source: parseAddress(record.src),
    destination: parseAddress(record.dst),
    sourcePort: record.sport,
    destinationPort: record.dport,
    sequence: record.seq,
    acknowledgement: record.ack,
    window: record.window,
    payload: record.payload === undefined ? new Uint8Array(record.len) : fromHex(record.payload),
  };
}

export function recordOf(packet: Packet): PacketRecord {
  return {
    flags: FLAG_NAMES.flatMap(([name, flag]) => (hasFlag(packet, flag) ? [name] : [])).join('+'),
    proto: packet.protocol,
    src: formatAddress(packet.source),
    dst: formatAddress(packet.destination),
    sport: packet.sourcePort,
    dport: packet.destinationPort,
    seq: packet.sequence,
    ack: packet.acknowledgement,
    window: packet.window,
    len: packet.payload.length,
    payload: toHex(packet.payload),
  };
}

export const NODE_7: Address = { network: 0, node: 7 };
export const NODE_9: Address = { network: 0, node: 9 };
