import { fromHex } from '../../node-core/base/bytes.ts';
import type { Endpoint } from '../../node-core/base/transport.ts';
import { openFrame } from '../../node-core/crypto/aead.ts';
import { Identity } from '../../node-core/crypto/identity.ts';
import { createTunnelKeyPair, deriveTunnelKey } from '../../node-core/crypto/key-exchange.ts';
import { Sealer } from '../../node-core/crypto/sealer.ts';
import type { TunnelTableOptions } from '../../node-core/tunnel/tunnel-config.ts';
import type { TunnelEvent } from '../../node-core/tunnel/tunnel-event.ts';
import { TunnelTable } from '../../node-core/tunnel/tunnel-table.ts';
import { decodeBeaconMessage, encodeBeaconMessage } from '../../node-core/wire/beacon-message.ts';
import { decodePacket, encodePacket, FLAG, type Packet, PROTOCOL } from '../../node-core/wire/packet.ts';
import {
  decodeTunnelFrame,
  encodeTunnelFrame,
  keyExchangeSignedBytes,
  type TunnelFrame,
} from '../../node-core/wire/tunnel-frame.ts';
import { seededBytes, seededRandom } from './seeded-random.ts';
import { datagram } from './sim-tunnels.ts';

export const OWN = 7;
export const PEER = 9;
export const BEACON: Endpoint = { host: '127.0.0.1', port: 9001 };
export const PEER_ENDPOINT: Endpoint = { host: '127.0.0.1', port: 4009 };
export const STRANGER: Endpoint = { host: '127.0.0.1', port: 6666 };

/** A tunnel table under test, and a peer whose every byte the test decides. */
export class TunnelBench {
  readonly random = seededBytes(seededRandom(1));
  readonly table: TunnelTable;
  readonly identity = Identity.create(this.random);
  readonly events: TunnelEvent[] = [];
  peerIdentity = Identity.create(this.random);
  peerKeys = createTunnelKeyPair(this.random);
  registryKey: Uint8Array | undefined = this.peerIdentity.publicKey;
  /** The node ids that the registry has this key for. */
  isRegistered = (nodeId: number): boolean => nodeId === PEER;
  sealer: Sealer | undefined;
  nowMs = 100_000;
  #ownX25519: Uint8Array = new Uint8Array(32);

  constructor(options: Partial<TunnelTableOptions> = {}) {
    this.table = new TunnelTable({ identity: this.identity, random: this.random, beacon: BEACON, ...options });
    this.table.setNodeId(OWN, this.now);
    this.sent();
  }

  get now() {
    return { monotonicMs: this.nowMs, unixNano: BigInt(this.nowMs) * 1_000_000n };
  }

  /** Runs the table's timers up to a time, answering its questions for keys. */
  advance(ms: number): void {
    const until = this.nowMs + ms;
    for (;;) {
      this.collect();
      const next = this.table.nextTimeout();
      if (next === undefined || next > until) break;
      this.nowMs = Math.max(this.nowMs, next);
      this.table.handleTimeout(this.now);
    }
    this.nowMs = until;
  }

  collect(): void {
    for (let event = this.table.pollEvent(); event !== undefined; event = this.table.pollEvent()) {
      this.events.push(event);
      if (event.type !== 'key-needed') continue;
      const key = this.isRegistered(event.nodeId) ? this.registryKey : undefined;
      this.table.providePeerKey(event.nodeId, key, this.now);
    }
  }

  receive(frame: TunnelFrame | Uint8Array, from: Endpoint = PEER_ENDPOINT): void {
    const bytes = frame instanceof Uint8Array ? frame : encodeTunnelFrame(frame);
    this.table.handleDatagram(bytes.slice(), from, this.now);
    this.collect();
  }

  receiveRelayed(frame: TunnelFrame, from: Endpoint = BEACON): void {
    const message = { kind: 'relay-deliver', senderNodeId: PEER, frame: encodeTunnelFrame(frame) } as const;
    this.receive(encodeBeaconMessage(message), from);
  }

  /** What went out since the last call, with what is in relay messages unwrapped. */
  sent(): { readonly to: Endpoint; readonly relayed: boolean; readonly frame: TunnelFrame | undefined }[] {
    const all = [];
    for (let out = this.table.pollTransmit(); out !== undefined; out = this.table.pollTransmit()) {
      const message = (out.bytes[0] ?? 0) < 0x10 ? decodeBeaconMessage(out.bytes) : undefined;
      const relayed = message?.kind === 'relay';
      const bytes = relayed ? message.frame : message === undefined ? out.bytes : undefined;
      all.push({ to: out.to, relayed, frame: bytes === undefined ? undefined : decodeTunnelFrame(bytes) });
    }
    return all;
  }

