import { BoundedQueue } from '../base/bounded-queue.ts';
import type { Instant, Millis, RandomBytes } from '../base/clock.ts';
import { DeadlineQueue } from '../base/deadline-queue.ts';
import { PilotError } from '../base/errors.ts';
import { FLAG, hasFlag, type Packet, PROTOCOL } from '../wire/packet.ts';
import { Connection } from './connection.ts';
import type { StreamDropReason } from './connection-event.ts';
import type { ConnectionHost } from './connection-state.ts';
import { EphemeralPorts } from './ephemeral-ports.ts';
import { ReceiveShares } from './receive-share.ts';
import { ResetResponder } from './reset-responder.ts';
import { STREAM_DEFAULTS, type StreamConfig } from './stream-config.ts';
import type { StreamEvent } from './stream-event.ts';
import { SynAdmission } from './syn-admission.ts';

export interface PortTableOptions {
  readonly randomBytes: RandomBytes;
  readonly config?: Partial<StreamConfig>;
  /** Where initial sequence numbers come from; by default 32 fresh random bits for each dial and each accept. */
  readonly initialSequence?: () => number;
}

/** Whom to dial. */
export interface DialTarget {
  /** The group whose address is dialled; 0 is the backbone. */
  readonly network: number;
  readonly node: number;
  readonly port: number;
}

/** A SYN that is not let in for one of these gets RST: its repeat would fare no better. */
const REFUSED: ReadonlySet<StreamDropReason> = new Set(['no-listener', 'too-many-streams', 'peer-streams']);

/** Streams of one peer: both ports and the peer's network in one number of 48 bits. */
type PeerStreams = Map<number, Connection>;

/**
 * All streams of a node. It is fed with decoded packets whose source was authenticated, and drained with `pollPacket`
 * and `pollEvent` until both give undefined; then `nextTimeout` says when to come back with `handleTimeout`.
 */
export class PortTable {
  /** The own node id; 0 until the registry gave one. */
  nodeId: number;
  readonly #config: StreamConfig;
  readonly #initialSequence: () => number;
  readonly #ports: EphemeralPorts;
  readonly #admission: SynAdmission;
  readonly #resets: ResetResponder;
  readonly #shares: ReceiveShares;
  readonly #listeners = new Set<number>();
  readonly #peers = new Map<number, PeerStreams>();
  readonly #streamsOfPort = new Map<number, Set<Connection>>();
  readonly #deadlines = new DeadlineQueue<Connection>();
  readonly #touched = new Set<Connection>();
  readonly #drops = new Map<StreamDropReason, number>();
  /** Without a limit, since no event may be lost; the number of streams and of SYNs bounds it. */
  readonly #events = new BoundedQueue<StreamEvent>({ items: Number.POSITIVE_INFINITY });
  #size = 0;

  constructor(nodeId: number, options: PortTableOptions) {
    this.nodeId = nodeId;
    this.#config = { ...STREAM_DEFAULTS, ...options.config };
    this.#initialSequence = options.initialSequence ?? (() => randomUint32(options.randomBytes));
    this.#ports = new EphemeralPorts(options.randomBytes, this.#config.portReuseMs);
    this.#admission = new SynAdmission(this.#config);
    this.#resets = new ResetResponder(this.#config.resetsPerSecond);
    this.#shares = new ReceiveShares(this.#config);
  }

  /** Streams that exist, those in TIME_WAIT included. */
  get size(): number {
    return this.#size;
  }

  /** Packets that were not used, by reason. */
  get drops(): ReadonlyMap<StreamDropReason, number> {
    return this.#drops;
  }

