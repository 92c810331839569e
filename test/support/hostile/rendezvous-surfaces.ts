import { connect, type Socket } from 'node:net';
import { type Endpoint, parseEndpoint } from '../../../node-core/base/transport.ts';
import { UdpSocket } from '../../../node-core/io/udp-socket.ts';
import { type BeaconMessage, encodeBeaconMessage } from '../../../node-core/wire/beacon-message.ts';
import { encodeLengthPrefixed } from '../../../node-core/wire/length-prefix.ts';
import { encodeRegistryReply, type JsonObject } from '../../../node-core/wire/registry-message.ts';
import { publicKeyOf, signedRequest } from '../registry-bench.ts';
import { RegistryCaller } from '../registry-caller.ts';
import type { HostileInput } from './hostile-input.ts';
import type { Malice, Surface } from './surface.ts';

/** Every request that a client makes, as the node `own` would, about the node `other`. */
export function requestsOf(
  own: number,
  other: number,
  identitySeed: number,
): readonly (readonly [string, JsonObject])[] {
  return [
    ['register', { listen_addr: '127.0.0.1:4000', lan_addrs: ['10.0.0.1:1'], version: '1', hostname: 'h' }],
    ['heartbeat', { node_id: own, listen_addr: '127.0.0.1:1' }],
    ['deregister', { node_id: own }],
    ['lookup', { node_id: other }],
    ['resolve', { node_id: other, requester_id: own }],
    ['resolve_hostname', { hostname: 'h', requester_id: own }],
    ['set_hostname', { node_id: own, hostname: 'h' }],
    ['set_visibility', { node_id: own, public: true }],
    ['set_tags', { node_id: own, tags: ['a', 'b'] }],
    ['punch', { node_a: own, node_b: other, requester_id: own }],
    ['report_trust', { node_id: own, peer_id: other }],
    ['revoke_trust', { node_id: own, peer_id: other }],
    ['check_trust', { node_id: own, peer_id: other }],
    ['request_handshake', { from_node_id: own, to_node_id: other, justification: 'j' }],
    ['poll_handshakes', { node_id: own }],
    ['respond_handshake', { node_id: own, peer_id: other, accept: true }],
    ['create_network', { admin_token: 'wrong', name: 'n', node_id: own, join_rule: 'token', token: 't' }],
    ['list_networks', {}],
    ['list_nodes', { network_id: 1, node_id: own }],
    ['join_network', { node_id: own, network_id: 1, token: '' }],
    ['leave_network', { node_id: own, network_id: 1 }],
    ['rotate_key', { node_id: own, new_public_key: publicKeyOf(identitySeed) }],
  ];
}

/** Damaged messages on one connection: one whose length is wrong swallows those that follow. */
const DAMAGED_PER_CONNECTION = 8;

/** The registry's TCP port: each input is one message, or what should have been one. */
export class RegistrySurface implements Surface {
  readonly name = 'registry';
  readonly atOnce = 48;
  readonly #input: HostileInput;
  readonly #registry: string;
  readonly #seed: number;
  readonly #requests: ReturnType<typeof requestsOf>;
  #socket: { readonly socket: Socket; left: number } | undefined;
  #caller: RegistryCaller | undefined;

  private constructor(input: HostileInput, registry: string, seed: number, requests: ReturnType<typeof requestsOf>) {
    this.#input = input;
    this.#registry = registry;
    this.#seed = seed;
    this.#requests = requests;
  }

  static async open(
    registry: string,
    identitySeed: number,
    other: number,
    input: HostileInput,
  ): Promise<RegistrySurface> {
    const caller = await RegistryCaller.open(registry);
    const { node_id: own } = await caller.register(identitySeed);
    caller.close();
    return new RegistrySurface(input, registry, identitySeed, requestsOf(Number(own), other, identitySeed));
  }

  async hurl(malice: Malice): Promise<void> {
    const input = this.#input;
    if (malice === 'random') return this.#write(input.bytes(1 + input.upTo(64)));
    const [type, fields] = input.pick(this.#requests);
    if (malice === 'damaged') return this.#write(input.mutated(framed(signedRequest(this.#seed, type, fields))));
    const name = input.pick([...Object.keys(fields), 'public_key']);
    await this.#ask(signedRequest(this.#seed, type, { ...fields, [name]: input.value() }));
  }

  async close(): Promise<void> {
    this.#socket?.socket.destroy();
    this.#caller?.close();
  }

  /** Resolves when the bytes have left; a connection that was cut off, or had its share, is replaced. */
  #write(bytes: Uint8Array): Promise<void> {
    if (this.#socket === undefined || this.#socket.left === 0 || !this.#socket.socket.writable) {
      this.#socket?.socket.end();
      const { host, port } = parseEndpoint(this.#registry) as Endpoint;
      const socket = connect(port, host);
      socket.on('error', () => {});
      socket.resume();
      this.#socket = { socket, left: DAMAGED_PER_CONNECTION };
    }
    this.#socket.left -= 1;
    const { socket } = this.#socket;
    return new Promise((resolve) => {
      socket.write(bytes, () => resolve());
    });
  }

  async #ask(request: JsonObject): Promise<void> {
    this.#caller ??= await RegistryCaller.open(this.#registry);
    const caller = this.#caller;
    try {
      await caller.send(request);
    } catch {
      if (this.#caller === caller) this.#caller = undefined; // cut off: the next one calls again
    }
  }
}

function framed(request: JsonObject): Uint8Array {
  return encodeLengthPrefixed(encodeRegistryReply(request));
}

/** The beacon's socket: from a stranger, and from the endpoint of a registered node. */
export class BeaconSurface implements Surface {
  readonly name = 'beacon';
  readonly atOnce = 64;
  readonly #input: HostileInput;
  readonly #to: Endpoint;
  readonly #node: UdpSocket;
  readonly #stranger: UdpSocket;
  readonly #ids: readonly number[];

