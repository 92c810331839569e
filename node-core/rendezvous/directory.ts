import type { Instant } from '../base/clock.ts';
import { type Endpoint, formatEndpoint, parseEndpoint } from '../base/transport.ts';
import { formatAddress } from '../wire/address.ts';
import { fromBase64, type JsonObject } from '../wire/registry-message.ts';
import type { DirectorySnapshot, NodeRecord } from './directory-state.ts';
import { GroupBook, memberOf } from './group-book.ts';
import { checkHostname, cleanTags } from './names.ts';
import { Request, RequestError, requireSignature } from './request.ts';
import { TrustLedger } from './trust-ledger.ts';

export interface DirectoryOptions {
  /** Without one, nobody can create groups over the wire. */
  readonly adminToken?: string;
  /** `H:P` of the beacon, which stands in for the address of a node that hides its own. */
  readonly beaconAddress?: string;
  /** A node that sent no heartbeat so long is gone; its id, memberships and trust stay. */
  readonly staleAfterMs?: number;
}

export interface DirectoryReply {
  readonly reply: JsonObject;
  /** True when something changed that must be on disk before the reply is sent. */
  readonly changed: boolean;
  /** A node to be told by the beacon that a handshake waits for it. */
  readonly notify?: number;
}

const STALE_AFTER_MS = 300_000;
const MAX_NODES = 1_000_000;
/** Above this a stock daemon takes some ids for agents it trusts from the start. */
const FIRST_RESERVED_NODE_ID = 16_000;
const AFTER_RESERVED_NODE_ID = 1_000_000;
const MAX_LAN_ADDRESSES = 16;
const MAX_TEXT = 256;

type Handler = (request: Request, source: Endpoint, now: Instant) => JsonObject;

/**
 * The registry as pure state: who is registered, in which groups, and who lets whom reach it. One request in, one reply
 * out. Requests and their words are those of running servers; where it is stricter, PROTOCOL.md, "Rendezvous", says why.
 */
export class Directory {
  readonly #options: DirectoryOptions;
  readonly #nodes = new Map<number, NodeRecord>();
  readonly #idsByKey = new Map<string, number>();
  readonly #groups = new GroupBook();
  readonly #trust = new TrustLedger();
  #nextNodeId = 1;
  #changed = false;
  #notify: number | undefined;

  constructor(options: DirectoryOptions = {}) {
    this.#options = options;
  }

  static restore(snapshot: DirectorySnapshot, options: DirectoryOptions = {}): Directory {
    const directory = new Directory(options);
    for (const node of snapshot.nodes) {
      directory.#nodes.set(node.nodeId, node);
      directory.#idsByKey.set(node.publicKey, node.nodeId);
    }
    directory.#nextNodeId = snapshot.nextNodeId;
    directory.#groups.restore(snapshot.networks, snapshot.nextNetworkId);
    directory.#trust.restore(snapshot.consents, snapshot.mailbox);
    return directory;
  }

