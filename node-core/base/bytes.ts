import { PilotError } from './errors.ts';

/**
 * Reads big-endian fields from a byte string, in order. Views alias the input, they are not copies.
 *
 * @throws PilotError `frame.truncated` when a field would run past the end.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #what: string;
  #offset = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  uint8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.#take(8));
  }

  view(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  rest(options: { readonly atLeast?: number } = {}): Uint8Array {
    this.#require(options.atLeast ?? 0);
    return this.view(this.remaining);
  }

  #take(length: number): number {
    this.#require(length);
    const start = this.#offset;
    this.#offset += length;
    return start;
  }

  #require(length: number): void {
    if (this.remaining >= length) return;
    throw new PilotError('frame.truncated', `${this.#what} ends ${length - this.remaining} bytes early`, {
      expected: length,
      remaining: this.remaining,
    });
  }
}

/** Writes big-endian fields into a byte string of a known size. The caller owns `bytes`. */
export class ByteWriter {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
    this.#view = new DataView(this.bytes.buffer);
  }

  uint8(value: number): this {
    this.#view.setUint8(this.#offset, value);
    this.#offset += 1;
    return this;
  }

  uint16(value: number): this {
    this.#view.setUint16(this.#offset, value);
    this.#offset += 2;
    return this;
  }

  uint32(value: number): this {
    this.#view.setUint32(this.#offset, value);
    this.#offset += 4;
    return this;
  }

  uint64(value: bigint): this {
    this.#view.setBigUint64(this.#offset, value);
    this.#offset += 8;
    return this;
  }

  copy(source: Uint8Array): this {
    this.bytes.set(source, this.#offset);
    this.#offset += source.length;
    return this;
  }
}

const HEX = /^(?:[0-9a-fA-F]{2})*$/;

export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** @throws PilotError `frame.invalid` for anything but pairs of hex digits. */
export function fromHex(text: string): Uint8Array {
  if (!HEX.test(text)) throw new PilotError('frame.invalid', 'not a hex string');
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