  /** Streams with a peer that are not over. */
  openStreams(nodeId: number): Connection[] {
    return [...(this.#peers.get(nodeId)?.values() ?? [])].filter((connection) => !connection.isOver);
  }

  /** @throws PilotError `port.in-use` when something listens there already. */
  listen(port: number): void {
    if (this.#listeners.has(port)) throw new PilotError('port.in-use', `port ${port} is taken`, { port });
    this.#listeners.add(port);
  }

  /**
   * Opens a stream from a fresh ephemeral port. Data may be written at once; it follows the opening.
   *
   * @throws PilotError `dial.self`, `port.exhausted`; `queue.full` when the node has its most streams.
   */
  dial(target: DialTarget, now: Instant): Connection {
    const { network, node, port } = target;
    if (node === this.nodeId) throw new PilotError('dial.self', 'a node does not dial itself', { node });
    if (this.#size >= this.#config.streams) throw new PilotError('queue.full', 'no room for another stream');
    const inUse = (local: number) => this.#listeners.has(local) || this.#find(node, network, local, port) !== undefined;
    const localPort = this.#ports.draw(remoteName(target), inUse, now.monotonicMs);
    const connection = this.#create((host) =>
      Connection.dial(
        {
          local: { network, node: this.nodeId },
          remote: { network, node },
          localPort,
          remotePort: port,
          initialSequence: this.#initialSequence(),
          config: this.#config,
          share: this.#shares.open(node),
          host,
        },
        now,
      ),
    );
    this.#add(connection);
    return connection;
  }

  /** Whether this packet would make a new stream: the moment to ask whether its source may. */
  opensStream(packet: Packet): boolean {
    if (packet.protocol !== PROTOCOL.stream || !isSyn(packet)) return false;
    const known = this.#findFor(packet);
    if (known === undefined || known.isOver || known.isUnproven) return true;
    return known.role === 'acceptor' && !known.isRepeated(packet);
  }

  /** Takes one packet; its payload is kept as a view, so the caller hands it over. */
  handlePacket(packet: Packet, now: Instant): void {
    if (packet.protocol !== PROTOCOL.stream) return this.#count('not-a-stream');
    const known = this.#findFor(packet);
    if (isSyn(packet)) return this.#handleSyn(packet, known, now);
    if (known === undefined) {
      this.#count('unknown-stream');
      return this.#refuse(packet, now);
    }
    if (known.local.network !== packet.destination.network) return this.#count('wrong-network');
    known.handlePacket(packet, now);
  }

  /** The peer has a new key: each of its streams must show that the peer still knows it. */
  peerRekeyed(nodeId: number, now: Instant): void {
    for (const connection of this.openStreams(nodeId)) connection.doubt(now);
  }

  /** The peer cannot be reached any more: its streams end without a word to it. */
  peerGone(nodeId: number): void {
    for (const connection of this.openStreams(nodeId)) connection.end('peer-gone', { tellPeer: false });
  }

  handleTimeout(now: Instant): void {
    for (;;) {
      const connection = this.#deadlines.takeDue(now.monotonicMs);
      if (connection === undefined) return;
      connection.handleTimeout(now);
      this.#touched.add(connection);
    }
  }

  nextTimeout(): Millis | undefined {
    return this.#deadlines.next();
  }

  /** The next packet to send, stamped with `now`: read the clock just before. Call until undefined. */
  pollPacket(now: Instant): Packet | undefined {
    const reset = this.#resets.poll();
    if (reset !== undefined) return reset;
    for (const connection of this.#touched) {
      const packet = connection.pollPacket(now);
      if (packet !== undefined) return packet;
      this.#touched.delete(connection);
      this.#settle(connection, now.monotonicMs);
    }
    return undefined;
  }

  pollEvent(): StreamEvent | undefined {
    return this.#events.shift();
  }

  #handleSyn(packet: Packet, known: Connection | undefined, now: Instant): void {
    if (known !== undefined) {
      if (known.isRepeated(packet)) return known.repeatSynAck();
      const alive = !known.isOver && !known.isUnproven;
      if (alive && known.role === 'dialler') return this.#count('unexpected-syn'); // no simultaneous open
    }
    const verdict = this.#judge(packet, now.monotonicMs);
    if (verdict !== undefined) {
      this.#count(verdict);
      if (known?.isUnproven) known.end('replaced', { tellPeer: false }); // its peer has certainly forgotten it
      return REFUSED.has(verdict) ? this.#refuse(packet, now) : undefined;
    }
    if (known !== undefined) this.#replace(known, now.monotonicMs);
    this.#accept(packet, now);
  }

  #judge(packet: Packet, nowMs: Millis): StreamDropReason | undefined {
    const port = packet.destinationPort;
    if (!this.#listeners.has(port)) return 'no-listener';
    const admission = this.#admission.admit(packet.source.node, nowMs);
    if (admission !== 'admitted') return admission;
    const ofPort = this.#streamsOfPort.get(port);
    if (this.#size >= this.#config.streams || (ofPort?.size ?? 0) >= this.#config.streamsPerPort) {
      return 'too-many-streams';
    }
    const peer = packet.source.node;
    const accepted = [...(this.#peers.get(peer)?.values() ?? [])].filter(({ role }) => role === 'acceptor');
    const here = accepted.filter(({ localPort }) => localPort === port);
    if (accepted.length >= this.#config.streamsPerPeer || here.length >= this.#config.streamsPerPortAndPeer) {
      return 'peer-streams';
    }
    const halfOpen = [...(ofPort ?? [])].filter((connection) => connection.state.phase === 'syn-received');
    const fits = halfOpen.length < this.#config.backlog || this.#makeRoom(halfOpen, peer);
    return fits ? undefined : 'backlog-full';
  }

  /** A full backlog is shared out: the peer with the most unconfirmed streams loses its oldest to one that has fewer. */
  #makeRoom(halfOpen: readonly Connection[], peerNodeId: number): boolean {
    const byPeer = new Map<number, Connection[]>();
    for (const each of halfOpen) byPeer.set(each.remote.node, [...(byPeer.get(each.remote.node) ?? []), each]);
    const [oldest, ...others] = [...byPeer.values()].reduce((most, each) => (each.length > most.length ? each : most));
    if (oldest === undefined || others.length <= (byPeer.get(peerNodeId)?.length ?? 0)) return false;
    this.#count('peer-backlog');
    oldest.end('silence', { tellPeer: true });
    return true;
  }

  #accept(syn: Packet, now: Instant): void {
    const connection = this.#create((host) =>
      Connection.accept(
        {
          local: { network: syn.destination.network, node: this.nodeId },
          remote: syn.source,
          localPort: syn.destinationPort,
          remotePort: syn.sourcePort,
          initialSequence: this.#initialSequence(),
          config: this.#config,
          share: this.#shares.open(syn.source.node),
          host,
        },
        syn,
        now,
      ),
    );
    this.#add(connection);
    this.#events.push({ type: 'accepted', connection, port: connection.localPort });
  }

  /** A connection knows nothing of the table's events: its own get its name here. */
  #create(make: (host: ConnectionHost) => Connection): Connection {
    const connection: Connection = make({
      touched: () => this.#touched.add(connection),
      emit: (event) => this.#events.push({ ...event, connection }),
      count: (reason) => this.#count(reason),
      refuse: (packet, now) => this.#refuse(packet, now),
    });
    return connection;
  }

