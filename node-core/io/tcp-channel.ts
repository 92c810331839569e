import type { Socket } from 'node:net';
import type { HeldBytes } from '../base/byte-budget.ts';
import { PilotError } from '../base/errors.ts';
import type { FramedChannel } from '../base/transport.ts';
import { encodeLengthPrefixed, LengthPrefixDecoder } from '../wire/length-prefix.ts';

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

/** Why a channel ended from this side. */
export type ChannelEnd = 'framing' | 'memory' | 'slow reader' | 'idle' | 'slow message' | 'fault';

export interface ChannelEvents {
  /** The other side has said something whole. */
  readonly onSpoke: () => void;
  /** This side gives the channel up. */
  readonly onEnd: (why: ChannelEnd) => void;
}

/**
 * Messages of 4-byte length and body over TCP, or TLS over it. What a message makes its receiver throw ends this channel and
 * nothing else.
 */
export class TcpChannel implements FramedChannel {
  onMessage: ((message: Uint8Array) => void) | undefined;
  onClosed: ((reason: string) => void) | undefined;
  readonly #socket: Socket;
  readonly #limits: ChannelLimits;
  readonly #decoder: LengthPrefixDecoder;
  readonly #memory: HeldBytes | undefined;
  readonly #events: ChannelEvents | undefined;
  #hasSpoken = false;
  #messageTimer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param memory - What it may keep in memory beside its own limits, of a budget that it shares with other channels.
   */
  constructor(socket: Socket, limits: ChannelLimits, memory?: HeldBytes, events?: ChannelEvents) {
    this.#socket = socket;
    this.#limits = limits;
    this.#memory = memory;
    this.#events = events;
    this.#decoder = new LengthPrefixDecoder(limits.messageBytes);
    let reason = 'closed by the other side';
    socket.setNoDelay(true);
    if (limits.idleMs > 0) socket.setTimeout(limits.idleMs, () => this.#end('idle'));
    socket.on('data', (bytes) => this.#receive(bytes));
    socket.on('drain', () => this.#account());
    socket.on('error', (error) => {
      reason = error.message;
    });
    socket.on('close', () => {
      clearTimeout(this.#messageTimer);
      this.#memory?.release();
      this.onClosed?.(reason);
    });
  }

  send(message: Uint8Array): void {
    if (this.#socket.destroyed) return;
    this.#socket.write(encodeLengthPrefixed(message));
    if (this.#socket.writableLength > this.#limits.unsentBytes) this.#end('slow reader');
    this.#account();
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(bytes: Uint8Array): void {
    try {
      this.#decoder.push(bytes);
      for (let message = this.#next(); message !== undefined; message = this.#next()) this.#hand(message);
    } catch (error) {
      if (!(error instanceof PilotError)) throw error;
      this.#end('framing'); // a stream that lost its framing cannot be read on
    }
    this.#account();
    this.#awaitRest();
  }

  #hand(message: Uint8Array): void {
    try {
      this.onMessage?.(message);
    } catch (error) {
      process.emitWarning(error as Error); // an error of ours: to be seen
      this.#end('fault');
    }
  }

  /** Nothing more once this side has closed, although more may have arrived. */
  #next(): Uint8Array | undefined {
    if (this.#socket.destroyed) return undefined;
    const message = this.#decoder.next();
    if (message === undefined) return undefined;
    clearTimeout(this.#messageTimer);
    this.#messageTimer = undefined;
    if (!this.#hasSpoken) this.#events?.onSpoke();
    this.#hasSpoken = true;
    return message;
  }

  /** Whoever sends a message byte by byte holds its memory for a while, not for ever. */
  #awaitRest(): void {
    if (this.#decoder.buffered === 0 || this.#socket.destroyed || this.#messageTimer !== undefined) return;
    this.#messageTimer = setTimeout(() => this.#end('slow message'), this.#limits.messageMs);
  }

  /** What this channel keeps, of both directions, as it changes. */
  #account(): void {
    if (this.#memory === undefined || this.#socket.destroyed) return;
    if (!this.#memory.resize(this.#decoder.buffered + this.#socket.writableLength)) this.#end('memory');
  }

  #end(why: ChannelEnd): void {
    if (this.#socket.destroyed) return;
    this.#events?.onEnd(why);
    this.#socket.destroy();
  }
}
