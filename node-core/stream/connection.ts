import { earliest, type Instant, type Millis } from '../base/clock.ts';
import type { Address } from '../wire/address.ts';
import type { Packet } from '../wire/packet.ts';
import { sequenceAdd } from '../wire/sequence.ts';
import { ConnectionCore } from './connection-core.ts';
import type { CloseReason, Handshake, StreamRole } from './connection-event.ts';
import type { ConnectionOptions, InPhase, StreamState } from './connection-state.ts';
import { Input } from './input.ts';
import { Output, type Sending } from './output.ts';
import type { ReceiveShare } from './receive-share.ts';
import type { Receiver } from './receiver.ts';
import type { Sender } from './sender.ts';

/** One stream: opening, data in both directions, keepalive and close, without any I/O. */
export class Connection {
  readonly role: StreamRole;
  readonly local: Address;
  readonly remote: Address;
  readonly localPort: number;
  readonly remotePort: number;
  readonly initialSequence: number;
  readonly #share: ReceiveShare;
  readonly #core: ConnectionCore;
  readonly #input: Input;
  readonly #output: Output;
  #rekeyed = false;

  private constructor(role: StreamRole, options: ConnectionOptions, now: Instant) {
    this.role = role;
    this.local = options.local;
    this.remote = options.remote;
    this.localPort = options.localPort;
    this.remotePort = options.remotePort;
    this.initialSequence = options.initialSequence;
    this.#share = options.share;
    this.#core = new ConnectionCore(role, options, now);
    this.#input = new Input(this.#core, options.share);
    this.#output = new Output(this.#core);
  }

  /** A stream we open: its first SYN is what `pollPacket` gives first. */
  static dial(options: ConnectionOptions, now: Instant): Connection {
    return new Connection('dialler', options, now);
  }

  /** A stream that a peer's SYN opens; usable at once. */
  static accept(options: ConnectionOptions, syn: Packet, now: Instant): Connection {
    const connection = new Connection('acceptor', options, now);
    connection.#input.openReceiver(syn, now);
    return connection;
  }

  get state(): StreamState {
    return this.#core.state;
  }

  /** The sending half: figures for display and conformance. */
  get sender(): Sender {
    return this.#core.sender;
  }

  /** The receiving half; undefined until the peer's first sequence is known. */
  get receiver(): Receiver | undefined {
    return this.#core.receiver;
  }

  /** Undefined until both initial sequences are known. */
  get handshake(): Handshake | undefined {
    const { receiver, opening } = this.#core;
    return receiver && opening.handshake(receiver.initialSequence);
  }

  /** Nothing more can be sent or will arrive; what was received can still be read. */
  get isOver(): boolean {
    return this.#core.isOver;
  }

  /** The peer changed its key and has not shown yet that it still knows this stream. */
  get isUnproven(): boolean {
    return this.#core.liveness.isDoubted;
  }

  /** Payload so far, each byte once. */
  get stats(): { readonly bytesSent: number; readonly bytesReceived: number } {
    const { sender, receiver } = this.#core;
    return { bytesSent: sender.bytesSent, bytesReceived: receiver?.bytesReceived ?? 0 };
  }

