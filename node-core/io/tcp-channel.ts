import { connect as connectSocket, createServer, type Server, type Socket } from 'node:net';
import { PilotError } from '../base/errors.ts';
import type { Endpoint, FramedChannel } from '../base/transport.ts';
import { encodeLengthPrefixed, LengthPrefixDecoder, MAX_MESSAGE_LENGTH } from '../wire/length-prefix.ts';
import { listenOn } from './listen.ts';
import { plainHost } from './plain-host.ts';

export interface ChannelLimits {
  /** Largest message taken. */
  readonly messageBytes: number;
  /** Bytes that may wait for a peer that does not read; then the connection ends. */
  readonly unsentBytes: number;
  /** A connection that says nothing so long is closed; 0 never. */
  readonly idleMs: number;
  /** A message must be whole so long after its first byte. */
  readonly messageMs: number;
}

const CLIENT_LIMITS: ChannelLimits = {
  messageBytes: MAX_MESSAGE_LENGTH,
  unsentBytes: 16_777_216,
  idleMs: 0,
  messageMs: 30_000,
};

/** Messages of 4-byte length and body over TCP. */
class TcpChannel implements FramedChannel {
  onMessage: ((message: Uint8Array) => void) | undefined;
  onClosed: ((reason: string) => void) | undefined;
  readonly #socket: Socket;
  readonly #limits: ChannelLimits;
  readonly #decoder: LengthPrefixDecoder;
  #messageTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: Socket, limits: ChannelLimits) {
    this.#socket = socket;
    this.#limits = limits;
    this.#decoder = new LengthPrefixDecoder(limits.messageBytes);
    let reason = 'closed by the other side';
    socket.setNoDelay(true);
    if (limits.idleMs > 0) socket.setTimeout(limits.idleMs, () => socket.destroy());
    socket.on('data', (bytes) => this.#receive(bytes));
    socket.on('error', (error) => {
      reason = error.message;
    });
    socket.on('close', () => {
      clearTimeout(this.#messageTimer);
      this.onClosed?.(reason);
    });
  }

  send(message: Uint8Array): void {
    if (this.#socket.destroyed) return;
    this.#socket.write(encodeLengthPrefixed(message));
    if (this.#socket.writableLength > this.#limits.unsentBytes) this.#socket.destroy();
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(bytes: Uint8Array): void {
    try {
      this.#decoder.push(bytes);
      for (let message = this.#next(); message !== undefined; message = this.#next()) this.onMessage?.(message);
    } catch (error) {
      if (!(error instanceof PilotError)) throw error;
      this.#socket.destroy(); // a stream that lost its framing cannot be read on
    }
    this.#awaitRest();
  }

  /** Nothing more once this side has closed, although more may have arrived. */
  #next(): Uint8Array | undefined {
    if (this.#socket.destroyed) return undefined;
    const message = this.#decoder.next();
    if (message === undefined) return undefined;
    clearTimeout(this.#messageTimer);
    this.#messageTimer = undefined;
    return message;
  }

  /** Whoever sends a message byte by byte holds its memory for a while, not for ever. */
  #awaitRest(): void {
    if (this.#decoder.buffered === 0 || this.#socket.destroyed || this.#messageTimer !== undefined) return;
    this.#messageTimer = setTimeout(() => this.#socket.destroy(), this.#limits.messageMs);
  }
}

/** @throws PilotError `registry.unavailable` when nothing listens there, or does not answer in time. */
export function openChannel(to: Endpoint, timeoutMs: number): Promise<FramedChannel> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket(to.port, to.host);
    const fail = (cause: Error) => {
      socket.destroy();
      reject(
        new PilotError('registry.unavailable', `cannot reach ${to.host}:${to.port}: ${cause.message}`, {}, { cause }),
      );
    };
    const timer = setTimeout(() => fail(new Error('no answer in time')), timeoutMs);
    socket.once('error', (error) => {
      clearTimeout(timer);
      fail(error);
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(new TcpChannel(socket, CLIENT_LIMITS));
    });
  });
}

export interface ChannelListener {
  readonly local: Endpoint;
  close(): Promise<void>;
}

/** Listens for channels; more connections than `connections` are refused at once. */
export async function listenForChannels(
  local: Endpoint,
  limits: ChannelLimits & { readonly connections: number },
  onChannel: (channel: FramedChannel, from: Endpoint) => void,
): Promise<ChannelListener> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    const { remoteAddress, remotePort } = socket;
    if (remoteAddress === undefined || remotePort === undefined) return void socket.destroy();
    onChannel(new TcpChannel(socket, limits), { host: plainHost(remoteAddress), port: remotePort });
  });
  server.maxConnections = limits.connections;
  const at = await listenOn(server, local);
  return { local: at, close: () => closeServer(server, open) };
}

function closeServer(server: Server, open: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of open) socket.destroy();
  });
}
