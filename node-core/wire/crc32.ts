const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1;
  return value;
});

/**
 * The CRC-32 of IEEE 802.3 (reflected polynomial 0xEDB88320), as gzip and PNG use it, as a uint32.
 *
 * @param previous - The checksum of the bytes before, to continue over a string in pieces.
 */
export function crc32(bytes: Uint8Array, previous = 0): number {
  let value = ~previous;
  // An index loop: this runs over every byte that crosses a tunnel, and an iterator would cost several times as much.
  for (let i = 0; i < bytes.length; i++)
    value = (TABLE[(value ^ (bytes[i] as number)) & 0xff] as number) ^ (value >>> 8);
  return ~value >>> 0;
}