  snapshot(): DirectorySnapshot {
    return {
      format: 'flightdeck-directory/1',
      nextNodeId: this.#nextNodeId,
      nextNetworkId: this.#groups.nextNetworkId,
      nodes: [...this.#nodes.values()],
      networks: this.#groups.networks,
      consents: this.#trust.consents,
      mailbox: [...this.#trust.mailbox],
    };
  }

  /** Makes an open group without an owner, unless there is one of that name; for the operator of the rendezvous itself. */
  ensureGroup(name: string, now: Instant): void {
    if (this.#groups.find(name) !== undefined) return;
    this.#groups.create({ name, joinRule: 'open', token: '', enterprise: false, created: unixSeconds(now) });
  }

  handle(fields: JsonObject, source: Endpoint, now: Instant): DirectoryReply {
    this.#changed = false;
    this.#notify = undefined;
    const reply = this.#answer(new Request(fields), source, now);
    const notify = this.#notify === undefined ? {} : { notify: this.#notify };
    return { reply, changed: this.#changed, ...notify };
  }

  #answer(request: Request, source: Endpoint, now: Instant): JsonObject {
    try {
      const handler = Object.hasOwn(this.#handlers, request.type) ? this.#handlers[request.type] : undefined;
      if (handler === undefined) throw new RequestError(`unknown message type "${request.type.slice(0, 64)}"`);
      return { ...handler(request, source, now), type: `${request.type}_ok` };
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return { type: 'error', error: error.message };
    }
  }

  readonly #handlers: Readonly<Record<string, Handler>> = {
    register: (request, source, now) => this.#register(request, source, now),
    heartbeat: (request, source, now) => this.#heartbeat(request, source, now),
    deregister: (request) => this.#deregister(request),
    rotate_key: (request, _source, now) => this.#rotateKey(request, now),
    get_key_info: (request) => this.#keyInfo(request),
    lookup: (request) => this.#lookup(request),
    resolve: (request, _source, now) => this.#resolve(request, now),
    resolve_hostname: (request) => this.#resolveHostname(request),
    set_hostname: (request) => this.#setHostname(request),
    set_visibility: (request) => this.#setVisibility(request),
    set_tags: (request) => this.#setTags(request),
    punch: (request) => this.#punch(request),
    report_trust: (request) => this.#reportTrust(request),
    revoke_trust: (request) => this.#revokeTrust(request),
    check_trust: (request) => ({ trusted: this.#allows(request.uint('node_id', 32), request.uint('peer_id', 32)) }),
    request_handshake: (request, _source, now) => this.#requestHandshake(request, now),
    poll_handshakes: (request) => this.#pollHandshakes(request),
    respond_handshake: (request, _source, now) => this.#respondHandshake(request, now),
    create_network: (request, _source, now) => this.#createNetwork(request, now),
    delete_network: (request) => this.#deleteNetwork(request),
    join_network: (request) => this.#joinNetwork(request),
    leave_network: (request) => this.#leaveNetwork(request),
    list_networks: () => this.#listNetworks(),
    list_nodes: (request, _source, now) => this.#listNodes(request, now),
    get_network_policy: (request) => ({
      network_id: request.uint('network_id', 16),
      allowed_ports: [],
      max_members: 0,
      description: '',
    }),
    get_member_tags: (request) => this.#memberTags(request),
    poll_invites: (request) => {
      this.#authenticate(request, 'node_id');
      return { invites: [] };
    },
    beacon_list: () => ({ beacons: [] }),
  };

  // Identity

  #register(request: Request, source: Endpoint, now: Instant): JsonObject {
    const publicKey = request.text('public_key');
    const key = this.#requirePublicKey(publicKey);
    const known = this.#nodes.get(this.#idsByKey.get(publicKey) ?? 0);
    if (request.text('signature') !== '') requireSignature(request, key);
    else if (known?.signed) throw new RequestError('unsigned registration cannot modify a signature-verified key');
    const node = known ?? this.#addNode(publicKey, now);
    const address = observedAddress(request, source);
    Object.assign(node, {
      realAddress: address,
      lanAddresses: request
        .texts('lan_addrs')
        .slice(0, MAX_LAN_ADDRESSES)
        .filter((lan) => parseEndpoint(lan) !== undefined),
      owner: node.owner || request.text('owner').slice(0, MAX_TEXT),
      version: request.text('version').slice(0, MAX_TEXT) || node.version,
      relayOnly: request.truth('relay_only'),
      signed: node.signed || request.text('signature') !== '',
      present: true,
      lastSeen: unixMs(now),
    });
    this.#changed = true;
    return {
      node_id: node.nodeId,
      network_id: 0,
      address: formatAddress({ network: 0, node: node.nodeId }),
      public_key: publicKey,
      observed_addr: address,
      protocol_version: 1,
      ...this.#registerHostname(node, request),
    };
  }

  /** A name that cannot be had fails the naming, never the registration. */
  #registerHostname(node: NodeRecord, request: Request): JsonObject {
    const hostname = request.text('hostname');
    if (hostname === '') return node.hostname === '' ? {} : { hostname: node.hostname };
    try {
      this.#claimHostname(node, hostname);
      return { hostname };
    } catch (error) {
      if (error instanceof RequestError) return { hostname_error: error.message };
      throw error;
    }
  }

  #requirePublicKey(text: string): Uint8Array {
    if (text === '') throw new RequestError('public key required');
    const key = fromBase64(text);
    if (key === undefined) throw new RequestError('invalid public key: not standard base64');
    if (key.length !== 32) throw new RequestError(`invalid public key: invalid public key size: ${key.length}`);
    return key;
  }

  #addNode(publicKey: string, now: Instant): NodeRecord {
    if (this.#nodes.size >= MAX_NODES) throw new RequestError('registry full: too many nodes');
    const nodeId = this.#nextNodeId;
    this.#nextNodeId = nodeId + 1 === FIRST_RESERVED_NODE_ID ? AFTER_RESERVED_NODE_ID : nodeId + 1;
    const node: NodeRecord = {
      nodeId,
      publicKey,
      owner: '',
      realAddress: '',
      lanAddresses: [],
      version: '',
      hostname: '',
      tags: [],
      public: false,
      relayOnly: false,
      signed: false,
      present: true,
      keyCreatedAt: unixMs(now),
      rotations: 0,
      lastSeen: unixMs(now),
    };
    this.#nodes.set(nodeId, node);
    this.#idsByKey.set(publicKey, nodeId);
    return node;
  }

  #heartbeat(request: Request, source: Endpoint, now: Instant): JsonObject {
    const node = this.#authenticate(request, 'node_id');
    if (request.has('listen_addr')) {
      node.realAddress = observedAddress(request, source);
      this.#changed = true;
    }
    node.lastSeen = unixMs(now);
    return { time: unixSeconds(now) };
  }

  #deregister(request: Request): JsonObject {
    const node = this.#authenticate(request, 'node_id');
    node.present = false;
    node.hostname = '';
    this.#changed = true;
    return {};
  }