  #replace(connection: Connection, nowMs: Millis): void {
    connection.end('replaced', { tellPeer: false });
    this.#touched.delete(connection);
    this.#remove(connection, nowMs);
  }

  #settle(connection: Connection, nowMs: Millis): void {
    if (connection.state.phase === 'closed') this.#remove(connection, nowMs);
    else this.#deadlines.set(connection, connection.nextTimeout());
  }

  #add(connection: Connection): void {
    const { remote, localPort, remotePort } = connection;
    const streams = this.#peers.get(remote.node) ?? new Map<number, Connection>();
    this.#peers.set(remote.node, streams.set(streamKey(remote.network, localPort, remotePort), connection));
    const ofPort = this.#streamsOfPort.get(localPort) ?? new Set<Connection>();
    this.#streamsOfPort.set(localPort, ofPort.add(connection));
    this.#size += 1;
    this.#touched.add(connection);
  }

  #remove(connection: Connection, nowMs: Millis): void {
    const { remote, localPort, remotePort } = connection;
    const streams = this.#peers.get(remote.node);
    const key = streamKey(remote.network, localPort, remotePort);
    if (streams?.get(key) !== connection) return;
    streams.delete(key);
    if (streams.size === 0) this.#peers.delete(remote.node);
    const ofPort = this.#streamsOfPort.get(localPort);
    ofPort?.delete(connection);
    if (ofPort?.size === 0) this.#streamsOfPort.delete(localPort);
    this.#deadlines.set(connection, undefined);
    connection.forgotten();
    this.#size -= 1;
    if (connection.role !== 'dialler') return;
    this.#ports.release(remoteName({ ...remote, port: remotePort }), localPort, nowMs);
  }

  #findFor(packet: Packet): Connection | undefined {
    return this.#find(packet.source.node, packet.source.network, packet.destinationPort, packet.sourcePort);
  }

  #find(node: number, network: number, localPort: number, remotePort: number): Connection | undefined {
    return this.#peers.get(node)?.get(streamKey(network, localPort, remotePort));
  }

  #refuse(packet: Packet, now: Instant): void {
    if (!this.#resets.refuse(packet, now)) this.#count('reset-suppressed');
  }

  #count(reason: StreamDropReason): void {
    this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + 1);
  }
}

function isSyn(packet: Packet): boolean {
  return hasFlag(packet, FLAG.syn) && (packet.flags & (FLAG.ack | FLAG.rst | FLAG.fin)) === 0;
}

function streamKey(network: number, localPort: number, remotePort: number): number {
  return (network * 65_536 + localPort) * 65_536 + remotePort;
}

function remoteName(target: DialTarget): string {
  return `${target.network}:${target.node}:${target.port}`;
}

function randomUint32(randomBytes: RandomBytes): number {
  const bytes = randomBytes(4);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
}
