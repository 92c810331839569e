import { randomBytes } from 'node:crypto';
import type { Instant } from '../base/clock.ts';
import type { DatagramCounts } from '../base/datagram-counts.ts';
import { PilotError } from '../base/errors.ts';
import type { PathKind, TunnelReport } from '../base/report.ts';
import type { SpanContext } from '../base/tracer.ts';
import { EventLoop } from '../io/event-loop.ts';
import { drainNode } from '../node/drain-node.ts';
import type { NodeEvent } from '../node/node-event.ts';
import type { DialOptions } from '../node/node-options.ts';
import { PilotNode } from '../node/pilot-node.ts';
import type { TracedCall } from '../node/registry-call.ts';
import type { Memberships, NodeProfile } from '../node/registry-profile.ts';
import type { Service } from '../node/service.ts';
import type { TrustedPeer } from '../node/trusted-peers.ts';
import type { Connection } from '../stream/connection.ts';
import { type CloseReason, closeCode } from '../stream/connection-event.ts';
import type { StreamEvent } from '../stream/stream-event.ts';
import type { RegistryCall, ReplyOf, RequestOf } from '../wire/registry-request.ts';
import { OverlayDuplex, type StreamPort } from './overlay-duplex.ts';
import { Pending, type Settle } from './pending.ts';
import { RegistryLink } from './registry-link.ts';
import type { RunningNodeOptions } from './running-node-options.ts';

export interface OpenStream {
  readonly duplex: OverlayDuplex;
  readonly peerNodeId: number;
  readonly groupId: number;
  /** The stream's span; undefined when it is not traced. */
  readonly span: SpanContext | undefined;
}

export interface PingResult {
  readonly rttMs: number;
  readonly path: PathKind;
}

const GIVE_UP_NAME_MS = 1_000;

/** A Pilot node with real sockets and the machine's clock, for callers that wait for promises. */
export class RunningNode {
  readonly #options: RunningNodeOptions;
  readonly #node: PilotNode;
  readonly #loop: EventLoop;
  readonly #listeners = new Map<number, (stream: OpenStream) => void>();
  readonly #ports = new Map<Connection, StreamPort>();
  readonly #dials = new Map<Connection, Settle<Connection>>();
  readonly #pings = new Map<number, Settle<PingResult>>();
  readonly #pending = new Pending();
  readonly #registry: RegistryLink;
  readonly #registered: Promise<void>;
  #announceRegistered: () => void = () => {};
  #address = '';

