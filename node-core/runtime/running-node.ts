import { randomBytes } from 'node:crypto';
import type { Clock, Instant } from '../base/clock.ts';
import type { DatagramCounts } from '../base/datagram-counts.ts';
import { PilotError } from '../base/errors.ts';
import type { PathKind } from '../base/report.ts';
import type { SpanContext, Tracer } from '../base/tracer.ts';
import { type DatagramSocket, type Endpoint, type FramedChannel, formatEndpoint } from '../base/transport.ts';
import type { Identity } from '../crypto/identity.ts';
import { EventLoop } from '../io/event-loop.ts';
import { openChannel } from '../io/open-channel.ts';
import { drainNode } from '../node/drain-node.ts';
import { type DialOptions, type NodeEvent, PilotNode, type PilotNodeOptions } from '../node/pilot-node.ts';
import type { TracedCall } from '../node/registry-call.ts';
import type { NodeProfile } from '../node/registry-profile.ts';
import type { Report } from '../node/reporter.ts';
import type { Service, ServiceStream, StreamHandler } from '../services/service.ts';
import type { Connection } from '../stream/connection.ts';
import { type CloseReason, closeCode } from '../stream/connection-event.ts';
import type { StreamEvent } from '../stream/stream-event.ts';
import type { RegistryCall, ReplyOf, RequestOf } from '../wire/registry-request.ts';
import { OverlayDuplex, type StreamPort } from './overlay-duplex.ts';

export interface RunningNodeOptions
  extends Pick<
    PilotNodeOptions,
    | 'tracer'
    | 'clockEpoch'
    | 'exportCounts'
    | 'trusted'
    | 'trustedPorts'
    | 'untracedPorts'
    | 'followObservedEndpoint'
    | 'discoverIntervalMs'
    | 'heartbeatMs'
    | 'limits'
    | 'rateLimits'
    | 'streams'
  > {
  readonly identity: Identity;
  readonly profile: NodeProfile;
  readonly socket: DatagramSocket;
  readonly registry: Endpoint;
  /** SHA-256 of the registry's certificate; with it the registry is spoken to over TLS alone. */
  readonly registryFingerprint?: string | undefined;
  readonly beacon: Endpoint;
  readonly clock: Clock;
  readonly tracer?: Tracer;
  readonly onEvent?: (event: NodeEvent, now: Instant) => void;
  readonly onReports?: (reports: readonly Report[]) => void;
}

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

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: PilotError) => void;
}

const REGISTRY_DIAL_MS = 5_000;
const GIVE_UP_NAME_MS = 1_000;

/** A Pilot node with real sockets and the machine's clock, for callers that wait for promises. */
export class RunningNode {
  readonly #options: RunningNodeOptions;
  readonly #node: PilotNode;
  readonly #loop: EventLoop;
  readonly #services = new Map<number, Service>();
  readonly #listeners = new Map<number, (stream: OpenStream) => void>();
  readonly #handlers = new Map<Connection, StreamHandler>();
  readonly #ports = new Map<Connection, StreamPort>();
  readonly #dials = new Map<Connection, Waiter<Connection>>();
  readonly #pings = new Map<number, Waiter<PingResult>>();
  readonly #registered: Promise<void>;
  #channel: FramedChannel | undefined;
  #announceRegistered: () => void = () => {};
  #address = '';
  #stopped = false;

