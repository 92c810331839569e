import type { Endpoint } from '../../../node-core/base/transport.ts';
import { openFrame } from '../../../node-core/crypto/aead.ts';
import { createTunnelKeyPair, deriveTunnelKey } from '../../../node-core/crypto/key-exchange.ts';
import { Sealer } from '../../../node-core/crypto/sealer.ts';
import { UdpSocket } from '../../../node-core/io/udp-socket.ts';
import { decodePacket, encodePacket, FLAG, type Packet, PROTOCOL } from '../../../node-core/wire/packet.ts';
import {
  decodeTunnelFrame,
  encodeTunnelFrame,
  keyExchangeSignedBytes,
  type SealedFrame,
} from '../../../node-core/wire/tunnel-frame.ts';
import { identityOf } from '../registry-bench.ts';
import { RegistryCaller } from '../registry-caller.ts';
import { waitFor } from '../wait-for.ts';
import type { HostileInput } from './hostile-input.ts';

/** A node under attack. */
export interface Victim {
  readonly nodeId: number;
  readonly endpoint: Endpoint;
}

/** A stream that the victim has answered, as far as whoever opened it cares. */
export interface HostileStream {
  readonly ownPort: number;
  readonly port: number;
  readonly sequence: number;
  readonly acknowledgement: number;
}

/**
 * A registered node that holds a true session with its victim and seals whatever it is told to. It answers the victim's
 * pings and key requests, so that its session lives; for the rest it is no node.
 */
export class HostilePeer {
  readonly nodeId: number;
  readonly victim: Victim;
  readonly streams: HostileStream[] = [];
  readonly #seed: number;
  readonly #socket: UdpSocket;
  readonly #input: HostileInput;
  #keys;
  #key: Uint8Array | undefined;
  #sealer: Sealer | undefined;
  #heard = 0;

  private constructor(seed: number, nodeId: number, victim: Victim, socket: UdpSocket, input: HostileInput) {
    this.#seed = seed;
    this.nodeId = nodeId;
    this.victim = victim;
    this.#socket = socket;
    this.#input = input;
    this.#keys = createTunnelKeyPair(input.bytes);
    socket.onDatagram = (bytes) => this.#receive(bytes);
  }

  /** Registers as the identity of that number, and agrees on a key with the victim. */
  static async join(registry: string, seed: number, victim: Victim, input: HostileInput): Promise<HostilePeer> {
    const socket = await UdpSocket.bind({ host: '127.0.0.1', port: 0 });
    const caller = await RegistryCaller.open(registry);
    const { node_id: nodeId } = await caller.register(seed, { listen_addr: `127.0.0.1:${socket.local.port}` });
    caller.close();
    const peer = new HostilePeer(seed, Number(nodeId), victim, socket, input);
    await peer.establish();
    return peer;
  }

  /** Frames of the victim's that were opened. */
  get heard(): number {
    return this.#heard;
  }

  /** Makes the key new and waits until the victim has its own part. */
  async establish(): Promise<void> {
    this.#keys = createTunnelKeyPair(this.#input.bytes);
    this.#sealer = undefined;
    const again = setInterval(() => this.send(this.keyExchange()), 500);
    this.send(this.keyExchange());
    try {
      await waitFor(() => this.#sealer !== undefined);
    } finally {
      clearInterval(again);
    }
  }

  /** Our PILA: under the key in use, or under another. */
  keyExchange(keys = this.#keys): Uint8Array {
    const identity = identityOf(this.#seed);
    return encodeTunnelFrame({
      kind: 'key-exchange',
      senderNodeId: this.nodeId,
      x25519PublicKey: keys.publicKey,
      ed25519PublicKey: identity.publicKey,
      signature: identity.sign(keyExchangeSignedBytes(this.nodeId, keys.publicKey)),
    });
  }

  /** The bytes of a frame with this content, sealed as it must be. */
  seal(plaintext: Uint8Array): Uint8Array {
    if (this.#sealer === undefined) throw new Error('establish first');
    return encodeTunnelFrame(this.#sealer.seal(plaintext));
  }

  send(bytes: Uint8Array, to: Endpoint = this.victim.endpoint): void {
    this.#socket.send(bytes, to);
  }

  close(): Promise<void> {
    return this.#socket.close();
  }

  #receive(bytes: Uint8Array): void {
    const frame = decodeTunnelFrame((bytes[0] ?? 0) < 0x10 ? bytes.subarray(5) : bytes);
    if (frame.kind === 'key-request') this.send(this.keyExchange());
    if (frame.kind === 'key-exchange') {
      const key = deriveTunnelKey(this.#keys, frame.x25519PublicKey);
      if (this.#sealer !== undefined && this.#key?.every((byte, index) => byte === key[index])) return;
      this.#key = key;
      this.#sealer = new Sealer({ key, senderNodeId: this.nodeId, prefix: this.#input.bytes(4) });
    }
    if (frame.kind === 'sealed') this.#receiveSealed(frame);
  }

  #receiveSealed(frame: SealedFrame): void {
    const opened = this.#key === undefined ? undefined : openFrame(this.#key, frame);
    if (opened === undefined) return;
    this.#heard += 1;
    const packet = decodePacket(opened);
    if (packet.protocol === PROTOCOL.control && packet.flags === 0 && packet.payload.length > 0) this.#pong(packet);
    if (packet.protocol === PROTOCOL.stream && packet.flags === (FLAG.syn | FLAG.ack)) this.#note(packet);
  }

  #pong(ping: Packet): void {
    const { source, destination, sourcePort } = ping;
    const turned = { source: destination, destination: source, sourcePort: 0, destinationPort: sourcePort };
    const acknowledgement = (ping.sequence + 1) >>> 0;
    this.send(this.seal(encodePacket({ ...ping, ...turned, flags: FLAG.ack, acknowledgement })));
  }

  #note({ sourcePort, destinationPort, sequence, acknowledgement }: Packet): void {
    this.streams.push({
      ownPort: destinationPort,
      port: sourcePort,
      sequence: acknowledgement,
      acknowledgement: (sequence + 1) >>> 0,
    });
    if (this.streams.length > 32) this.streams.shift();
  }
}