  constructor(options: RunningNodeOptions) {
    this.#options = options;
    const { identity, profile, beacon, clock } = options;
    this.#node = new PilotNode(
      { ...options, identity, profile, beacon, random: (length) => new Uint8Array(randomBytes(length)) },
      clock.now(),
    );
    this.#loop = new EventLoop(this.#node, clock, () => this.#drain());
    this.#registry = new RegistryLink({
      registry: options.registry,
      fingerprint: options.registryFingerprint,
      opened: () => this.#loop.run((now) => this.#node.handleRegistryOpened(now)),
      message: (message) => this.#loop.run((now) => this.#node.handleRegistryMessage(message, now)),
      closed: (reason) => this.#loop.run((now) => this.#node.handleRegistryClosed(reason, now)),
    });
    this.#registered = new Promise((resolve) => {
      this.#announceRegistered = resolve;
    });
    options.socket.onDatagram = (bytes, from) => this.#loop.run((now) => this.#node.handleDatagram(bytes, from, now));
    this.#loop.run((now) => this.#node.handleTimeout(now));
  }

  /** What its socket was to send and got, and what was dropped of it. */
  get datagrams(): DatagramCounts {
    return this.#options.socket.counts;
  }

  get nodeId(): number {
    return this.#node.nodeId;
  }

  get address(): string {
    return this.#address;
  }

  get publicKey(): Uint8Array {
    return this.#options.identity.publicKey;
  }

  /** What it is called, and where peers reach it now. */
  get profile(): NodeProfile {
    return this.#node.profile;
  }

  get memberships(): Memberships {
    return this.#node.memberships;
  }

  /** The last round trip to the registry; undefined before the first. */
  get registryRttMs(): number | undefined {
    return this.#node.registry.rttMs;
  }

  /** Frames that its tunnels did not take, by reason. */
  get frameDrops(): ReadonlyMap<string, number> {
    return this.#node.tunnels.drops();
  }

  /** Packets that its streams did not take, by reason. */
  get streamDrops(): ReadonlyMap<string, number> {
    return this.#node.streams.drops;
  }

  /** What went wrong in its services, by reason. */
  get serviceFaults(): ReadonlyMap<string, number> {
    return this.#node.serviceFaults;
  }

  /** Node ids of those it has tunnels with. */
  peers(): readonly number[] {
    return this.#node.tunnels.peers();
  }

  tunnelReport(peerNodeId: number): TunnelReport | undefined {
    return this.#node.tunnelReport(peerNodeId);
  }

  /** Whom this node trusts, and under which keys. */
  trustedPeers(): readonly TrustedPeer[] {
    return this.#node.trustedPeers();
  }

  /** The key that the registry names for a trusted peer in place of the trusted one; undefined where it names that. */
  refusedKeyOf(peerNodeId: number): Uint8Array | undefined {
    return this.#node.refusedKeyOf(peerNodeId);
  }

  /** The identity key that the session with a peer stands on. */
  peerKey(peerNodeId: number): Uint8Array | undefined {
    return this.#node.peerKey(peerNodeId);
  }

  /** Resolves when the registry has given this node its id. @throws PilotError `node.stopped` */
  registered(): Promise<void> {
    return this.#pending.promise((settle) => void this.#registered.then(() => settle(undefined)));
  }

  /** Answers on a well-known port. @throws PilotError `port.in-use` */
  serve(service: Service): void {
    this.#node.serve(service);
  }

  /** Hands streams to a port to `onStream`. @throws PilotError `port.in-use` */
  listen(port: number, onStream: (stream: OpenStream) => void): void {
    this.#node.streams.listen(port);
    this.#listeners.set(port, onStream);
  }

  /**
   * Opens a stream; resolves when the peer has answered.
   *
   * @throws PilotError `dial.refused`, `dial.timeout`, `dial.self`, `registry.unavailable`, `node.stopped`; `dial.cancelled`
   *   when the signal is aborted, before the dial or during it
   */
  async dial(options: DialOptions, signal?: AbortSignal): Promise<OpenStream> {
    let cancel = () => {};
    const opened = await this.#pending
      .promise<Connection>((settle) => {
        if (signal?.aborted) return settle(new PilotError('dial.cancelled', 'the dial was cancelled'));
        const connection = this.#loop.run((now) => {
          const dialled = this.#node.dial(options, now);
          this.#dials.set(dialled, settle);
          return dialled;
        });
        cancel = () => this.#cancelDial(connection);
        signal?.addEventListener('abort', cancel);
      })
      .finally(() => signal?.removeEventListener('abort', cancel));
    return this.#open(opened);
  }

  /** Keeps the tunnel to a peer up and measured. */
  watch(nodeId: number): void {
    this.#loop.run((now) => this.#node.tunnels.watch(nodeId, true, now));
  }

  /** @throws PilotError `peer.silent` when nothing came back in time, `node.stopped` */
  ping(nodeId: number, timeoutMs: number): Promise<PingResult> {
    return this.#act((settle, now) => this.#pings.set(this.#node.tunnels.ping(nodeId, now, { timeoutMs }), settle));
  }

  /**
   * Asks the registry.
   *
   * @throws PilotError `registry.refused` with its words and `refusal` among its details, `registry.unavailable`,
   *   `node.stopped`
   */
  ask<T extends RegistryCall>(type: T, request: RequestOf<T>, traced: TracedCall = {}): Promise<ReplyOf<T>> {
    return this.#act((settle, now) => this.#node.ask(type, request, settle, now, traced));
  }

  /**
   * Lets a peer reach this node, and takes no other for it than who has its identity key.
   *
   * @param publicKey - The key to trust, also in place of another; else the one the peer is known by.
   * @throws PilotError as `ask`
   */
  async trust(peerNodeId: number, publicKey?: Uint8Array): Promise<void> {
    await this.#act((settle, now) => this.#node.trust(peerNodeId, settle, now, publicKey));
  }

  /** Takes the trust in a peer back. @throws PilotError as `ask` */
  async untrust(peerNodeId: number): Promise<void> {
    await this.#act((settle, now) => this.#node.untrust(peerNodeId, settle, now));
  }

  /** @throws PilotError as `ask` */
  join(groupId: number, token: string): Promise<void> {
    return this.#act((settle, now) => this.#node.join(groupId, token, settle, now));
  }

  /** @throws PilotError as `ask` */
  leave(groupId: number): Promise<void> {
    return this.#act((settle, now) => this.#node.leave(groupId, settle, now));
  }

  /** Runs a command on the core; what it has to say is sent before this returns. */
  run<T>(act: (node: PilotNode, now: Instant) => T): T {
    return this.#loop.run((now) => act(this.#node, now));
  }

  /** Ends in order: its name is free at once, not when the registry misses it. Whoever waits for it is told. */
  async stop(): Promise<void> {
    await this.#giveUpName();
    this.#pending.refuse();
    this.#registry.silence();
    for (const connection of this.#ports.keys()) connection.reset();
    this.#loop.run((now) => this.#node.resetServices(now));
    this.#loop.stop();
    this.#pending.end();
    this.#registry.close();
    await new Promise((resolve) => setImmediate(resolve)); // the last datagrams leave
    await this.#options.socket.close();
  }

  /** A registry that does not answer keeps nobody from ending. */
  #giveUpName(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, GIVE_UP_NAME_MS);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#loop.run((now) => this.#node.giveUpName(done, now));
    });
  }

  /** A command to the core whose answer settles the promise. */
  #act<T>(act: (settle: Settle<T>, now: Instant) => void): Promise<T> {
    return this.#pending.promise((settle) => this.#loop.run((now) => act(settle, now)));
  }

  #drain(): void {
    const { clock, socket, onReports } = this.#options;
    drainNode(this.#node, {
      now: () => clock.now(),
      event: (event, now) => this.#handle(event, now),
      datagram: ({ bytes, to }) => socket.send(bytes, to),
      registryMessage: (message) => this.#registry.send(message),
      reports: (reports) => onReports?.(reports),
    });
  }

  #handle(event: NodeEvent, now: Instant): void {
    switch (event.type) {
      case 'open-registry':
        void this.#registry.open();
        break;
      case 'close-registry':
        this.#registry.close();
        break;
      case 'registered':
        this.#address = event.address;
        this.#announceRegistered();
        break;
      case 'stream':
        this.#handleStream(event.event);
        break;
      case 'tunnel':
        if (event.event.type === 'pong')
          this.#takePing(event.event.pingId)?.({ rttMs: event.event.rttMs, path: event.event.path });
        if (event.event.type === 'ping-timeout') {
          this.#takePing(event.event.pingId)?.(new PilotError('peer.silent', 'no answer to an encrypted ping'));
        }
        break;
      default:
        break;
    }
    this.#options.onEvent?.(event, now);
  }

  #takePing(pingId: number): Settle<PingResult> | undefined {
    const settle = this.#pings.get(pingId);
    this.#pings.delete(pingId);
    return settle;
  }

  #handleStream(event: StreamEvent): void {
    const { connection } = event;
    const port = this.#ports.get(connection);
    switch (event.type) {
      case 'accepted':
        this.#listeners.get(event.port)?.(this.#open(connection));
        return;
      case 'established':
        this.#dials.get(connection)?.(connection);
        this.#dials.delete(connection);
        return;
      case 'readable':
      case 'ended':
        port?.onReadable?.();
        return;
      case 'writable':
        port?.onWritable?.();
        return;
      case 'closed':
        this.#handleClosed(connection, event.reason);
        return;
      case 'syn-retry':
        return;
      default:
        event satisfies never;
    }
  }

  #handleClosed(connection: Connection, reason: CloseReason): void {
    const code = closeCode(reason);
    const error = code === undefined ? undefined : new PilotError(code, `the stream ended: ${reason}`);
    this.#ports.get(connection)?.onClosed?.(error);
    this.#dials.get(connection)?.(error ?? new PilotError('stream.closed', 'the stream ended'));
    this.#dials.delete(connection);
    this.#ports.delete(connection);
  }

  #open(connection: Connection): OpenStream {
    const port: StreamPort = {
      read: () => this.#loop.run((now) => connection.read(now)),
      write: (bytes) => this.#loop.run((now) => connection.write(bytes, now)),
      close: () => this.#loop.run(() => connection.close()),
      reset: () => this.#loop.run(() => connection.reset()),
      onReadable: undefined,
      onWritable: undefined,
      onClosed: undefined,
    };
    this.#ports.set(connection, port);
    const { node, network } = connection.remote;
    return { duplex: new OverlayDuplex(port), peerNodeId: node, groupId: network, span: this.#node.spanOf(connection) };
  }

  #cancelDial(connection: Connection): void {
    const settle = this.#dials.get(connection);
    if (settle === undefined) return;
    this.#dials.delete(connection);
    this.#loop.run(() => connection.reset());
    settle(new PilotError('dial.cancelled', 'the dial was cancelled'));
  }
}
