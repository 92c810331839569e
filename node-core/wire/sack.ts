import { ByteReader, ByteWriter } from '../base/bytes.ts';

/** One run of received bytes beyond a hole: from `left` up to, not including, `right`. Both wrap at 2^32. */
export interface SackBlock {
  readonly left: number;
  readonly right: number;
}

export const MAX_SACK_BLOCKS = 4;

const SIGNATURE = [0x53, 0x41, 0x43, 0x4b]; // "SACK"
const HEAD_LENGTH = 5;
const BLOCK_LENGTH = 8;

/**
 * Encodes blocks as the payload of an ACK packet: `SACK` 4 | count 1 | count x (left uint32, right uint32).
 * Takes the first four blocks, in the order given; no block gives no bytes.
 *
 * @see PROTOCOL.md, "Selective acknowledgement"
 */
export function encodeSack(blocks: readonly SackBlock[]): Uint8Array {
  const reported = blocks.slice(0, MAX_SACK_BLOCKS);
  if (reported.length === 0) return new Uint8Array(0);
  const writer = new ByteWriter(HEAD_LENGTH + BLOCK_LENGTH * reported.length);
  writer.copy(Uint8Array.from(SIGNATURE)).uint8(reported.length);
  for (const block of reported) writer.uint32(block.left).uint32(block.right);
  return writer.bytes;
}

/**
 * Says whether every receiver takes this payload for a SACK. No user data may look so: it would be swallowed without
 * an acknowledgement. Bytes after the last block are tolerated.
 */
export function isSackPayload(payload: Uint8Array): boolean {
  if (!SIGNATURE.every((byte, index) => payload[index] === byte)) return false;
  const count = payload[SIGNATURE.length] ?? 0;
  return count >= 1 && count <= MAX_SACK_BLOCKS && payload.length >= HEAD_LENGTH + BLOCK_LENGTH * count;
}

/** Undefined when the payload is not a SACK: then it is user data. Blocks come as sent, unsorted and unchecked. */
export function decodeSack(payload: Uint8Array): SackBlock[] | undefined {
  if (!isSackPayload(payload)) return undefined;
  const reader = new ByteReader(payload.subarray(SIGNATURE.length), 'SACK payload');
  return Array.from({ length: reader.uint8() }, () => ({ left: reader.uint32(), right: reader.uint32() }));
}
