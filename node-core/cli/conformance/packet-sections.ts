import { z } from 'zod';
import { ByteWriter, fromHex } from '../../base/bytes.ts';
import { nativePrimitives } from '../../crypto/native-primitives.ts';
import { decodeAddress, encodeAddress } from '../../wire/address.ts';
import { crc32 } from '../../wire/crc32.ts';
import {
  decodePacket,
  EPHEMERAL_PORTS,
  encodePacket,
  FLAG,
  PACKET_HEADER_LENGTH,
  PACKET_VERSION,
  type Packet,
  PORT,
  PROTOCOL,
} from '../../wire/packet.ts';
import { TUNNEL_MAGIC } from '../../wire/tunnel-frame.ts';
import { hex, orRefused, type Section, section, uint, withoutError } from './section.ts';
import type { Fields } from './vector-file.ts';

const payloadRule = z.object({
  rule: z.literal('byte[i]=(i*mul+add)&0xff'),
  mul: uint,
  add: uint,
  len: uint,
});
const packetFields = z.object({
  version: uint,
  flags: uint,
  protocol: uint,
  src: hex,
  dst: hex,
  src_port: uint,
  dst_port: uint,
  seq: uint,
  ack: uint,
  window: uint,
  payload: hex.optional(),
  payload_gen: payloadRule.optional(),
});

export const packetSections: Readonly<Record<string, Section>> = {
  constants: section(z.object({}), constants),
  crc32: section(z.object({ bytes: hex }), ({ bytes }) => ({ crc32: uint32(crc32(fromHex(bytes))) })),
  encode: section(packetFields, encode, (out) => ({
    ...withoutError(out),
    ...(out.decode_back === undefined ? {} : { decode_back: withoutError(out.decode_back as Fields) }),
  })),
  decode: section(z.object({ bytes: hex }), ({ bytes }) => decode(fromHex(bytes)), withoutError),
};

/** A decoded packet, field by field as the vector files name them. */
export function describePacket(packet: Packet) {
  return {
    version: packet.version,
    flags: packet.flags,
    protocol: packet.protocol,
    src: encodeAddress(packet.source),
    dst: encodeAddress(packet.destination),
    src_port: packet.sourcePort,
    dst_port: packet.destinationPort,
    seq: packet.sequence,
    ack: packet.acknowledgement,
    window: packet.window,
    payload: packet.payload,
  };
}

export function uint32(value: number): Uint8Array {
  return new ByteWriter(4).uint32(value).bytes;
}

function encode(input: z.infer<typeof packetFields>): unknown {
  return orRefused(
    () => {
      const bytes = encodePacket(packetOf(input));
      return {
        ok: true,
        bytes,
        bytes_sha256: nativePrimitives.sha256(bytes),
        header: bytes.subarray(0, PACKET_HEADER_LENGTH),
        checksum: bytes.subarray(PACKET_HEADER_LENGTH - 4, PACKET_HEADER_LENGTH),
        len: bytes.length,
        decode_back: decodeBack(bytes),
      };
    },
    { ok: false },
  );
}

function decodeBack(bytes: Uint8Array): unknown {
  return orRefused(
    () => {
      const packet = decodePacket(bytes);
      return { ok: true, payload_len: packet.payload.length, ...describePacket(packet) };
    },
    { ok: false },
  );
}

function decode(bytes: Uint8Array): unknown {
  return orRefused(() => ({ accept: true, ...describePacket(decodePacket(bytes)) }), { accept: false });
}

function packetOf(input: z.infer<typeof packetFields>): Packet {
  return {
    version: input.version,
    flags: input.flags,
    protocol: input.protocol,
    source: decodeAddress(fromHex(input.src)),
    destination: decodeAddress(fromHex(input.dst)),
    sourcePort: input.src_port,
    destinationPort: input.dst_port,
    sequence: input.seq,
    acknowledgement: input.ack,
    window: input.window,
    payload: input.payload_gen === undefined ? fromHex(input.payload ?? '') : generate(input.payload_gen),
  };
}

function generate({ len, mul, add }: z.infer<typeof payloadRule>): Uint8Array {
  return Uint8Array.from({ length: len }, (_, index) => index * mul + add);
}

function constants(): unknown {
  return {
    version: PACKET_VERSION,
    header_size: PACKET_HEADER_LENGTH,
    flag_syn: FLAG.syn,
    flag_ack: FLAG.ack,
    flag_fin: FLAG.fin,
    flag_rst: FLAG.rst,
    proto_stream: PROTOCOL.stream,
    proto_datagram: PROTOCOL.datagram,
    proto_control: PROTOCOL.control,
    magic_plain: uint32(TUNNEL_MAGIC.plaintext),
    magic_secure: uint32(TUNNEL_MAGIC.sealed),
    magic_keyex: uint32(TUNNEL_MAGIC.keyRequest),
    magic_authex: uint32(TUNNEL_MAGIC.keyExchange),
    magic_punch: uint32(TUNNEL_MAGIC.punch),
    ephemeral_min: EPHEMERAL_PORTS.first,
    ephemeral_max: EPHEMERAL_PORTS.last,
    port_ping: PORT.ping,
    port_control: PORT.control,
    port_echo: PORT.echo,
    port_nameserver: PORT.nameserver,
    port_http: PORT.http,
    port_secure: PORT.secure,
    port_handshake: PORT.trustHandshake,
    port_stdio: PORT.stdio,
    port_data_exchange: PORT.dataExchange,
    port_event_stream: PORT.eventStream,
  };
}
