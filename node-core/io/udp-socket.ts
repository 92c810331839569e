import { createSocket, type Socket } from 'node:dgram';
import { isIP, isIPv6 } from 'node:net';
import { BoundedQueue } from '../base/bounded-queue.ts';
import { DatagramCounts } from '../base/datagram-counts.ts';
import { type DatagramSocket, type Endpoint, formatEndpoint } from '../base/transport.ts';
import { listenError } from './listen.ts';
import { plainHost } from './plain-host.ts';

/** Sends in one turn of the event loop; more would starve the receiver. */
const SENDS_PER_TURN = 16;
const BUFFER_BYTES = 4 * 1024 * 1024;
const QUEUE_LIMITS = { items: 8_192, weight: 16_777_216 };

/**
 * A bound UDP socket. Sending never blocks and never throws, whatever the endpoint: what cannot leave is counted. Neither
 * does what a datagram makes its receiver throw get any further than that datagram.
 */
export class UdpSocket implements DatagramSocket {
  readonly local: Endpoint;
  readonly counts: DatagramCounts;
  onDatagram: ((bytes: Uint8Array, from: Endpoint) => void) | undefined;
  readonly #socket: Socket;
  readonly #speaksIPv6: boolean;
  readonly #queue = new BoundedQueue<{ readonly bytes: Uint8Array; readonly to: Endpoint }>(
    QUEUE_LIMITS,
    ({ bytes }) => bytes.length,
  );
  #sentThisTurn = 0;
  #closed = false;

  private constructor(socket: Socket, counts: DatagramCounts) {
    this.#socket = socket;
    this.counts = counts;
    const { address, port, family } = socket.address();
    this.local = { host: address, port };
    this.#speaksIPv6 = family === 'IPv6';
    socket.on('message', (bytes, from) => this.#receive(bytes, { host: plainHost(from.address), port: from.port }));
    socket.on('error', (error) => this.#countFailure(error));
  }

  /**
   * @param counts - Shared by several sockets that are one to their owner.
   * @throws PilotError `port.in-use` when another program has the port, `config.invalid` for an address not ours.
   */
  static bind(local: Endpoint, counts = new DatagramCounts()): Promise<UdpSocket> {
    return new Promise((resolve, reject) => {
      const socket = createSocket({
        type: isIPv6(local.host) ? 'udp6' : 'udp4',
        lookup: (host, _options, done) => done(null, host, isIPv6(host) ? 6 : 4), // literal addresses only
      });
      const refuse = (cause: Error) => {
        socket.close();
        reject(listenError(formatEndpoint(local), cause));
      };
      socket.once('error', refuse);
      socket.bind(local.port, local.host, () => {
        socket.off('error', refuse);
        enlargeBuffers(socket);
        resolve(new UdpSocket(socket, counts));
      });
    });
  }

  /** Takes a free port at every address of the machine, of both families where it has both. */
  static async bindAnywhere(): Promise<UdpSocket> {
    try {
      return await UdpSocket.bind({ host: '::', port: 0 });
    } catch {
      return UdpSocket.bind({ host: '0.0.0.0', port: 0 }); // without IPv6
    }
  }

  send(bytes: Uint8Array, to: Endpoint): void {
    if (this.#closed) return;
    this.counts.outgoing += 1;
    const target = this.#targetOf(to);
    if (typeof target === 'string') return this.counts.dropped.add(target);
    if (!this.#queue.push({ bytes, to: target })) this.counts.dropped.add('queue full');
    this.#flush();
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }

  /** Nobody can be answered at port 0, so nobody is heard from there. */
  #receive(bytes: Uint8Array, from: Endpoint): void {
    this.counts.incoming += 1;
    if (from.port === 0) return this.counts.dropped.add('port 0');
    try {
      this.onDatagram?.(bytes, from);
    } catch (error) {
      if (this.counts.dropped.of('fault') === 0) process.emitWarning(error as Error); // an error of ours: to be seen, once
      this.counts.dropped.add('fault');
    }
  }

  /** The endpoint as this socket can be told it, or why it cannot. */
  #targetOf({ host, port }: Endpoint): Endpoint | 'port 0' | 'not an address' | 'other family' {
    const family = isIP(host);
    if (port === 0) return 'port 0';
    if (family === 0) return 'not an address';
    if (family === 6) return this.#speaksIPv6 ? { host, port } : 'other family';
    return { host: this.#speaksIPv6 ? `::ffff:${host}` : host, port };
  }

  #flush(): void {
    while (this.#sentThisTurn < SENDS_PER_TURN && !this.#closed) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      if (this.#sentThisTurn === 0) setImmediate(() => this.#nextTurn());
      this.#sentThisTurn += 1;
      this.#hand(next.bytes, next.to);
    }
  }

  #hand(bytes: Uint8Array, { host, port }: Endpoint): void {
    try {
      this.#socket.send(bytes, port, host, this.#onSent);
    } catch (error) {
      this.#countFailure(error as NodeJS.ErrnoException); // what Node refuses before it asks the system
    }
  }

  #nextTurn(): void {
    this.#sentThisTurn = 0;
    this.#flush();
  }

  readonly #onSent = (error: NodeJS.ErrnoException | null): void => {
    if (error !== null) this.#countFailure(error);
  };

  #countFailure(error: NodeJS.ErrnoException): void {
    this.counts.dropped.add(error.code ?? error.name);
  }
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