  constructor(options: RunningNodeOptions) {
    this.#options = options;
    const { identity, profile, beacon, clock } = options;
    this.#node = new PilotNode(
      { ...options, identity, profile, beacon, random: (length) => new Uint8Array(randomBytes(length)) },
      clock.now(),
    );
    this.#loop = new EventLoop(this.#node, clock, () => this.#drain());
    this.#registered = new Promise((resolve) => {
      this.#announceRegistered = resolve;
    });
    options.socket.onDatagram = (bytes, from) => this.#loop.run((now) => this.#node.handleDatagram(bytes, from, now));
    this.#loop.run((now) => this.#node.handleTimeout(now));
  }

  /** Figures and reports; change nothing through it. */
  get core(): PilotNode {
    return this.#node;
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

  /** Resolves when the registry has given this node its id. */
  registered(): Promise<void> {
    return this.#registered;
  }

  /** Answers on a well-known port. @throws PilotError `port.in-use` */
  serve(service: Service): void {
    this.#node.streams.listen(service.port);
    this.#services.set(service.port, service);
  }

  /** Hands streams to a port to `onStream`. @throws PilotError `port.in-use` */
  listen(port: number, onStream: (stream: OpenStream) => void): void {
    this.#node.streams.listen(port);
    this.#listeners.set(port, onStream);
  }

  /**
   * Opens a stream; resolves when the peer has answered.
   *
   * @throws PilotError `dial.refused`, `dial.timeout`, `dial.self`, `registry.unavailable`
   */
  async dial(options: DialOptions, signal?: AbortSignal): Promise<OpenStream> {
    const opened = new Promise<Connection>((resolve, reject) => {
      const connection = this.#loop.run((now) => {
        const dialled = this.#node.dial(options, now);
        this.#dials.set(dialled, { resolve, reject });
        return dialled;
      });
      signal?.addEventListener('abort', () => this.#cancelDial(connection), { once: true });
    });
    return this.#open(await opened);
  }

  /** Keeps the tunnel to a peer up and measured. */
  watch(nodeId: number): void {
    this.#loop.run((now) => this.#node.tunnels.watch(nodeId, true, now));
  }

  /** @throws PilotError `peer.silent` when nothing came back in time. */
  ping(nodeId: number, timeoutMs: number): Promise<PingResult> {
    return new Promise((resolve, reject) => {
      this.#loop.run((now) => {
        this.#pings.set(this.#node.tunnels.ping(nodeId, now, { timeoutMs }), { resolve, reject });
      });
    });
  }

  /**
   * Asks the registry.
   *
   * @throws PilotError `registry.refused` with its words and `refusal` among its details, `registry.unavailable`
   */
  ask<T extends RegistryCall>(type: T, request: RequestOf<T>, traced: TracedCall = {}): Promise<ReplyOf<T>> {
    return new Promise((resolve, reject) => {
      this.#loop.run((now) => this.#node.ask(type, request, (result) => settle(result, resolve, reject), now, traced));
    });
  }

  /**
   * Lets a peer reach this node, and takes no other for it than who has its identity key.
   *
   * @param publicKey - The key to trust, also in place of another; else the one the peer is known by.
   * @throws PilotError as `ask`
   */
  async trust(peerNodeId: number, publicKey?: Uint8Array): Promise<void> {
    await new Promise((resolve, reject) => {
      this.#loop.run((now) =>
        this.#node.trust(peerNodeId, (result) => settle(result, resolve, reject), now, publicKey),
      );
    });
  }

  /** Takes the trust in a peer back. @throws PilotError as `ask` */
  async untrust(peerNodeId: number): Promise<void> {
    await new Promise((resolve, reject) => {
      this.#loop.run((now) => this.#node.untrust(peerNodeId, (result) => settle(result, resolve, reject), now));
    });
  }

  async join(groupId: number, token: string): Promise<void> {
    await this.#settled((answer, now) => this.#node.join(groupId, token, answer, now));
  }

  async leave(groupId: number): Promise<void> {
    await this.#settled((answer, now) => this.#node.leave(groupId, answer, now));
  }

  /** Runs a command on the core; what it has to say is sent before this returns. */
  run<T>(act: (node: PilotNode, now: Instant) => T): T {
    return this.#loop.run((now) => act(this.#node, now));
  }

  /** Ends in order: its name is free at once, not when the registry misses it. */
  async stop(): Promise<void> {
    await this.#giveUpName();
    this.#stopped = true;
    for (const connection of [...this.#ports.keys(), ...this.#handlers.keys()]) connection.reset();
    this.#loop.run(() => {});
    this.#loop.stop();
    this.#channel?.close();
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

  #settled(act: (answer: (failure: PilotError | undefined) => void, now: Instant) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#loop.run((now) => act((failure) => (failure === undefined ? resolve() : reject(failure)), now));
    });
  }

  #drain(): void {
    const { clock, socket, onReports } = this.#options;
    drainNode(this.#node, {
      now: () => clock.now(),
      event: (event, now) => this.#handle(event, now),
      datagram: ({ bytes, to }) => socket.send(bytes, to),
      registryMessage: (message) => this.#channel?.send(message),
      reports: (reports) => onReports?.(reports),
    });
  }

  #handle(event: NodeEvent, now: Instant): void {
    switch (event.type) {
      case 'open-registry':
        void this.#openRegistry();
        break;
      case 'close-registry':
        this.#closeRegistry();
        break;
      case 'registered':
        this.#address = event.address;
        this.#announceRegistered();
        break;
      case 'stream':
        this.#handleStream(event.event, now);
        break;
      case 'tunnel':
        if (event.event.type === 'pong')
          this.#takePing(event.event.pingId)?.resolve({ rttMs: event.event.rttMs, path: event.event.path });
        if (event.event.type === 'ping-timeout') {
          this.#takePing(event.event.pingId)?.reject(new PilotError('peer.silent', 'no answer to an encrypted ping'));
        }
        break;
      default:
        break;
    }
    this.#options.onEvent?.(event, now);
  }

  #takePing(pingId: number): Waiter<PingResult> | undefined {
    const waiter = this.#pings.get(pingId);
    this.#pings.delete(pingId);
    return waiter;
  }

  async #openRegistry(): Promise<void> {
    try {
      const { registry, registryFingerprint } = this.#options;
      const channel = await openChannel(registry, REGISTRY_DIAL_MS, registryFingerprint);
      if (this.#stopped) return channel.close();
      this.#channel = channel;
      channel.onMessage = (message) => this.#loop.run((now) => this.#node.handleRegistryMessage(message, now));
      channel.onClosed = (reason) => {
        if (this.#channel !== channel || this.#stopped) return;
        this.#channel = undefined;
        this.#loop.run((now) => this.#node.handleRegistryClosed(reason, now));
      };
      this.#loop.run((now) => this.#node.handleRegistryOpened(now));
    } catch (error) {
      if (!this.#stopped)
        this.#loop.run((now) => this.#node.handleRegistryClosed(String((error as Error).message), now));
    }
  }

  #closeRegistry(): void {
    const channel = this.#channel;
    this.#channel = undefined; // its close is no news
    channel?.close();
  }

  #handleStream(event: StreamEvent, now: Instant): void {
    const { connection } = event;
    const handler = this.#handlers.get(connection);
    const port = this.#ports.get(connection);
    switch (event.type) {
      case 'accepted':
        this.#accept(connection, now);
        return;
      case 'established':
        this.#dials.get(connection)?.resolve(connection);
        this.#dials.delete(connection);
        return;
      case 'readable':
      case 'ended':
        handler?.handleReadable(now);
        port?.onReadable?.();
        return;
      case 'writable':
        handler?.handleWritable(now);
        port?.onWritable?.();
        return;
      case 'closed':
        this.#handleClosed(connection, event.reason, now);
        return;
      case 'syn-retry':
        return;
      default:
        event satisfies never;
    }
  }

  #handleClosed(connection: Connection, reason: CloseReason, now: Instant): void {
    const code = closeCode(reason);
    const error = code === undefined ? undefined : new PilotError(code, `the stream ended: ${reason}`);
    this.#handlers.get(connection)?.handleClosed(now);
    this.#ports.get(connection)?.onClosed?.(error);
    this.#dials.get(connection)?.reject(error ?? new PilotError('stream.closed', 'the stream ended'));
    this.#dials.delete(connection);
    this.#handlers.delete(connection);
    this.#ports.delete(connection);
  }

  #accept(connection: Connection, now: Instant): void {
    const service = this.#services.get(connection.localPort);
    if (service !== undefined) {
      this.#handlers.set(connection, service.accept(this.#serviceStream(connection), now));
      return;
    }
    this.#listeners.get(connection.localPort)?.(this.#open(connection));
  }

  #serviceStream(connection: Connection): ServiceStream {
    return {
      peerNodeId: connection.remote.node,
      groupId: connection.remote.network,
      span: this.#node.spanOf(connection),
      link: (context) => this.#node.linkStream(connection, context),
      read: (now) => connection.read(now),
      write: (bytes, now) => connection.write(bytes, now),
      close: () => connection.close(),
      reset: () => connection.reset(),
    };
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
    const waiter = this.#dials.get(connection);
    if (waiter === undefined) return;
    this.#dials.delete(connection);
    this.#loop.run(() => connection.reset());
    waiter.reject(new PilotError('dial.cancelled', 'the dial was cancelled'));
  }
}

/** What a node tells its registry, from what was chosen for it. */
export function createProfile(
  chosen: Partial<NodeProfile> & { readonly listen: Endpoint; readonly version: string },
): NodeProfile {
  return {
    listenAddress: chosen.listenAddress ?? formatEndpoint(chosen.listen),
    lanAddresses: chosen.lanAddresses ?? [],
    version: chosen.version,
    hostname: chosen.hostname ?? '',
    public: chosen.public ?? false,
    tags: chosen.tags ?? [],
  };
}

function settle<T>(result: T | PilotError, resolve: (value: T) => void, reject: (error: PilotError) => void): void {
  if (result instanceof PilotError) reject(result);
  else resolve(result);
}
