import { ByteReader, ByteWriter, utf8 } from '../base/bytes.ts';
import { PilotError } from '../base/errors.ts';

/** Frame types of the data exchange. Others pass the codec too and are answered as unknown. */
export const DATA_TYPE = { text: 1, binary: 2, json: 3, file: 4, tagged: 10 } as const;
/** The largest frame body that every peer takes: 16 MiB, inclusive. */
export const MAX_DATA_LENGTH = 16 * 1024 * 1024;

const HEAD_LENGTH = 8;
const MAX_FILE_NAME_LENGTH = 255;
const MAX_TAG_HEADER_LENGTH = 1024;
const MESSAGE_ID = /^[A-Za-z0-9._:-]{1,128}$/;
/** Types that have a name in answers; the other numbers are written as `UNKNOWN(n)`. */
const TYPE_NAMES = new Map<number, string>([
  [DATA_TYPE.text, 'TEXT'],
  [DATA_TYPE.binary, 'BINARY'],
  [DATA_TYPE.json, 'JSON'],
  [DATA_TYPE.file, 'FILE'],
]);

/** One frame of the data exchange (port 1001). */
export interface DataFrame {
  readonly type: number;
  /** Of a file only, and empty where the sender gave none; never a path. */
  readonly fileName: string;
  /** Of a file: its content, without the name. */
  readonly payload: Uint8Array;
}

/** What a tagged frame (type 10) wraps, and the ids it goes by. */
export interface TaggedData {
  readonly messageId: string | undefined;
  readonly replyTo: string | undefined;
  readonly innerType: number;
  readonly innerPayload: Uint8Array;
}

/**
 * Encodes a frame: type uint32 | length uint32 | body. The body of a file is name length uint16 | name | content.
 * The name of other types is ignored.
 *
 * @throws PilotError `frame.oversize` for a body above 16 MiB or a name above 65,535 bytes.
 * @see PROTOCOL.md, "Data exchange"
 */
export function encodeDataFrame(frame: DataFrame): Uint8Array {
  const name = frame.type === DATA_TYPE.file ? encodeFileName(frame.fileName) : new Uint8Array(0);
  const length = name.length + frame.payload.length;
  if (length > MAX_DATA_LENGTH) throw new PilotError('frame.oversize', 'too long for a data frame', { length });
  return new ByteWriter(HEAD_LENGTH + length).uint32(frame.type).uint32(length).copy(name).copy(frame.payload).bytes;
}

/**
 * Takes bytes of a stream as they come and gives whole frames. Bytes are copied into one buffer: a peer that sends a long
 * frame byte by byte costs no more memory than the frame.
 */
export class DataFrameDecoder {
  readonly #mostBytes: number;
  #buffer = new Uint8Array(0);
  #start = 0;
  #end = 0;

  /** @param mostBytes - The longest body that is taken. */
  constructor(mostBytes = MAX_DATA_LENGTH) {
    this.#mostBytes = mostBytes;
  }

  /** Bytes of memory that it holds. */
  get capacity(): number {
    return this.#buffer.length;
  }

  /** Bytes that were pushed and are in no frame yet. */
  get buffered(): number {
    return this.#end - this.#start;
  }

