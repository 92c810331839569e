import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { BoundedQueue } from '../base/bounded-queue.ts';
import type { DatagramSocket, Endpoint } from '../base/transport.ts';

/** Sends in one turn of the event loop; more would starve the receiver. */
const SENDS_PER_TURN = 16;
const BUFFER_BYTES = 4 * 1024 * 1024;
const QUEUE_LIMITS = { items: 8_192, weight: 16_777_216 };

/** A bound UDP socket. Sending never blocks and never throws: what cannot leave is counted. */
export class UdpSocket implements DatagramSocket {
  readonly local: Endpoint;
  onDatagram: ((bytes: Uint8Array, from: Endpoint) => void) | undefined;
  readonly #socket: Socket;
  readonly #queue = new BoundedQueue<{ readonly bytes: Uint8Array; readonly to: Endpoint }>(
    QUEUE_LIMITS,
    ({ bytes }) => bytes.length,
  );
  #sentThisTurn = 0;
  #closed = false;
  #failed = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const { address, port } = socket.address();
    this.local = { host: address, port };
    socket.on('message', (bytes, from) => this.onDatagram?.(bytes, { host: from.address, port: from.port }));
    socket.on('error', () => {
      this.#failed += 1;
    });
  }

  /** @throws Error of the operating system when the address cannot be had. */
  static bind(local: Endpoint): Promise<UdpSocket> {
    return new Promise((resolve, reject) => {
      const socket = createSocket({
        type: isIPv6(local.host) ? 'udp6' : 'udp4',
        lookup: (host, _options, done) => done(null, host, isIPv6(host) ? 6 : 4), // literal addresses only
      });
      socket.once('error', reject);
      socket.bind(local.port, local.host, () => {
        socket.off('error', reject);
        enlargeBuffers(socket);
        resolve(new UdpSocket(socket));
      });
    });
  }

  /** Datagrams that did not leave: the queue was full, or the operating system refused them. */
  get unsent(): number {
    return this.#queue.dropped + this.#failed;
  }

  send(bytes: Uint8Array, to: Endpoint): void {
    if (this.#closed) return;
    this.#queue.push({ bytes, to });
    this.#flush();
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }

  #flush(): void {
    while (this.#sentThisTurn < SENDS_PER_TURN && !this.#closed) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      if (this.#sentThisTurn === 0) setImmediate(() => this.#nextTurn());
      this.#sentThisTurn += 1;
      this.#socket.send(next.bytes, next.to.port, next.to.host, this.#onSent);
    }
  }

  #nextTurn(): void {
    this.#sentThisTurn = 0;
    this.#flush();
  }

  readonly #onSent = (error: Error | null): void => {
    if (error !== null) this.#failed += 1;
  };
}

/** Best effort: without privilege the operating system gives less than asked. */
function enlargeBuffers(socket: Socket): void {
  try {
    socket.setRecvBufferSize(BUFFER_BYTES);
    socket.setSendBufferSize(BUFFER_BYTES);
  } catch {
    // the default size works too, with more loss under bursts
  }
}
