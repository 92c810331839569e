import { z } from 'zod';
import type { Instant, Millis } from '../../base/clock.ts';
import { openFrame } from '../../crypto/aead.ts';
import { nativePrimitives } from '../../crypto/native-primitives.ts';
import { Sealer } from '../../crypto/sealer.ts';
import { drainNode } from '../../node/drain-node.ts';
import type { NodeEvent } from '../../node/node-event.ts';
import { PilotNode } from '../../node/pilot-node.ts';
import { Directory } from '../../rendezvous/directory.ts';
import type { Connection } from '../../stream/connection.ts';
import { decodePacket, encodePacket, type Packet } from '../../wire/packet.ts';
import { base64, encodeRegistryReply, parseRegistryMessage } from '../../wire/registry-message.ts';
import { decodeTunnelFrame, encodeTunnelFrame, keyExchangeSignedBytes } from '../../wire/tunnel-frame.ts';
import { type Section, section, uint } from './section.ts';
import { RECORDED_CONFIG, readAll } from './stream-bench.ts';
import { packetOf, packetRecord, recordOf } from './stream-packet.ts';
import { A, advance, B, instantAt, PEER_ENDPOINT, recordedRandom, sharedKey } from './tunnel-bench.ts';

const scene = z.object({
  node: z.literal(A.nodeId),
  peer: z.literal(B.nodeId),
  node_is_public: z.boolean(),
  listening_ports: z.array(uint),
  packets_from_peer: z.array(packetRecord),
  wait_ms_after_each: z.number(),
});

/** A whole node 7 with a session to node 9, registered at a directory of ours, in virtual time. */
export const exchangeSections: Readonly<Record<string, Section>> = {
  packet_exchange: section(scene, (input) => {
    const bench = new NodeBench(input.node_is_public, input.listening_ports);
    const steps = input.packets_from_peer.map((record) => {
      const sent = bench.receive(packetOf(record), input.wait_ms_after_each);
      return { conn_state: bench.state(), sent_by_node_7: sent.map(recordOf) };
    });
    return { steps };
  }),
};

/** Nothing of the recordings is slower than this; a session stands long before. */
const OPENING_MS = 50;
const PEER_PREFIX = Uint8Array.of(1, 2, 3, 4);

class NodeBench {
  readonly #node: PilotNode;
  readonly #directory: Directory;
  readonly #key = sharedKey();
  readonly #sealer = new Sealer({ key: this.#key, senderNodeId: B.nodeId, prefix: PEER_PREFIX });
  #connection: Connection | undefined;
  #sent: Packet[] = [];
  #nowMs: Millis = 1_000;

  constructor(isPublic: boolean, ports: readonly number[]) {
    this.#directory = registryOf(this.#now);
    this.#node = new PilotNode(
      {
        identity: A.identity,
        random: recordedRandom,
        streams: RECORDED_CONFIG,
        profile: {
          listenAddress: '127.0.0.1:4000',
          lanAddresses: [],
          version: 'conformance',
          hostname: '',
          public: isPublic,
          tags: [],
        },
      },
      this.#now,
    );
    for (const port of ports) this.#node.streams.listen(port);
    this.#node.handleTimeout(this.#now);
    this.#node.handleRegistryOpened(this.#now);
    this.#drain(this.#now);
    this.#exchangeKeys();
  }

  /** Plays one packet of the peer's and returns what node 7 sends until the wait is over. */
  receive(packet: Packet, waitMs: Millis): Packet[] {
    this.#sent = [];
    this.#deliver(encodeTunnelFrame(this.#sealer.seal(encodePacket(packet))), waitMs);
    return this.#sent;
  }

  state(): string {
    const phase = this.#connection?.state.phase ?? 'closed';
    if (phase === 'closed') return '';
    return phase === 'syn-received' ? 'SYN_RECV' : phase.toUpperCase().replace('-', '_');
  }

  get #now(): Instant {
    return instantAt(this.#nowMs);
  }

  #exchangeKeys(): void {
    const x25519PublicKey = nativePrimitives.x25519PublicKey(B.x25519PrivateKey);
    const frame = encodeTunnelFrame({
      kind: 'key-exchange',
      senderNodeId: B.nodeId,
      x25519PublicKey,
      ed25519PublicKey: B.identity.publicKey,
      signature: B.identity.sign(keyExchangeSignedBytes(B.nodeId, x25519PublicKey)),
    });
    this.#deliver(frame, OPENING_MS);
  }

  #deliver(frame: Uint8Array, waitMs: Millis): void {
    this.#node.handleDatagram(frame, PEER_ENDPOINT, this.#now);
    this.#drain(this.#now);
    advance(this.#node, this.#nowMs, this.#nowMs + waitMs, (now) => this.#drain(now));
    this.#nowMs += waitMs;
  }

  #drain(now: Instant): void {
    drainNode(this.#node, {
      now: () => now,
      event: (event) => this.#handleEvent(event, now),
      datagram: ({ bytes }) => this.#handleSent(bytes),
      registryMessage: (message) => this.#askRegistry(message, now),
      reports: () => {}, // nobody collects them here
    });
  }

  #handleEvent(event: NodeEvent, now: Instant): void {
    if (event.type !== 'stream') return;
    const { type, connection } = event.event;
    if (type === 'accepted') this.#connection = connection;
    if (type === 'ended') readAll(connection, now);
  }

  #handleSent(bytes: Uint8Array): void {
    const frame = decodeTunnelFrame(bytes);
    const inner = frame.kind === 'sealed' ? openFrame(this.#key, frame) : undefined;
    if (inner !== undefined) this.#record(decodePacket(inner));
  }

  #askRegistry(message: Uint8Array, now: Instant): void {
    const source = { host: '127.0.0.1', port: 50_000 };
    const { reply } = this.#directory.handle(parseRegistryMessage(message), source, now);
    this.#node.handleRegistryMessage(encodeRegistryReply(reply), now);
  }

  /** Node 7 pings a fresh session by itself, which is no part of the exchange: a ping has no ACK. */
  #record(packet: Packet): void {
    const isOwnPing = packet.protocol === 3 && packet.flags === 0;
    if (!isOwnPing) this.#sent.push(packet);
  }
}

/** A directory that gives the ids of the recordings: 7 to A, 9 to B. */
function registryOf(now: Instant): Directory {
  const directory = new Directory({ acceptUnsigned: true });
  const source = { host: '127.0.0.1', port: 50_000 };
  for (let nodeId = 1; nodeId <= B.nodeId; nodeId++) {
    const filler = new Uint8Array(32).fill(nodeId);
    const publicKey = nodeId === A.nodeId ? A.identity.publicKey : nodeId === B.nodeId ? B.identity.publicKey : filler;
    const request = { type: 'register', listen_addr: '127.0.0.1:4000', public_key: base64(publicKey) };
    directory.handle(request, source, now);
  }
  return directory;
}