  /**
   * Takes as many bytes as the send buffer has room for, copies them, and says how many. After 0 or a part, `writable`
   * tells when to go on. A stream that is closing or over takes nothing.
   */
  write(bytes: Uint8Array, now: Instant): number {
    if (!this.#core.mayWrite) return 0;
    const taken = this.#core.sender.write(bytes, now.monotonicMs);
    if (taken < bytes.length) this.#core.wantsWritable = true;
    this.#core.host.touched();
    return taken;
  }

  /** The next received segment's bytes, in order; the caller owns them. Goes on working when the stream is over. */
  read(now: Instant): Uint8Array | undefined {
    if (this.#core.receiver === undefined) return undefined;
    const { payload, news } = this.#core.receiver.read(now.monotonicMs);
    if (news || this.#core.state.phase === 'draining') this.#core.host.touched();
    return payload;
  }

  /** Ends the stream: FIN follows when everything written was acknowledged. What still arrives can be read. */
  close(): void {
    const state = this.#core.state;
    if (!('closing' in state)) return;
    if (state.phase === 'syn-sent' && this.#core.sender.isIdle) return this.reset(); // the dial is called off
    this.#core.state = { ...state, closing: true };
    this.#core.host.touched();
  }

  /** The table has forgotten this stream: what it still holds to be read is its application's, no longer its peer's share. */
  forgotten(): void {
    this.#share.queued.release();
    this.#share.early.release();
  }

  /** Drops everything and tells the peer with RST. */
  reset(): void {
    this.end('aborted', { tellPeer: true });
  }

  /** Ends the stream at once for a reason of this side. */
  end(reason: CloseReason, options: { readonly tellPeer: boolean }): void {
    this.#core.end(reason, options);
  }

  /** The peer changed its key: unless a fitting packet comes under the new one, the stream ends. */
  doubt(now: Instant): void {
    if (this.#core.isOver || this.#core.state.phase === 'syn-sent') return;
    this.#rekeyed = true;
    this.#core.liveness.doubt(now.monotonicMs);
    this.handleTimeout(now);
  }

  /**
   * Whether this SYN repeats the one that made this stream, to be answered with the same sequence. Under another key
   * it never does: a restarted stock node dials with the ports and sequences it had before.
   */
  isRepeated(syn: Packet): boolean {
    const known = this.role === 'acceptor' && !this.#core.isOver && !this.#rekeyed;
    return (
      known && syn.sequence === this.#core.receiver?.initialSequence && syn.destination.network === this.local.network
    );
  }

  repeatSynAck(): void {
    this.#core.opening.oweSynAck();
    this.#core.host.touched();
  }

  /** Any packet of this stream but a SYN without ACK. */
  handlePacket(packet: Packet, now: Instant): void {
    this.#core.host.touched();
    this.#input.handle(packet, now);
  }

  handleTimeout(now: Instant): void {
    const nowMs = now.monotonicMs;
    const state = this.#core.state;
    this.#core.host.touched();
    switch (state.phase) {
      case 'syn-sent':
        return this.#handleUnopened(state, nowMs);
      case 'syn-received':
        this.#handleUnopened(state, nowMs);
        break;
      case 'fin-wait':
        this.#core.enter(this.#core.closing.finTimedOut(state, nowMs));
        break;
      case 'time-wait':
        if (nowMs >= state.until) this.#core.state = { phase: 'closed', reason: 'fin', resetOwed: false };
        return;
      case 'established':
      case 'draining':
        break;
      case 'closed':
        return;
      default:
        state satisfies never;
    }
    this.#handleSenderTimeout(nowMs);
    this.#input.handleExpiredFin(nowMs);
    if (this.#core.liveness.handleTimeout(nowMs) === 'silent') this.#core.end('silence', { tellPeer: true });
  }

  nextTimeout(): Millis | undefined {
    const state = this.#core.state;
    const halves = () =>
      earliest(this.#core.receiver?.nextTimeout(), this.#core.sender.nextTimeout(), this.#core.liveness.nextTimeout());
    switch (state.phase) {
      case 'syn-sent':
        return this.#core.opening.dueAt(state);
      case 'syn-received':
        return earliest(this.#core.opening.dueAt(state), halves());
      case 'established':
        return halves();
      case 'draining':
        return earliest(state.until, halves());
      case 'fin-wait':
        return earliest(state.dueAt, halves());
      case 'time-wait':
        return state.until;
      case 'closed':
        return undefined;
      default:
        return state satisfies never;
    }
  }

  /** The next packet to send, or undefined; call until undefined. */
  pollPacket(now: Instant): Packet | undefined {
    const packet = this.#pollNext(now);
    if (packet !== undefined) this.#core.liveness.sent(now.monotonicMs);
    return packet;
  }

  #handleUnopened(state: InPhase<'syn-sent' | 'syn-received'>, nowMs: Millis): void {
    const next = this.#core.opening.timedOut(state, nowMs);
    if (typeof next === 'string') this.#core.end(next, { tellPeer: next === 'silence' });
    else this.#core.state = next;
  }

  #handleSenderTimeout(nowMs: Millis): void {
    const result = this.#core.isOver ? undefined : this.#core.sender.handleTimeout(nowMs);
    if (result === 'probe') this.#core.receiver?.requestAck(nowMs);
    if (result === 'gave-up') this.#core.end('gave-up', { tellPeer: true });
  }

  #pollNext(now: Instant): Packet | undefined {
    const state = this.#core.state;
    if (state.phase === 'closed') return this.#take(this.#output.reset(state));
    const receiver = this.#core.receiver;
    if (state.phase === 'syn-sent' || receiver === undefined) return this.#pollSyn(now);
    if (this.#core.opening.owesSynAck) return this.#takeSynAck(receiver, now);
    const nowMs = now.monotonicMs;
    const left = { sent: this.#core.sender.isIdle, read: receiver.buffer.queuedSegments === 0 };
    this.#core.enter(this.#core.closing.delivered(this.#core.state, left, nowMs));
    return this.#take(this.#output.next(this.#core.state, receiver, nowMs));
  }

  #take(sending: Sending | undefined): Packet | undefined {
    if (sending !== undefined) this.#core.state = sending.state;
    return sending?.packet;
  }

  #pollSyn(now: Instant): Packet | undefined {
    const next = this.#core.state.phase === 'syn-sent' ? this.#core.opening.synDue(this.#core.state, now) : undefined;
    if (next === undefined) return undefined;
    this.#core.state = next;
    if (next.attempt > 1) this.#core.host.emit({ type: 'syn-retry', attempt: next.attempt });
    return this.#core.packets.syn(this.initialSequence, this.#core.config.receiveSegments);
  }

  #takeSynAck(receiver: Receiver, now: Instant): Packet {
    this.#core.opening.synAckSent(now);
    const acknowledgement = sequenceAdd(receiver.initialSequence, 1);
    return this.#core.packets.synAck(this.initialSequence, { acknowledgement, window: receiver.advertise() });
  }
}
