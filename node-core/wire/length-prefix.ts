import { ByteWriter, concatBytes } from '../base/bytes.ts';
import { PilotError } from '../base/errors.ts';

const HEAD_LENGTH = 4;
/** The largest message anybody of the 1.18 line sends or takes. */
export const MAX_MESSAGE_LENGTH = 64 * 1024 * 1024;
/** More pieces than this are joined, since each costs more memory than the few bytes a slow sender puts in it. */
const MAX_CHUNKS = 256;

/** length uint32 | message. */
export function encodeLengthPrefixed(message: Uint8Array): Uint8Array {
  return new ByteWriter(HEAD_LENGTH + message.length).uint32(message.length).copy(message).bytes;
}

/**
 * Cuts a stream of bytes into messages. Head and body often arrive in separate pieces, and several messages in one.
 * Memory grows with what has arrived, never with what a head merely promises.
 */
export class LengthPrefixDecoder {
  readonly #limit: number;
  readonly #chunks: Uint8Array[] = [];
  #buffered = 0;

  constructor(limit = MAX_MESSAGE_LENGTH) {
    this.#limit = limit;
  }

  get buffered(): number {
    return this.#buffered;
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#buffered += bytes.length;
    if (this.#chunks.length > MAX_CHUNKS) this.#chunks.splice(0, MAX_CHUNKS + 1, concatBytes(...this.#chunks));
  }

  /**
   * The next whole message, or undefined until more bytes come.
   *
   * @throws PilotError `frame.oversize` for a length of 0 or above the limit; the stream cannot be read on.
   */
  next(): Uint8Array | undefined {
    if (this.#buffered < HEAD_LENGTH) return undefined;
    const head = this.#peek(HEAD_LENGTH);
    const length = new DataView(head.buffer, head.byteOffset, HEAD_LENGTH).getUint32(0);
    if (length === 0 || length > this.#limit) {
      throw new PilotError('frame.oversize', `a message of ${length} bytes is not allowed`, { length });
    }
    if (this.#buffered < HEAD_LENGTH + length) return undefined;
    return this.#take(HEAD_LENGTH + length).subarray(HEAD_LENGTH);
  }

  #peek(length: number): Uint8Array {
    const first = this.#chunks[0] as Uint8Array;
    if (first.length >= length) return first;
    const bytes = this.#take(length);
    this.#chunks.unshift(bytes);
    this.#buffered += length;
    return bytes;
  }

  #take(length: number): Uint8Array {
    const first = this.#chunks[0] as Uint8Array;
    this.#buffered -= length;
    if (first.length > length) {
      this.#chunks[0] = first.subarray(length);
      return first.subarray(0, length);
    }
    const whole = new Uint8Array(length);
    let filled = 0;
    let used = 0;
    while (filled < length) {
      const chunk = this.#chunks[used] as Uint8Array;
      const part = chunk.subarray(0, length - filled);
      whole.set(part, filled);
      filled += part.length;
      if (part.length < chunk.length) this.#chunks[used] = chunk.subarray(part.length);
      else used += 1;
    }
    this.#chunks.splice(0, used);
    return whole;
  }
}
