import type { Endpoint } from '../../../node-core/base/transport.ts';
import { createTunnelKeyPair } from '../../../node-core/crypto/key-exchange.ts';
import { UdpSocket } from '../../../node-core/io/udp-socket.ts';
import { encodeBeaconMessage } from '../../../node-core/wire/beacon-message.ts';
import { encodePacket, FLAG, type Packet } from '../../../node-core/wire/packet.ts';
import { encodeSack } from '../../../node-core/wire/sack.ts';
import { encodeTunnelFrame, TUNNEL_MAGIC } from '../../../node-core/wire/tunnel-frame.ts';
import type { HostileInput } from './hostile-input.ts';
import { HostilePeer, type HostileStream, type Victim } from './hostile-peer.ts';
import type { Malice, Surface } from './surface.ts';

const MAGICS = Object.values(TUNNEL_MAGIC);
const PORTS = [0, 1, 7, 53, 80, 443, 444, 1_000, 1_001, 1_002, 4_318, 49_152, 65_535];
const FLAGS = [
  0,
  FLAG.syn,
  FLAG.ack,
  FLAG.fin,
  FLAG.rst,
  FLAG.syn | FLAG.ack,
  FLAG.fin | FLAG.ack,
  FLAG.rst | FLAG.ack,
];
const EDGES = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
const REMEMBERED_FRAMES = 256;

/** The tunnel socket of a node: what a stranger, an eavesdropper and a peer with a session can send it. */
export class UdpSurface implements Surface {
  readonly name: string;
  readonly atOnce = 64;
  readonly #input: HostileInput;
  readonly #peer: HostilePeer;
  readonly #stranger: UdpSocket;
  readonly #others: readonly number[];
  readonly #beacon: Endpoint;
  readonly #frames: Uint8Array[] = [];

  private constructor(
    name: string,
    input: HostileInput,
    peer: HostilePeer,
    stranger: UdpSocket,
    others: readonly number[],
    beacon: Endpoint,
  ) {
    this.name = name;
    this.#input = input;
    this.#peer = peer;
    this.#stranger = stranger;
    this.#others = others;
    this.#beacon = beacon;
  }

  /** @param others - Node ids in whose names frames are forged. */
  static async open(options: {
    readonly name: string;
    readonly registry: string;
    readonly beacon: Endpoint;
    readonly victim: Victim;
    readonly identitySeed: number;
    readonly others: readonly number[];
    readonly input: HostileInput;
  }): Promise<UdpSurface> {
    const { name, registry, beacon, victim, identitySeed, others, input } = options;
    const peer = await HostilePeer.join(registry, identitySeed, victim, input);
    const stranger = await UdpSocket.bind({ host: '127.0.0.1', port: 0 });
    return new UdpSurface(name, input, peer, stranger, others, beacon);
  }

  /** Whether the victim still answers the authenticated peer, in sealed frames. */
  get heard(): number {
    return this.#peer.heard;
  }

  async hurl(malice: Malice): Promise<void> {
    switch (malice) {
      case 'random':
        return this.#stranger.send(this.#random(), this.#peer.victim.endpoint);
      case 'damaged':
        return this.#hurlDamaged();
      case 'wrong inside':
        return this.#peer.send(this.#remember(this.#peer.seal(this.#inner())));
      default:
        return malice satisfies never;
    }
  }

  async close(): Promise<void> {
    await this.#peer.close();
    await this.#stranger.close();
  }