  sentKinds(): string[] {
    return this.sent().map(({ to, relayed, frame }) => `${frame?.kind ?? 'beacon'} ${relayed ? 'relay' : to.port}`);
  }

  keyExchange(keys = this.peerKeys, identity = this.peerIdentity): TunnelFrame {
    return {
      kind: 'key-exchange',
      senderNodeId: PEER,
      x25519PublicKey: keys.publicKey,
      ed25519PublicKey: identity.publicKey,
      signature: identity.sign(keyExchangeSignedBytes(PEER, keys.publicKey)),
    };
  }

  keyRequest(keys = this.peerKeys): TunnelFrame {
    return { kind: 'key-request', senderNodeId: PEER, x25519PublicKey: keys.publicKey };
  }

  /** The peer introduces itself and learns our key. */
  establish(from: Endpoint = PEER_ENDPOINT): void {
    this.receive(this.keyExchange(), from);
    this.adopt();
  }

  /** The peer takes our newest key from what we sent, and seals under it from now on. */
  adopt(): void {
    for (const { frame } of this.sent()) if (frame?.kind === 'key-exchange') this.#ownX25519 = frame.x25519PublicKey;
    this.sealer = this.#createSealer();
  }

  get key(): Uint8Array {
    return deriveTunnelKey(this.peerKeys, this.#ownX25519);
  }

  /** Starts to count anew under the same keys, as stock does when it dropped its session. */
  remake(): void {
    this.sealer = this.#createSealer();
  }

  seal(packet: Packet): TunnelFrame {
    if (this.sealer === undefined) throw new Error('establish first');
    return this.sealer.seal(encodePacket(packet));
  }

  /** Seals any bytes as the peer, and delivers them. */
  receiveSealed(plaintext: Uint8Array): void {
    if (this.sealer !== undefined) this.receive(this.sealer.seal(plaintext));
  }

  say(text: string): TunnelFrame {
    return this.seal(datagram(PEER, OWN, text));
  }

  /** Opens what the table sent under the current keys; undefined for what is not for us to open. */
  open(frame: TunnelFrame | undefined): Packet | undefined {
    const opened = frame?.kind === 'sealed' ? openFrame(this.key, frame) : undefined;
    return opened === undefined ? undefined : decodePacket(opened);
  }

  /** Answers the pings that went to the peer's endpoint since the last call; returns the kinds of the other frames. */
  answerPings(): string[] {
    const others: string[] = [];
    for (const { to, frame, relayed } of this.sent()) {
      const ping = this.open(frame);
      const isPing = ping?.protocol === PROTOCOL.control && ping.flags === 0 && ping.payload.length > 0;
      if (isPing && !relayed && to.port === PEER_ENDPOINT.port) this.receive(this.seal(pong(ping)));
      else others.push(frame?.kind ?? 'beacon');
    }
    return others;
  }

  get texts(): string[] {
    return this.events.flatMap((e) => (e.type === 'payload' ? [new TextDecoder().decode(e.packet.payload)] : []));
  }

  types(...wanted: TunnelEvent['type'][]): TunnelEvent[] {
    return this.events.filter((event) => wanted.includes(event.type));
  }

  get reasons(): Record<string, number> {
    return Object.fromEntries(this.table.drops());
  }

  #createSealer(): Sealer {
    return new Sealer({ key: this.key, senderNodeId: PEER, prefix: this.random(4) });
  }
}

export function control(fields: Partial<Packet>): Packet {
  return { ...datagram(PEER, OWN, ''), protocol: PROTOCOL.control, sourcePort: 0, destinationPort: 0, ...fields };
}

export function pong(ping: Packet): Packet {
  return control({
    flags: FLAG.ack,
    destinationPort: ping.sourcePort,
    sequence: ping.sequence,
    acknowledgement: (ping.sequence + 1) >>> 0,
    payload: ping.payload,
  });
}

/** A ping of the peer's. */
export function ping(fields: Partial<Packet> = {}): Packet {
  return control({ sourcePort: 40_000, sequence: 0xffff_ffff, payload: fromHex('c0ffee'), ...fields });
}