  push(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#buffer.length) this.#makeRoom(bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /**
   * The next frame, or undefined until more bytes come.
   *
   * @throws PilotError `frame.oversize` for a body above the most, `frame.invalid` for a file name that could leave its folder.
   * The stream cannot be read on after either.
   */
  next(): DataFrame | undefined {
    if (this.buffered < HEAD_LENGTH) return undefined;
    const head = new ByteReader(this.#buffer.subarray(this.#start, this.#end), 'data frame');
    const type = head.uint32();
    const length = head.uint32();
    if (length > this.#mostBytes) throw new PilotError('frame.oversize', 'data frame too large', { type, length });
    if (head.remaining < length) return undefined;
    const body = head.view(length).slice();
    this.#start += HEAD_LENGTH + length;
    if (this.buffered === 0) this.#forget();
    return type === DATA_TYPE.file ? decodeFile(body) : { type, fileName: '', payload: body };
  }

  /** Between frames it holds nothing. */
  #forget(): void {
    this.#buffer = new Uint8Array(0);
    this.#start = 0;
    this.#end = 0;
  }

  /** Moves what is left to the front of a buffer that is at least twice as large as needed, so that copying stays rare. */
  #makeRoom(more: number): void {
    const rest = this.#buffer.subarray(this.#start, this.#end);
    this.#buffer = new Uint8Array(2 * (rest.length + more));
    this.#buffer.set(rest);
    this.#start = 0;
    this.#end = rest.length;
  }
}

export function dataTypeName(type: number): string {
  return TYPE_NAMES.get(type) ?? `UNKNOWN(${type})`;
}

/** The text of the answer to a frame that was taken; it counts a file without its name. */
export function acknowledgementText(frame: DataFrame): string {
  return `ACK ${dataTypeName(frame.type)} ${frame.payload.length} bytes`;
}

/** The text of the answer to a frame that was not taken. */
export function refusalText(frame: DataFrame, reason: string): string {
  return `ERR ${dataTypeName(frame.type)} save failed: ${reason}`;
}

/**
 * Unwraps the payload of a tagged frame: header length uint16 | JSON header | inner type uint32 | inner payload.
 *
 * @throws PilotError `frame.truncated`, or `frame.invalid` for a header that is no object or an id of other than 1 to
 * 128 letters, digits, `.`, `_`, `:` and `-`.
 */
export function decodeTaggedData(payload: Uint8Array): TaggedData {
  const reader = new ByteReader(payload, 'tagged data');
  const headerLength = reader.uint16();
  if (headerLength > MAX_TAG_HEADER_LENGTH) throw new PilotError('frame.invalid', 'tag header too long');
  const header = parseTagHeader(reader.view(headerLength));
  const messageId = readMessageId(header, 'message_id');
  const replyTo = readMessageId(header, 'reply_to');
  return { messageId, replyTo, innerType: reader.uint32(), innerPayload: reader.rest() };
}

/** @throws PilotError `frame.invalid` for an id that a receiver would refuse. */
export function encodeTaggedData(tagged: TaggedData): Uint8Array {
  const ids = { message_id: tagged.messageId, reply_to: tagged.replyTo };
  readMessageId(ids, 'message_id');
  readMessageId(ids, 'reply_to');
  const header = utf8(JSON.stringify(ids));
  return new ByteWriter(6 + header.length + tagged.innerPayload.length)
    .uint16(header.length)
    .copy(header)
    .uint32(tagged.innerType)
    .copy(tagged.innerPayload).bytes;
}

function encodeFileName(fileName: string): Uint8Array {
  const name = utf8(fileName);
  if (name.length > 0xffff) throw new PilotError('frame.oversize', 'file name too long', { length: name.length });
  return new ByteWriter(2 + name.length).uint16(name.length).copy(name).bytes;
}

/** A body whose name runs past its end is a file without a name, as running nodes read it. */
function decodeFile(body: Uint8Array): DataFrame {
  const type = DATA_TYPE.file;
  if (body.length < 2) return { type, fileName: '', payload: body };
  const reader = new ByteReader(body, 'file');
  const nameLength = reader.uint16();
  if (nameLength > reader.remaining) return { type, fileName: '', payload: body };
  const fileName = new TextDecoder().decode(reader.view(nameLength));
  if (nameLength > MAX_FILE_NAME_LENGTH) throw new PilotError('frame.invalid', 'file name too long');
  if (/[/\\]|\.\./.test(fileName)) throw new PilotError('frame.invalid', 'file name could leave its folder');
  return { type, fileName, payload: reader.rest() };
}

function parseTagHeader(bytes: Uint8Array): object {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new PilotError('frame.invalid', 'tag header is not JSON', {}, { cause });
  }
  if (typeof header === 'object' && header !== null && !Array.isArray(header)) return header;
  throw new PilotError('frame.invalid', 'tag header is not an object');
}

function readMessageId(header: object, key: 'message_id' | 'reply_to'): string | undefined {
  const id: unknown = Reflect.get(header, key);
  if (id === undefined || id === '') return undefined;
  if (typeof id === 'string' && MESSAGE_ID.test(id)) return id;
  throw new PilotError('frame.invalid', `bad ${key} in a tag header`);
}
