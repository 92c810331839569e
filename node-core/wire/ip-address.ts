import { PilotError } from '../base/errors.ts';

const V4_MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/**
 * Encodes a literal address: 4 bytes for IPv4, also where it is written as IPv4-mapped IPv6 (sockets of both families
 * do), else 16.
 *
 * @throws PilotError `address.invalid` for anything but a literal address; zones (`%eth0`) have no meaning elsewhere.
 */
export function encodeIpAddress(host: string): Uint8Array {
  const bytes = host.includes(':') ? parseV6(host) : parseV4(host);
  if (bytes === undefined) throw new PilotError('address.invalid', `not an IP address: ${host.slice(0, 64)}`);
  return isV4Mapped(bytes) ? bytes.subarray(V4_MAPPED_PREFIX.length) : bytes;
}

/**
 * Writes 4 bytes as dotted IPv4, and 16 as IPv6 in the form of RFC 5952, or as IPv4 when they map one.
 *
 * @throws PilotError `frame.invalid` for another length.
 */
export function formatIpAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) {
    throw new PilotError('frame.invalid', 'an IP address has 4 or 16 bytes', { length: bytes.length });
  }
  if (isV4Mapped(bytes)) return bytes.subarray(V4_MAPPED_PREFIX.length).join('.');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(2 * index).toString(16));
  return compress(groups);
}

/** Replaces the first longest run of two or more zero groups by `::`. */
function compress(groups: readonly string[]): string {
  let best = { start: 0, length: 1 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === '0') length += 1;
    if (length > best.length) best = { start, length };
  }
  if (best.length === 1) return groups.join(':');
  return `${groups.slice(0, best.start).join(':')}::${groups.slice(best.start + best.length).join(':')}`;
}

function parseV4(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255)) return undefined;
  return Uint8Array.from(parts, Number);
}

function parseV6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(parseGroups);
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const missing = 16 - head.length - (tail?.length ?? 0);
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...(tail ?? [])]);
}

/** The bytes of colon-separated hex groups; the last may be an IPv4 address. */
function parseGroups(text: string): number[] | undefined {
  if (text === '') return [];
  const groups = text.split(':');
  const bytes: number[] = [];
  for (const [index, group] of groups.entries()) {
    const v4 = index === groups.length - 1 ? parseV4(group) : undefined;
    if (v4 !== undefined) bytes.push(...v4);
    else if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    } else return undefined;
  }
  return bytes;
}

function isV4Mapped(bytes: Uint8Array): boolean {
  return bytes.length === 16 && V4_MAPPED_PREFIX.every((byte, index) => bytes[index] === byte);
}
