import type { WebSocket } from 'ws';

/** One piece of a message; as many as fit in the window are under way at once. */
const PIECE_BYTES = 256 * 1024;
const WINDOW_BYTES = 1024 * 1024;
/** A client that takes not one piece in this time does not read. */
const PATIENCE_MS = 30_000;
/** No honest reply comes near; what waits for one client must not fill the memory, however steadily it reads. */
const MOST_WAITING_BYTES = 1024 * 1024 * 1024;

interface Message {
  readonly bytes: Buffer;
  sent: number;
}

/**
 * The way out to one client. Messages leave in pieces, each when one before it has left the process, so that whether a
 * client reads is seen by what it takes, not by how much waits for it: a large reply takes its time, a client that
 * takes nothing for 30 s is cut off.
 */
export class Outgoing {
  readonly #socket: WebSocket;
  readonly #queue: Message[] = [];
  #waitingBytes = 0;
  #underWay = 0;
  #patience: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.once('close', () => this.#end());
  }

  send(text: string): void {
    const bytes = Buffer.from(text);
    this.#queue.push({ bytes, sent: 0 });
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes > MOST_WAITING_BYTES) return this.#socket.terminate();
    this.#patience ??= this.#wait();
    this.#pump();
  }

  #pump(): void {
    while (this.#underWay < WINDOW_BYTES) {
      const [message] = this.#queue;
      if (message === undefined || this.#socket.readyState !== this.#socket.OPEN) return;
      const piece = message.bytes.subarray(message.sent, message.sent + PIECE_BYTES);
      message.sent += piece.length;
      const fin = message.sent === message.bytes.length;
      if (fin) this.#queue.shift();
      this.#underWay += piece.length;
      this.#socket.send(piece, { binary: false, fin }, (error) => this.#handleLeft(piece.length, error));
    }
  }

  #handleLeft(bytes: number, error: Error | null | undefined): void {
    if (error) return; // the socket is closing
    this.#underWay -= bytes;
    this.#waitingBytes -= bytes;
    clearTimeout(this.#patience);
    this.#patience = this.#waitingBytes === 0 ? undefined : this.#wait();
    this.#pump();
  }

  #wait(): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.#socket.terminate(), PATIENCE_MS);
  }

  #end(): void {
    clearTimeout(this.#patience);
    this.#queue.length = 0;
  }
}
