import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { PilotError } from '../base/errors.ts';
import { ADDRESS_LENGTH, type Address, decodeAddress } from './address.ts';
import { crc32 } from './crc32.ts';

export const PACKET_VERSION = 1;
export const PACKET_HEADER_LENGTH = 34;
export const MAX_PACKET_PAYLOAD = 65_535;

/** The four flags of the header's low nibble. */
export const FLAG = { syn: 1, ack: 2, fin: 4, rst: 8 } as const;
export const PROTOCOL = { stream: 1, datagram: 2, control: 3 } as const;
/** Virtual ports with a meaning of their own. */
export const PORT = {
  ping: 0,
  control: 1,
  echo: 7,
  nameserver: 53,
  http: 80,
  secure: 443,
  trustHandshake: 444,
  stdio: 1000,
  dataExchange: 1001,
  eventStream: 1002,
  /** OTLP/HTTP over the overlay; ours, by the port OpenTelemetry uses. */
  telemetry: 4318,
} as const;
export const EPHEMERAL_PORTS = { first: 49_152, last: 65_535 } as const;

/** What a tunnel carries: one segment of a stream, one datagram, or one control message. */
export interface Packet {
  /** Written as given, 4 bits; only 1 can be decoded. */
  readonly version?: number;
  /** Sum of `FLAG`s. */
  readonly flags: number;
  /** One of `PROTOCOL`; the codec lets any byte pass, receivers drop what they do not know. */
  readonly protocol: number;
  readonly source: Address;
  readonly destination: Address;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  /** Free receive buffer in segments, not in bytes. */
  readonly window: number;
  readonly payload: Uint8Array;
}

const CHECKSUM_OFFSET = 30;
const NO_CHECKSUM = new Uint8Array(4);

/**
 * Encodes a packet: version and flags 1 | protocol 1 | payload length uint16 | source 6 | destination 6 | source port
 * uint16 | destination port uint16 | sequence uint32 | acknowledgement uint32 | window uint16 | CRC-32 4 | payload.
 *
 * @throws PilotError `frame.oversize` above 65,535 bytes of payload.
 * @see PROTOCOL.md, "Packet"
 */
export function encodePacket(packet: Packet): Uint8Array {
  const { payload, source, destination } = packet;
  if (payload.length > MAX_PACKET_PAYLOAD) {
    throw new PilotError('frame.oversize', 'the payload does not fit a packet', { length: payload.length });
  }
  const writer = new ByteWriter(PACKET_HEADER_LENGTH + payload.length)
    .uint8((((packet.version ?? PACKET_VERSION) & 0xf) << 4) | (packet.flags & 0xf))
    .uint8(packet.protocol)
    .uint16(payload.length)
    .uint16(source.network)
    .uint32(source.node)
    .uint16(destination.network)
    .uint32(destination.node)
    .uint16(packet.sourcePort)
    .uint16(packet.destinationPort)
    .uint32(packet.sequence)
    .uint32(packet.acknowledgement)
    .uint16(packet.window)
    .uint32(0)
    .copy(payload);
  new DataView(writer.bytes.buffer).setUint32(CHECKSUM_OFFSET, crc32(writer.bytes));
  return writer.bytes;
}

/**
 * Decodes a packet. Bytes after the declared payload are ignored and not covered by the checksum.
 *
 * @param bytes - The opened content of a tunnel frame. The decoded `payload` is a view into it, not a copy.
 * @throws PilotError `frame.truncated`, `frame.checksum`, `frame.version`, looked for in this order.
 * @see PROTOCOL.md, "Packet"
 */
export function decodePacket(bytes: Uint8Array): Packet {
  const reader = new ByteReader(bytes, 'packet');
  if (bytes.length < PACKET_HEADER_LENGTH) reader.view(PACKET_HEADER_LENGTH);
  const versionAndFlags = reader.uint8();
  const protocol = reader.uint8();
  const payloadLength = reader.uint16();
  const source = decodeAddress(reader.view(ADDRESS_LENGTH));
  const destination = decodeAddress(reader.view(ADDRESS_LENGTH));
  const sourcePort = reader.uint16();
  const destinationPort = reader.uint16();
  const sequence = reader.uint32();
  const acknowledgement = reader.uint32();
  const window = reader.uint16();
  const checksum = reader.uint32();
  const payload = reader.view(payloadLength);
  if (packetChecksum(bytes, payload) !== checksum) throw new PilotError('frame.checksum', 'packet checksum mismatch');
  const version = versionAndFlags >> 4;
  if (version !== PACKET_VERSION) {
    throw new PilotError('frame.version', `packet version ${version}, expected ${PACKET_VERSION}`, { version });
  }
  const flags = versionAndFlags & 0xf;
  return {
    version,
    flags,
    protocol,
    source,
    destination,
    sourcePort,
    destinationPort,
    sequence,
    acknowledgement,
    window,
    payload,
  };
}

export function hasFlag(packet: Pick<Packet, 'flags'>, flag: number): boolean {
  return (packet.flags & flag) !== 0;
}

/** The checksum over header and payload, with its own field read as zero. */
function packetChecksum(bytes: Uint8Array, payload: Uint8Array): number {
  const head = crc32(NO_CHECKSUM, crc32(bytes.subarray(0, CHECKSUM_OFFSET)));
  return crc32(payload, head);
}
