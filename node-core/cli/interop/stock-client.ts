import { createConnection, type Socket } from 'node:net';
import { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { until } from './until.ts';

/** Commands of the stock daemon's local socket that are used here; a reply has the number after its request. */
const COMMAND = {
  bind: 0x01,
  dial: 0x03,
  accepted: 0x05,
  send: 0x06,
  received: 0x07,
  close: 0x08,
  error: 0x0a,
} as const;
const MAX_SEND_BYTES = 65_536;

/** One stream that the daemon holds for its client. */
export interface StockStream {
  readonly id: number;
  received: number;
  readonly chunks: Uint8Array[];
  closed: boolean;
}

/**
 * A client of the stock daemon on its local socket: length uint32 | command uint8 | payload. It can leave unread what the
 * daemon hands it, and keep a stream open, which the daemon's own tool cannot.
 */
export class StockClient {
  readonly #socket: Socket;
  readonly #streams = new Map<number, StockStream>();
  readonly #accepted: StockStream[] = [];
  readonly #replies: { readonly command: number; readonly payload: Uint8Array }[] = [];
  #buffer: Uint8Array = new Uint8Array(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => this.#take(bytes));
    socket.on('error', () => socket.destroy());
  }

  static async connect(path: string): Promise<StockClient> {
    const socket = createConnection(path);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new StockClient(socket);
  }

  /** Takes streams to a port. */
  async bind(port: number): Promise<void> {
    await this.#ask(COMMAND.bind, new ByteWriter(2).uint16(port).bytes);
  }

  async dial(nodeId: number, port: number): Promise<StockStream> {
    const payload = new ByteWriter(8).uint16(0).uint32(nodeId).uint16(port).bytes;
    return this.#streamOf(new ByteReader(await this.#ask(COMMAND.dial, payload), 'dial reply').uint32());
  }

  async accept(): Promise<StockStream> {
    await until('a stream to the stock daemon', () => this.#accepted.length > 0);
    return this.#accepted.shift() as StockStream;
  }

  send(stream: StockStream, bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length; start += MAX_SEND_BYTES) {
      const chunk = bytes.subarray(start, start + MAX_SEND_BYTES);
      this.#write(COMMAND.send, new ByteWriter(4 + chunk.length).uint32(stream.id).copy(chunk).bytes);
    }
  }

  close(stream: StockStream): void {
    this.#write(COMMAND.close, new ByteWriter(4).uint32(stream.id).bytes);
  }

  /** Reads nothing any more, until `resume`: the daemon's stream fills up. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.destroy();
  }

  async #ask(command: number, payload: Uint8Array): Promise<Uint8Array> {
    this.#write(command, payload);
    const isAnswer = (reply: { command: number }) => reply.command === command + 1 || reply.command === COMMAND.error;
    const reply = await until('an answer of the stock daemon', () => this.#replies.find(isAnswer), 30_000);
    this.#replies.splice(this.#replies.indexOf(reply), 1);
    if (reply.command === COMMAND.error) throw new Error(new TextDecoder().decode(reply.payload.subarray(2)));
    return reply.payload;
  }

  #write(command: number, payload: Uint8Array): void {
    this.#socket.write(
      new ByteWriter(5 + payload.length)
        .uint32(1 + payload.length)
        .uint8(command)
        .copy(payload).bytes,
    );
  }

  #take(bytes: Uint8Array): void {
    this.#buffer = Buffer.concat([this.#buffer, bytes]);
    for (;;) {
      const reader = new ByteReader(this.#buffer, 'local socket');
      if (reader.remaining < 4) return;
      const length = reader.uint32();
      if (reader.remaining < length) return;
      const frame = reader.view(length);
      this.#buffer = reader.rest();
      if (length > 0) this.#handle(frame[0] as number, frame.slice(1));
    }
  }

  #handle(command: number, payload: Uint8Array): void {
    const reader = new ByteReader(payload, 'local socket');
    if (command === COMMAND.received) {
      const stream = this.#streamOf(reader.uint32());
      stream.chunks.push(reader.rest());
      stream.received += payload.length - 4;
    } else if (command === COMMAND.accepted) {
      reader.uint16();
      this.#accepted.push(this.#streamOf(reader.uint32()));
    } else if (command === COMMAND.close + 1) {
      this.#streamOf(reader.uint32()).closed = true;
    } else {
      this.#replies.push({ command, payload });
    }
  }

  #streamOf(id: number): StockStream {
    const known = this.#streams.get(id);
    if (known !== undefined) return known;
    const stream: StockStream = { id, received: 0, chunks: [], closed: false };
    this.#streams.set(id, stream);
    return stream;
  }
}
