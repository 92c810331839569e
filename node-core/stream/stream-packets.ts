import { FLAG, type Packet, PROTOCOL } from '../wire/packet.ts';
import type { ConnectionOptions } from './connection-state.ts';
import type { AckContent } from './receiver.ts';

const NO_PAYLOAD: Uint8Array = new Uint8Array(0);
/** A FIN and an RST acknowledge nothing and tell no window. */
const NOTHING: AckContent = { acknowledgement: 0, window: 0 };

/** Makes the packets of one stream. */
export class StreamPackets {
  readonly #names: Pick<Packet, 'protocol' | 'source' | 'destination' | 'sourcePort' | 'destinationPort'>;

  constructor({ local, remote, localPort, remotePort }: ConnectionOptions) {
    this.#names = {
      protocol: PROTOCOL.stream,
      source: local,
      destination: remote,
      sourcePort: localPort,
      destinationPort: remotePort,
    };
  }

  syn(sequence: number, window: number): Packet {
    return this.#packet(FLAG.syn, sequence, { acknowledgement: 0, window });
  }

  synAck(sequence: number, content: AckContent): Packet {
    return this.#packet(FLAG.syn | FLAG.ack, sequence, content);
  }

  ack(sequence: number, content: AckContent, payload?: Uint8Array): Packet {
    return this.#packet(FLAG.ack, sequence, content, payload);
  }

  fin(sequence: number): Packet {
    return this.#packet(FLAG.fin, sequence, NOTHING);
  }

  finAck(sequence: number, acknowledgement: number): Packet {
    return this.#packet(FLAG.fin | FLAG.ack, sequence, { acknowledgement, window: 0 });
  }

  rst(): Packet {
    return this.#packet(FLAG.rst, 0, NOTHING);
  }

  #packet(flags: number, sequence: number, content: AckContent, payload = NO_PAYLOAD): Packet {
    return { flags, ...this.#names, sequence, ...content, payload };
  }
}
