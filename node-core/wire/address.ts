import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { PilotError } from '../base/errors.ts';

/** A 48-bit overlay address. The node id alone is the identity; the network says in which group it is spoken to. */
export interface Address {
  /** uint16; 0 is the backbone. */
  readonly network: number;
  /** uint32; 0 is never assigned. */
  readonly node: number;
}

/** An address and a virtual port. */
export interface SocketAddress {
  readonly address: Address;
  readonly port: number;
}

export const ADDRESS_LENGTH = 6;
/** The node part that stands for all members of a network. Senders expand it; it never goes on the wire. */
export const BROADCAST_NODE = 0xffff_ffff;
/**
 * Addresses the specification reserves by name. They are symbolic: a registry hands out node ids from 1, so ordinary
 * nodes have them.
 */
export const WELL_KNOWN_ADDRESSES = {
  registry: { network: 0, node: 1 },
  beacon: { network: 0, node: 2 },
  nameserver: { network: 0, node: 3 },
} as const satisfies Record<string, Address>;

const DECIMAL = /^[0-9]+$/;
const HEX_GROUP = /^[0-9a-fA-F]{4}$/;

/**
 * Parses `N:NNNN.HHHH.LLLL`: the network in decimal, again in hex, then the node id in two hex groups. Either case and
 * leading zeros of the decimal are accepted; nothing is trimmed.
 *
 * @throws PilotError `address.invalid`, also when the two forms of the network differ.
 * @see PROTOCOL.md, "Addresses"
 */
export function parseAddress(text: string): Address {
  const colon = text.indexOf(':');
  if (colon < 0) throw invalid(text, 'no colon');
  const network = parseDecimal16(text, text.slice(0, colon));
  const groups = text.slice(colon + 1).split('.');
  if (groups.length !== 3 || !groups.every((group) => HEX_GROUP.test(group))) {
    throw invalid(text, 'expected three groups of four hex digits');
  }
  const [copy, high, low] = groups.map((group) => Number.parseInt(group, 16)) as [number, number, number];
  if (copy !== network) throw invalid(text, 'the decimal network differs from the first hex group');
  return { network, node: high * 0x1_0000 + low };
}

export function formatAddress(address: Address): string {
  const high = address.node >>> 16;
  const low = address.node & 0xffff;
  return `${address.network}:${hexGroup(address.network)}.${hexGroup(high)}.${hexGroup(low)}`;
}

/**
 * Parses an address, a colon and a decimal port from 0 to 65535.
 *
 * @throws PilotError `address.invalid`
 */
export function parseSocketAddress(text: string): SocketAddress {
  const colon = text.lastIndexOf(':');
  if (colon < 0) throw invalid(text, 'no port');
  return { address: parseAddress(text.slice(0, colon)), port: parseDecimal16(text, text.slice(colon + 1)) };
}

export function formatSocketAddress(socket: SocketAddress): string {
  return `${formatAddress(socket.address)}:${socket.port}`;
}

/** Six bytes: network uint16 | node uint32. */
export function encodeAddress(address: Address): Uint8Array {
  return new ByteWriter(ADDRESS_LENGTH).uint16(address.network).uint32(address.node).bytes;
}

/**
 * Reads the first six bytes; more are ignored.
 *
 * @throws PilotError `frame.truncated`
 */
export function decodeAddress(bytes: Uint8Array): Address {
  const reader = new ByteReader(bytes, 'address');
  return { network: reader.uint16(), node: reader.uint32() };
}

export function broadcastAddress(network: number): Address {
  return { network, node: BROADCAST_NODE };
}

export function isBroadcast(address: Address): boolean {
  return address.node === BROADCAST_NODE;
}

function parseDecimal16(whole: string, text: string): number {
  const value = DECIMAL.test(text) ? Number(text) : Number.NaN;
  if (!(value <= 0xffff)) throw invalid(whole, 'expected a decimal number from 0 to 65535');
  return value;
}

function hexGroup(value: number): string {
  return value.toString(16).toUpperCase().padStart(4, '0');
}

function invalid(text: string, reason: string): PilotError {
  return new PilotError('address.invalid', `not an address: ${JSON.stringify(text.slice(0, 64))}: ${reason}`);
}
