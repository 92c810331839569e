import type { DatagramCounts } from '../../base/datagram-counts.ts';
import type { DatagramSocket, Endpoint } from '../../base/transport.ts';

export interface TappedDatagram {
  readonly direction: 'in' | 'out';
  readonly bytes: Uint8Array;
  readonly peer: Endpoint;
}

/** Keeps the newest; enough for what is sent again later. */
const KEPT = 4_096;

/** A socket that remembers what passes, and lets some of it be lost or doubled. */
export class TappedSocket implements DatagramSocket {
  readonly passed: TappedDatagram[] = [];
  /** How often a datagram arrives: 0 is lost. */
  copies: (datagram: TappedDatagram) => number = () => 1;
  readonly #socket: DatagramSocket;
  #receive: DatagramSocket['onDatagram'];

  constructor(socket: DatagramSocket) {
    this.#socket = socket;
    socket.onDatagram = (bytes, from) =>
      this.#pass({ direction: 'in', bytes: bytes.slice(), peer: from }, (copy) => this.#receive?.(copy, from));
  }

  get local(): Endpoint {
    return this.#socket.local;
  }

  get counts(): DatagramCounts {
    return this.#socket.counts;
  }

  get onDatagram(): DatagramSocket['onDatagram'] {
    return this.#receive;
  }

  set onDatagram(receive: DatagramSocket['onDatagram']) {
    this.#receive = receive;
  }

  send(bytes: Uint8Array, to: Endpoint): void {
    this.#pass({ direction: 'out', bytes: bytes.slice(), peer: to }, (copy) => this.#socket.send(copy, to));
  }

  close(): Promise<void> {
    return this.#socket.close();
  }

  #pass(datagram: TappedDatagram, on: (bytes: Uint8Array) => void): void {
    for (let left = this.copies(datagram); left > 0; left--) {
      this.passed.push(datagram);
      if (this.passed.length > KEPT) this.passed.shift();
      on(datagram.bytes.slice()); // the receiver owns what it is given
    }
  }
}