  /** Bytes; half of them behind the first bytes of a frame or of a beacon's message. */
  #random(): Uint8Array {
    const input = this.#input;
    const bytes = input.bytes(input.upTo(input.chance(0.02) ? 8_000 : 200));
    if (input.chance(0.3) && bytes.length >= 4) new DataView(bytes.buffer).setUint32(0, input.pick(MAGICS));
    else if (input.chance(0.3) && bytes.length > 0) bytes[0] = input.upTo(16);
    return bytes;
  }

  #hurlDamaged(): void {
    const bytes = this.#damaged();
    const relayed = this.#input.chance(0.1);
    const { nodeId, victim } = this.#peer;
    if (relayed) {
      const message = { kind: 'relay', senderNodeId: nodeId, destinationNodeId: victim.nodeId, frame: bytes } as const;
      this.#peer.send(encodeBeaconMessage(message), this.#beacon);
    } else if (this.#input.chance(0.5)) this.#stranger.send(bytes, victim.endpoint);
    else this.#peer.send(bytes);
  }

  /** Replayed, doubled, cut, bent, in another's name, or a key exchange of the wrong kind or time. */
  #damaged(): Uint8Array {
    const input = this.#input;
    const frame = this.#frames.length > 0 ? input.pick(this.#frames) : this.#remember(this.#peer.seal(this.#inner()));
    switch (input.upTo(8)) {
      case 0:
        return frame.slice();
      case 1:
        return this.#inTheNameOf(frame, input.pick([...this.#others, this.#peer.victim.nodeId, 0, input.uint32()]));
      case 2:
        return this.#peer.keyExchange(createTunnelKeyPair(input.bytes));
      case 3:
        return input.mutated(this.#peer.keyExchange());
      case 4:
        return this.#inTheNameOf(this.#peer.keyExchange(), input.pick(this.#others));
      case 5:
        return encodeTunnelFrame({
          kind: 'key-request',
          senderNodeId: input.pick([...this.#others, this.#peer.nodeId, input.uint32()]),
          x25519PublicKey: input.bytes(32),
        });
      default:
        return input.mutated(frame);
    }
  }

  #inTheNameOf(frame: Uint8Array, nodeId: number): Uint8Array {
    const copy = frame.slice();
    new DataView(copy.buffer).setUint32(4, nodeId);
    return copy;
  }

  #remember(frame: Uint8Array): Uint8Array {
    this.#frames.push(frame);
    if (this.#frames.length > REMEMBERED_FRAMES) this.#frames.shift();
    return frame;
  }

  /** What is sealed: mostly a whole packet with wrong fields, else one whose bytes are damaged, or no packet at all. */
  #inner(): Uint8Array {
    const input = this.#input;
    const bytes = encodePacket(this.#packet());
    if (input.chance(0.2)) return input.mutated(bytes);
    return input.chance(0.05) ? input.bytes(input.upTo(80)) : bytes;
  }

  #packet(): Packet {
    const input = this.#input;
    const { nodeId, victim, streams } = this.#peer;
    const stream = streams.length > 0 && input.chance(0.6) ? input.pick(streams) : undefined;
    const network = input.chance(0.9) ? 0 : input.upTo(0x1_0000);
    return {
      ...(input.chance(0.05) ? { version: input.upTo(16) } : {}),
      flags: input.chance(0.9) ? input.pick(FLAGS) : input.upTo(16),
      protocol: input.chance(0.8) ? 1 : input.pick([0, 2, 3, 4, 255]),
      source: { network, node: input.chance(0.92) ? nodeId : input.pick([...this.#others, victim.nodeId, 0]) },
      destination: { network, node: input.chance(0.95) ? victim.nodeId : input.uint32() },
      ...this.#position(stream),
      window: input.pick([0, 1, 512, 0xffff]),
      payload: this.#payload(),
    };
  }

  #position(stream: HostileStream | undefined) {
    const input = this.#input;
    const about = (value: number) => (value + input.upTo(input.pick([1, 8, 5_000])) - 2) >>> 0;
    const anywhere = () => (input.chance(0.3) ? input.pick(EDGES) : input.uint32());
    if (stream === undefined) {
      return {
        sourcePort: input.chance(0.7) ? 49_152 + input.upTo(64) : input.pick(PORTS),
        destinationPort: input.chance(0.8) ? input.pick(PORTS) : input.upTo(0x1_0000),
        sequence: anywhere(),
        acknowledgement: anywhere(),
      };
    }
    return {
      sourcePort: stream.ownPort,
      destinationPort: stream.port,
      sequence: input.chance(0.8) ? about(stream.sequence) : anywhere(),
      acknowledgement: input.chance(0.8) ? about(stream.acknowledgement) : anywhere(),
    };
  }

  #payload(): Uint8Array {
    const input = this.#input;
    switch (input.upTo(6)) {
      case 0:
        return new Uint8Array(0);
      case 1:
        return this.#sack();
      case 2:
        return input.mutated(this.#sack());
      case 3:
        return input.bytes(8 + input.upTo(56));
      case 4:
        return input.bytes(input.chance(0.05) ? input.upTo(20_000) : input.upTo(1_200));
      default:
        return new TextEncoder().encode(`POST /v1/traces HTTP/1.1\r\nContent-Length: ${input.uint32()}\r\n\r\n`);
    }
  }

  #sack(): Uint8Array {
    const blocks = Array.from({ length: 1 + this.#input.upTo(4) }, () => ({
      left: this.#input.uint32(),
      right: this.#input.uint32(),
    }));
    return encodeSack(blocks);
  }
}