  private constructor(
    input: HostileInput,
    to: Endpoint,
    node: UdpSocket,
    stranger: UdpSocket,
    own: number,
    others: readonly number[],
  ) {
    this.#input = input;
    this.#to = to;
    this.#node = node;
    this.#stranger = stranger;
    this.#ids = [own, ...others];
  }

  static async open(
    registry: string,
    beacon: Endpoint,
    identitySeed: number,
    others: readonly number[],
    input: HostileInput,
  ): Promise<BeaconSurface> {
    const local = { host: '127.0.0.1', port: 0 };
    const [node, stranger] = await Promise.all([UdpSocket.bind(local), UdpSocket.bind(local)]);
    const caller = await RegistryCaller.open(registry);
    const reply = await caller.register(identitySeed, { listen_addr: `127.0.0.1:${node.local.port}` });
    caller.close();
    const own = Number(reply.node_id);
    node.send(encodeBeaconMessage({ kind: 'discover', nodeId: own }), beacon);
    return new BeaconSurface(input, beacon, node, stranger, own, others);
  }

  async hurl(malice: Malice): Promise<void> {
    const input = this.#input;
    switch (malice) {
      case 'random':
        return this.#stranger.send(this.#random(), this.#to);
      case 'damaged':
        return this.#stranger.send(input.mutated(encodeBeaconMessage(this.#message())), this.#to);
      case 'wrong inside':
        return this.#node.send(encodeBeaconMessage(this.#message()), this.#to);
      default:
        return malice satisfies never;
    }
  }

  async close(): Promise<void> {
    await this.#node.close();
    await this.#stranger.close();
  }

  #random(): Uint8Array {
    const bytes = this.#input.bytes(1 + this.#input.upTo(100));
    if (this.#input.chance(0.5)) bytes[0] = this.#input.upTo(16);
    return bytes;
  }

  #id(): number {
    return this.#input.chance(0.7) ? this.#input.pick(this.#ids) : this.#input.uint32();
  }

  #message(): BeaconMessage {
    const input = this.#input;
    const endpoint = { host: input.pick(['127.0.0.1', '10.0.0.1', '0.0.0.0', '::1']), port: input.upTo(0x1_0000) };
    const messages: readonly (() => BeaconMessage)[] = [
      () => ({ kind: 'discover', nodeId: this.#id() }),
      () => ({ kind: 'discover', nodeId: this.#id(), ed25519PublicKey: input.bytes(32) }),
      () => ({ kind: 'discover-ex', nodeId: this.#id() }),
      () => ({ kind: 'discover-reply', endpoint }),
      () => ({ kind: 'punch-request', requesterNodeId: this.#id(), targetNodeId: this.#id() }),
      () => ({
        kind: 'punch-request',
        requesterNodeId: this.#id(),
        targetNodeId: this.#id(),
        grant: { expiryUnixSeconds: BigInt(input.uint32()), signature: input.bytes(64) },
      }),
      () => ({ kind: 'punch-command', endpoint }),
      () => ({ kind: 'relay', senderNodeId: this.#id(), destinationNodeId: this.#id(), frame: this.#frame() }),
      () => ({ kind: 'relay-deliver', senderNodeId: this.#id(), frame: this.#frame() }),
      () => ({
        kind: 'relay-deliver-dest',
        senderNodeId: this.#id(),
        destinationNodeId: this.#id(),
        frame: this.#frame(),
      }),
      () => ({ kind: 'sync', beaconId: input.uint32(), nodeIds: Array.from({ length: 8 }, () => this.#id()) }),
      () => ({ kind: 'notify', notification: input.upTo(256) }),
    ];
    return input.pick(messages)();
  }

  #frame(): Uint8Array {
    return this.#input.bytes(this.#input.upTo(this.#input.chance(0.02) ? 8_000 : 100));
  }
}