  #rotateKey(request: Request, now: Instant): JsonObject {
    const node = this.#authenticate(request, 'node_id');
    const publicKey = request.text('new_public_key');
    this.#requirePublicKey(publicKey);
    if (this.#idsByKey.has(publicKey)) throw new RequestError('public key already in use');
    this.#idsByKey.delete(node.publicKey);
    this.#idsByKey.set(publicKey, node.nodeId);
    Object.assign(node, { publicKey, keyCreatedAt: unixMs(now), rotations: node.rotations + 1 });
    this.#changed = true;
    return { node_id: node.nodeId, address: formatAddress({ network: 0, node: node.nodeId }), public_key: publicKey };
  }

  #keyInfo(request: Request): JsonObject {
    const node = this.#require(request.uint('node_id', 32));
    return { created_at: new Date(node.keyCreatedAt).toISOString(), rotate_count: node.rotations };
  }

  // Directory

  #lookup(request: Request): JsonObject {
    const node = this.#require(request.uint('node_id', 32));
    return {
      node_id: node.nodeId,
      address: formatAddress({ network: 0, node: node.nodeId }),
      networks: [0, ...this.#groups.idsOf(node.nodeId)],
      public_key: node.publicKey,
      public: node.public,
      ...described(node),
      ...(node.public && !node.relayOnly ? { real_addr: node.realAddress } : {}),
    };
  }

  #resolve(request: Request, now: Instant): JsonObject {
    const requester = this.#authenticate(request, 'requester_id');
    const target = this.#require(request.uint('node_id', 32));
    if (!target.public && !this.#allows(target.nodeId, requester.nodeId)) {
      throw new RequestError(`resolve denied: node ${target.nodeId} is private (establish mutual trust first)`);
    }
    return {
      node_id: target.nodeId,
      public_key: target.publicKey,
      key_age_days: Math.floor((unixMs(now) - target.keyCreatedAt) / 86_400_000),
      ...(target.relayOnly
        ? { relay_only: true, real_addr: this.#options.beaconAddress ?? '' }
        : {
            real_addr: target.realAddress,
            ...(target.lanAddresses.length > 0 ? { lan_addrs: target.lanAddresses } : {}),
          }),
    };
  }

  /** A private name looks like an unknown one to strangers. */
  #resolveHostname(request: Request): JsonObject {
    const hostname = request.text('hostname');
    const requester = request.uint('requester_id', 32);
    const node = this.#named(hostname);
    const visible =
      node !== undefined && (node.public || node.nodeId === requester || this.#allows(node.nodeId, requester));
    if (node === undefined || !visible) throw new RequestError(`hostname "${hostname.slice(0, 64)}" not found`);
    return {
      node_id: node.nodeId,
      address: formatAddress({ network: 0, node: node.nodeId }),
      public: node.public,
      hostname,
    };
  }

  #setHostname(request: Request): JsonObject {
    const node = this.#authenticate(request, 'node_id');
    const hostname = request.text('hostname');
    this.#claimHostname(node, hostname);
    return { node_id: node.nodeId, hostname };
  }

  #claimHostname(node: NodeRecord, hostname: string): void {
    checkHostname(hostname);
    const holder = hostname === '' ? undefined : this.#named(hostname);
    if (holder !== undefined && holder !== node) {
      throw new RequestError(`hostname "${hostname}" already in use by node ${holder.nodeId}`);
    }
    if (node.hostname === hostname) return;
    node.hostname = hostname;
    this.#changed = true;
  }

  #setVisibility(request: Request): JsonObject {
    const node = this.#authenticate(request, 'node_id');
    const wanted = request.truth('public');
    this.#changed = node.public !== wanted;
    node.public = wanted;
    return { node_id: node.nodeId, visibility: wanted ? 'public' : 'private' };
  }

  #setTags(request: Request): JsonObject {
    const node = this.#authenticate(request, 'node_id');
    node.tags = cleanTags(request.texts('tags'));
    this.#changed = true;
    return { node_id: node.nodeId, tags: node.tags };
  }

  /** Only those who may resolve both learn their addresses. */
  #punch(request: Request): JsonObject {
    const requester = this.#authenticate(request, 'requester_id');
    const nodes = [this.#require(request.uint('node_a', 32)), this.#require(request.uint('node_b', 32))] as const;
    if (!nodes.includes(requester)) throw new RequestError('cannot punch for others');
    const [a, b] = nodes;
    for (const node of nodes) {
      const allowed = node === requester || node.public || this.#allows(node.nodeId, requester.nodeId);
      if (!allowed) throw new RequestError(`punch denied: node ${node.nodeId} is private`);
    }
    return { node_a: a.nodeId, node_a_addr: a.realAddress, node_b: b.nodeId, node_b_addr: b.realAddress };
  }

  // Trust

  #reportTrust(request: Request): JsonObject {
    const node = this.#authenticate(request, 'node_id');
    const peer = this.#require(request.uint('peer_id', 32));
    this.#trust.consent(node.nodeId, peer.nodeId);
    this.#changed = true;
    return {};
  }

  #revokeTrust(request: Request): JsonObject {
    const node = this.#authenticate(request, 'node_id');
    this.#trust.revoke(node.nodeId, request.uint('peer_id', 32));
    this.#changed = true;
    return {};
  }

  #requestHandshake(request: Request, now: Instant): JsonObject {
    const from = this.#authenticate(request, 'from_node_id');
    const to = this.#require(request.uint('to_node_id', 32));
    this.#trust.request(from.nodeId, to.nodeId, request.text('justification'), unixSeconds(now));
    this.#changed = true;
    this.#notify = to.nodeId;
    return { status: 'delivered' };
  }

  #pollHandshakes(request: Request): JsonObject {
    const node = this.#authenticate(request, 'node_id');
    const mine = this.#trust.poll(node.nodeId);
    this.#changed = mine.length > 0;
    const of = (kind: 'request' | 'response') => mine.filter((entry) => entry.kind === kind);
    return {
      requests: of('request').map(({ from, justification, timestamp }) => ({
        from_node_id: from,
        justification,
        timestamp,
      })),
      responses: of('response').map(({ from, accept, timestamp }) => ({ from_node_id: from, accept, timestamp })),
    };
  }

  #respondHandshake(request: Request, now: Instant): JsonObject {
    const node = this.#authenticate(request, 'node_id');
    const peer = this.#require(request.uint('peer_id', 32));
    const accept = request.truth('accept');
    this.#trust.respond(node.nodeId, peer.nodeId, accept, unixSeconds(now));
    this.#changed = true;
    this.#notify = peer.nodeId;
    return { accept, peer_id: peer.nodeId };
  }

  #allows(node: number, peer: number): boolean {
    return this.#trust.allows(node, peer) || this.#groups.share(node, peer);
  }

  // Groups

  #createNetwork(request: Request, now: Instant): JsonObject {
    this.#requireAdmin(request);
    const nodeId = request.uint('node_id', 32);
    const owner = nodeId === 0 ? undefined : this.#require(nodeId).nodeId;
    const network = this.#groups.create(
      {
        name: request.text('name'),
        joinRule: request.text('join_rule') || 'open',
        token: request.text('token'),
        enterprise: request.truth('enterprise'),
        created: unixSeconds(now),
      },
      owner,
    );
    this.#changed = true;
    return { network_id: network.networkId, name: network.name, enterprise: network.enterprise };
  }

  #deleteNetwork(request: Request): JsonObject {
    this.#requireAdmin(request);
    const networkId = request.uint('network_id', 16);
    this.#groups.delete(networkId);
    this.#changed = true;
    return { network_id: networkId };
  }

  #joinNetwork(request: Request): JsonObject {
    const networkId = request.uint('network_id', 16);
    if (networkId === 0) throw new RequestError('cannot join the backbone network');
    const node = this.#authenticate(request, 'node_id');
    this.#groups.join(networkId, node.nodeId, request.text('token'));
    this.#changed = true;
    return { network_id: networkId, address: formatAddress({ network: networkId, node: node.nodeId }) };
  }

  #leaveNetwork(request: Request): JsonObject {
    const networkId = request.uint('network_id', 16);
    if (networkId === 0) throw new RequestError('cannot leave the backbone network');
    const node = this.#authenticate(request, 'node_id');
    this.#groups.leave(networkId, node.nodeId);
    this.#changed = true;
    return { network_id: networkId };
  }

  #listNetworks(): JsonObject {
    const present = [...this.#nodes.values()].filter((node) => node.present).length;
    const backbone = { id: 0, name: 'backbone', join_rule: 'open', members: present, enterprise: false, created: 0 };
    const groups = this.#groups.networks.map((network) => ({
      id: network.networkId,
      name: network.name,
      join_rule: network.joinRule,
      members: network.members.length,
      enterprise: network.enterprise,
      created: network.created,
    }));
    return { networks: [backbone, ...groups] };
  }

  #listNodes(request: Request, now: Instant): JsonObject {
    const networkId = request.uint('network_id', 16);
    if (networkId === 0) this.#requireAdmin(request);
    const network = networkId === 0 ? undefined : this.#groups.require(networkId);
    const ids = network?.members.map((member) => member.nodeId) ?? [...this.#nodes.keys()];
    const nodes = ids.map((nodeId) => {
      const node = this.#nodes.get(nodeId);
      const member = network === undefined ? undefined : memberOf(network, nodeId);
      const role =
        member === undefined
          ? {}
          : { role: member.role, ...(member.tags.length > 0 ? { member_tags: member.tags } : {}) };
      const address = formatAddress({ network: networkId, node: nodeId });
      if (node === undefined || !this.#isPresent(node, now))
        return { node_id: nodeId, address, offline: true, ...role };
      return {
        node_id: nodeId,
        address,
        public: node.public,
        last_seen: new Date(node.lastSeen).toISOString(),
        ...described(node),
        ...(node.public && !node.relayOnly ? { real_addr: node.realAddress } : {}),
        ...role,
      };
    });
    return { nodes };
  }

  #memberTags(request: Request): JsonObject {
    const network = this.#groups.require(request.uint('network_id', 16));
    const nodeId = request.uint('node_id', 32);
    return { network_id: network.networkId, node_id: nodeId, tags: memberOf(network, nodeId)?.tags ?? [] };
  }

  // Access

  #requireAdmin(request: Request): void {
    const { adminToken } = this.#options;
    if (adminToken === undefined) throw new RequestError('cannot administer this registry: it has no admin token');
    if (request.text('admin_token') !== adminToken) throw new RequestError('invalid admin token');
  }

  #authenticate(request: Request, field: string): NodeRecord {
    const node = this.#require(request.uint(field, 32));
    requireSignature(request, fromBase64(node.publicKey) ?? new Uint8Array(32));
    return node;
  }

  #require(nodeId: number): NodeRecord {
    const node = this.#nodes.get(nodeId);
    if (node?.present) return node;
    throw new RequestError(`node ${nodeId}: node not found`);
  }

  #named(hostname: string): NodeRecord | undefined {
    for (const node of this.#nodes.values()) if (node.present && node.hostname === hostname) return node;
    return undefined;
  }

  /** Only the member list judges silence: a late heartbeat still finds its record. */
  #isPresent(node: NodeRecord, now: Instant): boolean {
    return node.present && unixMs(now) - node.lastSeen < (this.#options.staleAfterMs ?? STALE_AFTER_MS);
  }
}

function described(node: NodeRecord): JsonObject {
  return {
    ...(node.hostname === '' ? {} : { hostname: node.hostname }),
    ...(node.tags.length === 0 ? {} : { tags: node.tags }),
    ...(node.version === '' ? {} : { version: node.version }),
  };
}

/** The source address of the connection with the port the node listens on: nobody can register a foreign address. */
function observedAddress(request: Request, source: Endpoint): string {
  const port = /:(\d{1,5})$/.exec(request.text('listen_addr'))?.[1];
  return formatEndpoint({
    host: source.host,
    port: port === undefined || Number(port) > 65_535 ? source.port : Number(port),
  });
}

function unixMs(now: Instant): number {
  return Number(now.unixNano / 1_000_000n);
}

function unixSeconds(now: Instant): number {
  return Number(now.unixNano / 1_000_000_000n);
}
