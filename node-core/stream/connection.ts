import { earliest, type Instant, type Millis } from '../base/clock.ts';
import type { Address } from '../wire/address.ts';
import { FLAG, type Packet, PROTOCOL } from '../wire/packet.ts';
import { decodeSack, encodeSack, type SackBlock } from '../wire/sack.ts';
import { sequenceAdd, sequenceDifference } from '../wire/sequence.ts';
import { AckSchedule } from './ack-schedule.ts';
import { Liveness } from './liveness.ts';
import { ReceiveBuffer } from './receive-buffer.ts';
import { Sender } from './sender.ts';
import type { StreamConfig } from './stream-config.ts';
import type { CloseReason, Handshake, StreamDropReason, StreamEvent, StreamRole } from './stream-event.ts';

/** What a stream is doing; PROTOCOL.md, "Streams", has the diagram. */
export type StreamState =
  | { readonly phase: 'syn-sent'; readonly attempt: number; readonly startedAt: Millis; readonly closing: boolean }
  | { readonly phase: 'syn-received'; readonly attempt: number; readonly startedAt: Millis; readonly closing: boolean }
  | { readonly phase: 'established'; readonly closing: boolean }
  /** The peer's FIN came in order: what was received can be read, what we had queued is still delivered. */
  | {
      readonly phase: 'draining';
      readonly closing: boolean;
      readonly until: Millis;
      readonly answer: 'fin-ack' | 'fin';
    }
  /** Our FIN is out. `peerDone`: the peer's came first, only the acknowledgement of ours is missing. */
  | {
      readonly phase: 'fin-wait';
      readonly attempt: number;
      readonly dueAt: Millis;
      readonly acknowledged: boolean;
      readonly peerDone: boolean;
    }
  | { readonly phase: 'time-wait'; readonly until: Millis; readonly finAckOwed: boolean }
  | { readonly phase: 'closed'; readonly reason: CloseReason; readonly resetOwed: boolean };

type InPhase<P extends StreamState['phase']> = Extract<StreamState, { readonly phase: P }>;
type Blocks = readonly SackBlock[] | undefined;

/** What a connection needs of the table it lives in. */
export interface ConnectionHost {
  /** Something may have to be sent, or a deadline moved. */
  touched(connection: Connection): void;
  emit(event: StreamEvent): void;
  count(reason: StreamDropReason): void;
  /** Asks for a reset of the stream that this packet believes in. */
  refuse(packet: Packet, now: Instant): void;
}

export interface ConnectionOptions {
  readonly local: Address;
  readonly remote: Address;
  readonly localPort: number;
  readonly remotePort: number;
  readonly initialSequence: number;
  readonly config: StreamConfig;
  readonly host: ConnectionHost;
}

/** A snapshot of one stream for display and tests. */
export interface ConnectionStats {
  readonly phase: StreamState['phase'];
  /** Absent before the first sample. */
  readonly smoothedRttMs: number | undefined;
  readonly rttVariationMs: number | undefined;
  readonly retransmissionTimeoutMs: number;
  readonly congestionWindowBytes: number;
  readonly slowStartThresholdBytes: number;
  readonly inFlightBytes: number;
  readonly inFlightSegments: number;
  readonly queuedBytes: number;
  readonly retransmissions: number;
  readonly peerWindowSegments: number;
  readonly windowSegments: number;
  /** Payload, each byte once. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

interface HeldFin {
  readonly sequence: number;
  readonly withAck: boolean;
  readonly until: Millis;
}

const NO_PAYLOAD: Uint8Array = new Uint8Array(0);
/** How far a packet's numbers may be from ours and still speak of the same stream: twice what can be in flight. */
const FITTING = 16_777_216;
/** A peer that may have missed the reopening of our window is answered sooner. */
const REOPENED_ANSWER_MS = 400;

/** One stream: opening, data in both directions, keepalive and close, without any I/O. */
export class Connection {
  readonly role: StreamRole;
  readonly local: Address;
  readonly remote: Address;
  readonly localPort: number;
  readonly remotePort: number;
  readonly initialSequence: number;
  readonly #config: StreamConfig;
  readonly #host: ConnectionHost;
  readonly #sender: Sender;
  readonly #acks: AckSchedule;
  readonly #liveness: Liveness;
  #state: StreamState;
  #receiver: ReceiveBuffer | undefined;
  #peerInitialSequence = 0;
  #handshakeTimes: Omit<Handshake, 'diallerSequence' | 'acceptorSequence'> = {};
  #synAckOwed = false;
  #bareAckOwed = false; // a data packet will not do
  #heldFin: HeldFin | undefined;
  #finAcknowledgement = 0; // what acknowledges the peer's FIN
  #lastAdvertised: number;
  #reopened = false; // a window of 0 was told, and no data has come since
  #wantsWritable = false;
  #bytesReceived = 0;

  private constructor(role: StreamRole, options: ConnectionOptions, state: StreamState, now: Instant) {
    this.role = role;
    this.local = options.local;
    this.remote = options.remote;
    this.localPort = options.localPort;
    this.remotePort = options.remotePort;
    this.initialSequence = options.initialSequence;
    this.#config = options.config;
    this.#host = options.host;
    this.#sender = new Sender(options.config, sequenceAdd(options.initialSequence, 1));
    this.#acks = new AckSchedule(options.config);
    this.#liveness = new Liveness(options.config, now.monotonicMs);
    this.#lastAdvertised = options.config.receiveSegments;
    this.#state = state;
  }

  /** A stream we open: its first SYN is what `pollPacket` gives first. */
  static dial(options: ConnectionOptions, now: Instant): Connection {
    return new Connection(
      'dialler',
      options,
      { phase: 'syn-sent', attempt: 0, startedAt: now.monotonicMs, closing: false },
      now,
    );
  }

  /** A stream that a peer's SYN opens; usable at once. */
  static accept(options: ConnectionOptions, syn: Packet, now: Instant): Connection {
    const state: StreamState = { phase: 'syn-received', attempt: 0, startedAt: now.monotonicMs, closing: false };
    const connection = new Connection('acceptor', options, state, now);
    connection.#handshakeTimes = { synReceived: now };
    connection.#synAckOwed = true;
    connection.#openReceiver(syn, now);
    return connection;
  }

  get state(): StreamState {
    return this.#state;
  }

  /** The sending half: figures for display and conformance. */
  get sender(): Sender {
    return this.#sender;
  }

  /** The receiving half; undefined until the peer's first sequence is known. */
  get receiver(): ReceiveBuffer | undefined {
    return this.#receiver;
  }

  /** Undefined until both initial sequences are known. */
  get handshake(): Handshake | undefined {
    if (this.#receiver === undefined) return undefined;
    const own = this.initialSequence;
    const peers = this.#peerInitialSequence;
    const sequences =
      this.role === 'dialler'
        ? { diallerSequence: own, acceptorSequence: peers }
        : { diallerSequence: peers, acceptorSequence: own };
    return { ...sequences, ...this.#handshakeTimes };
  }

  /** Nothing more can be sent or will arrive; what was received can still be read. */
  get isOver(): boolean {
    return this.#state.phase === 'time-wait' || this.#state.phase === 'closed';
  }

  /** The peer changed its key and has not shown yet that it still knows this stream. */
  get isUnproven(): boolean {
    return this.#liveness.isDoubted;
  }

  get stats(): ConnectionStats {
    const { rtt, congestion, buffer } = this.#sender;
    const measured = rtt.smoothedNs > 0;
    return {
      phase: this.#state.phase,
      smoothedRttMs: measured ? rtt.smoothedNs / 1e6 : undefined,
      rttVariationMs: measured ? rtt.variationNs / 1e6 : undefined,
      retransmissionTimeoutMs: rtt.timeoutMs,
      congestionWindowBytes: congestion.window,
      slowStartThresholdBytes: congestion.slowStartThreshold,
      inFlightBytes: buffer.inFlightBytes,
      inFlightSegments: buffer.inFlight.length,
      queuedBytes: buffer.queuedBytes,
      retransmissions: this.#sender.retransmitted,
      peerWindowSegments: this.#sender.peerWindow,
      windowSegments: this.#window,
      bytesSent: this.#sender.bytesSent,
      bytesReceived: this.#bytesReceived,
    };
  }

  /**
   * Takes as many bytes as the send buffer has room for, copies them, and says how many. After 0 or a part, `writable`
   * tells when to go on. A stream that is closing or over takes nothing.
   */
  write(bytes: Uint8Array, now: Instant): number {
    if (!this.#mayWrite) return 0;
    const taken = this.#sender.write(bytes, now.monotonicMs);
    if (taken < bytes.length) this.#wantsWritable = true;
    this.#host.touched(this);
    return taken;
  }

  /** The next received segment's bytes, in order; the caller owns them. Goes on working when the stream is over. */
  read(now: Instant): Uint8Array | undefined {
    const receiver = this.#receiver;
    if (receiver === undefined) return undefined;
    const expected = receiver.expected;
    const payload = receiver.read();
    const newsForPeer = receiver.expected !== expected || (this.#lastAdvertised === 0 && receiver.window > 0);
    if (newsForPeer && !this.isOver) this.#acks.requestNow(now.monotonicMs);
    if (newsForPeer || this.#state.phase === 'draining') this.#host.touched(this);
    return payload;
  }

  /** Ends the stream: FIN follows when everything written was acknowledged. What still arrives can be read. */
  close(): void {
    const state = this.#state;
    switch (state.phase) {
      case 'syn-sent':
        if (this.#sender.isIdle) return this.reset(); // nothing to deliver: the dial is called off
        this.#state = { ...state, closing: true };
        break;
      case 'syn-received':
      case 'established':
      case 'draining':
        this.#state = { ...state, closing: true };
        break;
      case 'fin-wait':
      case 'time-wait':
      case 'closed':
        return;
      default:
        state satisfies never;
    }
    this.#host.touched(this);
  }

  /** Drops everything and tells the peer with RST. */
  reset(): void {
    this.end('aborted', { tellPeer: true });
  }

  /** Ends the stream at once for a reason of this side. */
  end(reason: CloseReason, options: { readonly tellPeer: boolean }): void {
    if (this.isOver) return;
    this.#state = { phase: 'closed', reason, resetOwed: options.tellPeer };
    this.#over(reason);
    this.#host.touched(this);
  }

  /** The peer changed its key: unless a fitting packet comes under the new one, the stream ends. */
  doubt(now: Instant): void {
    if (this.isOver || this.#state.phase === 'syn-sent') return;
    this.#liveness.doubt(now.monotonicMs);
    this.handleTimeout(now);
  }

  /** Whether this SYN repeats the one that made this stream, to be answered with the same sequence. */
  isRepeated(syn: Packet): boolean {
    const known = this.role === 'acceptor' && !this.isOver && !this.isUnproven;
    return known && syn.sequence === this.#peerInitialSequence && syn.destination.network === this.local.network;
  }

  repeatSynAck(): void {
    this.#synAckOwed = true;
    this.#host.touched(this);
  }

  /** Any packet of this stream but a SYN without ACK. */
  handlePacket(packet: Packet, now: Instant): void {
    const { flags } = packet;
    this.#host.touched(this);
    if ((flags & FLAG.rst) !== 0 && (flags & FLAG.fin) === 0) return this.#handleReset();
    if ((flags & FLAG.syn) !== 0) return this.#handleSynAck(packet, now);
    if ((flags & (FLAG.ack | FLAG.fin)) === 0) return this.#host.count('no-flags');
    const receiver = this.#receiver;
    if (receiver === undefined) return this.#host.count('before-open');
    if (this.isUnproven && this.#fits(packet, receiver)) this.#liveness.proven();
    if (this.isOver) return this.#handleLate(packet, receiver, now);
    this.#handleOpen(packet, receiver, now);
  }

  handleTimeout(now: Instant): void {
    const nowMs = now.monotonicMs;
    const state = this.#state;
    this.#host.touched(this);
    switch (state.phase) {
      case 'syn-sent':
        if (nowMs >= state.startedAt + this.#config.dialTimeoutMs) this.end('timeout', { tellPeer: false });
        return;
      case 'syn-received':
        this.#handleHalfOpen(state, nowMs);
        break;
      case 'fin-wait':
        this.#handleFinTimeout(state, nowMs);
        break;
      case 'time-wait':
        if (nowMs >= state.until) this.#state = { phase: 'closed', reason: 'fin', resetOwed: false };
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
    this.#handleHeldFinTimeout(now);
    if (this.#liveness.handleTimeout(nowMs) === 'silent') this.end('silence', { tellPeer: true });
  }

  nextTimeout(): Millis | undefined {
    const state = this.#state;
    const common = () =>
      earliest(this.#acks.dueAt, this.#sender.nextTimeout(), this.#heldFin?.until, this.#liveness.nextTimeout());
    switch (state.phase) {
      case 'syn-sent':
        return state.startedAt + (this.#config.synScheduleMs[state.attempt] ?? this.#config.dialTimeoutMs);
      case 'syn-received':
        return earliest(state.startedAt + this.#synAckDelay(state.attempt), common());
      case 'established':
        return common();
      case 'draining':
        return earliest(state.until, common());
      case 'fin-wait':
        return earliest(state.dueAt, common());
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
    if (packet !== undefined) this.#liveness.sent(now.monotonicMs);
    return packet;
  }

  get #mayWrite(): boolean {
    return 'closing' in this.#state && !this.#state.closing;
  }

  get #window(): number {
    return this.#receiver?.window ?? this.#config.receiveSegments;
  }

  // Opening

  #openReceiver(packet: Packet, now: Instant): void {
    this.#peerInitialSequence = packet.sequence;
    this.#receiver = new ReceiveBuffer(this.#config, sequenceAdd(packet.sequence, 1));
    this.#sender.setPeerWindow(packet.window, now.monotonicMs);
  }

  #handleSynAck(packet: Packet, now: Instant): void {
    if (this.role !== 'dialler' || this.isOver) return this.#host.count('unexpected-syn');
    const fits = packet.acknowledgement === sequenceAdd(this.initialSequence, 1);
    if (this.#state.phase !== 'syn-sent') {
      const repeated = fits && packet.sequence === this.#peerInitialSequence;
      return repeated ? this.#requestBareAck(now.monotonicMs) : this.#host.count('bad-syn-ack');
    }
    if (!fits) {
      this.#host.count('bad-syn-ack');
      return this.#host.refuse(packet, now); // a stream of the past: cleared, it lets the next SYN through
    }
    this.#handshakeTimes = { ...this.#handshakeTimes, synAckReceived: now };
    this.#openReceiver(packet, now);
    this.#requestBareAck(now.monotonicMs); // goes out even if data follows at once
    this.#establish();
  }

  #requestBareAck(nowMs: Millis): void {
    this.#bareAckOwed = true;
    this.#acks.requestNow(nowMs);
  }

  #establish(): void {
    const closing = 'closing' in this.#state && this.#state.closing;
    this.#state = { phase: 'established', closing };
    const handshake = this.handshake;
    if (handshake === undefined) return;
    this.#host.emit({ type: 'established', connection: this, role: this.role, handshake });
  }

  #handleHalfOpen(state: InPhase<'syn-received'>, nowMs: Millis): void {
    if (nowMs < state.startedAt + this.#synAckDelay(state.attempt)) return;
    if (state.attempt >= this.#config.synAckScheduleMs.length) return this.end('silence', { tellPeer: true });
    this.#state = { ...state, attempt: state.attempt + 1 };
    this.#synAckOwed = true;
  }

  #synAckDelay(attempt: number): Millis {
    return this.#config.synAckScheduleMs[attempt] ?? this.#config.halfOpenMs;
  }

  // Data

  #handleOpen(packet: Packet, receiver: ReceiveBuffer, now: Instant): void {
    const hasFin = (packet.flags & FLAG.fin) !== 0;
    const blocks = packet.payload.length > 0 ? decodeSack(packet.payload) : undefined;
    const carriesData = packet.payload.length > 0 && blocks === undefined;
    if ((packet.flags & FLAG.ack) !== 0) {
      const before = this.#sender.buffer.unacknowledged;
      if (!this.#handleAcknowledgement(packet, blocks, !carriesData && !hasFin, now)) return;
      const repeat = packet.payload.length === 0 && !hasFin && before === this.#sender.buffer.unacknowledged;
      this.#liveness.heard(repeat);
      if (repeat) this.#answerRepeat(now.monotonicMs);
    } else if (this.#state.phase === 'syn-received') {
      if (packet.sequence !== receiver.expected) return this.#host.count('bad-acknowledgement');
      this.#establish(); // a FIN carries no acknowledgement, but its place confirms the opening
    }
    if (this.isOver) return this.#handleLate(packet, receiver, now);
    if (carriesData) this.#handleData(packet, receiver, now);
    if (hasFin) this.#handleFin(packet, carriesData ? packet.payload.length : 0, receiver, now);
  }

  /** Returns false when the packet cannot belong to this stream's present. */
  #handleAcknowledgement(packet: Packet, blocks: Blocks, bare: boolean, now: Instant): boolean {
    const { buffer } = this.#sender;
    const ofFin = packet.acknowledgement === sequenceAdd(buffer.next, 1) && this.#state.phase === 'fin-wait';
    const acknowledgement = ofFin ? buffer.next : packet.acknowledgement;
    const window = (packet.flags & FLAG.fin) !== 0 ? this.#sender.peerWindow : packet.window; // a FIN says 0
    const before = buffer.unacknowledged;
    const result = this.#sender.handleAcknowledgement({ acknowledgement, window, blocks, bare }, now.monotonicMs);
    const unconfirmed = this.#state.phase === 'syn-received' && result !== 'used';
    if (result === 'invalid' || unconfirmed) {
      this.#host.count('bad-acknowledgement');
      return false;
    }
    if (this.#state.phase === 'syn-received') this.#establish();
    if (ofFin) this.#finAcknowledged(now.monotonicMs);
    if (before !== buffer.unacknowledged) this.#progressed(now.monotonicMs);
    return true;
  }

  #progressed(nowMs: Millis): void {
    const state = this.#state;
    if (state.phase === 'draining') this.#state = { ...state, until: nowMs + this.#config.lingerMs };
    if (!this.#wantsWritable || this.#sender.buffer.freeBytes * 2 < this.#config.sendBufferBytes) return;
    this.#wantsWritable = false;
    if (this.#mayWrite) this.#host.emit({ type: 'writable', connection: this });
  }

  #answerRepeat(nowMs: Millis): void {
    const reopened = this.#reopened && this.#window > 0;
    const mayAnswer = reopened ? this.#liveness.mayAnswer(nowMs, REOPENED_ANSWER_MS) : this.#liveness.mayAnswer(nowMs);
    if (mayAnswer) this.#acks.requestNow(nowMs);
  }

  #handleData(packet: Packet, receiver: ReceiveBuffer, now: Instant): void {
    const wasEmpty = receiver.queuedSegments === 0;
    const before = receiver.expected;
    const beyondFin = this.#peerDone && sequenceDifference(packet.sequence, receiver.expected) >= 0;
    const outcome = beyondFin ? 'stale' : receiver.accept(packet.sequence, packet.payload);
    if (outcome === 'stale') this.#host.count('stale-data');
    if (outcome === 'full') this.#host.count('window-full');
    if (outcome !== 'delivered' || receiver.earlySegments > 0) this.#acks.requestNow(now.monotonicMs);
    else this.#acks.dataReceived(now.monotonicMs);
    if (outcome !== 'delivered') return;
    this.#bytesReceived += sequenceDifference(receiver.expected, before);
    if (receiver.window > 0) this.#reopened = false;
    if (wasEmpty) this.#host.emit({ type: 'readable', connection: this });
    const state = this.#state;
    if (state.phase === 'fin-wait' && state.acknowledged) {
      this.#state = { ...state, dueAt: now.monotonicMs + this.#config.timeWaitMs };
    }
    this.#checkHeldFin(receiver, now);
  }

  #handleSenderTimeout(nowMs: Millis): void {
    const result = this.isOver ? undefined : this.#sender.handleTimeout(nowMs);
    if (result === 'probe') this.#liveness.requestProbe();
    if (result === 'gave-up') this.end('gave-up', { tellPeer: true });
  }

  // Closing

  get #peerDone(): boolean {
    const state = this.#state;
    return state.phase === 'draining' || (state.phase === 'fin-wait' && state.peerDone);
  }

  #handleReset(): void {
    if (this.#state.phase === 'time-wait') this.#state = { phase: 'closed', reason: 'fin', resetOwed: false };
    this.end(this.#state.phase === 'syn-sent' ? 'refused' : 'reset', { tellPeer: false });
  }

  #handleFin(packet: Packet, payloadLength: number, receiver: ReceiveBuffer, now: Instant): void {
    const withAck = (packet.flags & FLAG.ack) !== 0;
    const sequence = sequenceAdd(packet.sequence, payloadLength);
    if (this.#peerDone) {
      if (this.#state.phase === 'fin-wait' && !withAck) return this.#enterTimeWait(now.monotonicMs, true);
      return this.#acks.requestNow(now.monotonicMs);
    }
    if (sequenceDifference(sequence, receiver.expected) > 0) {
      const patience = this.#state.phase === 'fin-wait' ? this.#config.lingerMs : this.#config.heldFinMs;
      this.#heldFin ??= { sequence, withAck, until: now.monotonicMs + patience };
      return this.#acks.requestNow(now.monotonicMs);
    }
    this.#acceptFin({ sequence, withAck }, receiver, now);
  }

  #checkHeldFin(receiver: ReceiveBuffer, now: Instant): void {
    const held = this.#heldFin;
    if (held === undefined || sequenceDifference(held.sequence, receiver.expected) > 0) return;
    this.#acceptFin(held, receiver, now);
  }

  #acceptFin(fin: Pick<HeldFin, 'sequence' | 'withAck'>, receiver: ReceiveBuffer, now: Instant): void {
    const state = this.#state;
    this.#heldFin = undefined;
    this.#finAcknowledgement = sequenceAdd(fin.sequence, 1);
    if (fin.sequence === receiver.expected) receiver.skipFin();
    this.#acks.requestNow(now.monotonicMs);
    this.#host.emit({ type: 'ended', connection: this });
    if (state.phase === 'fin-wait') return this.#enterTimeWait(now.monotonicMs, !fin.withAck);
    this.#state = {
      phase: 'draining',
      closing: 'closing' in state && state.closing,
      until: now.monotonicMs + this.#config.lingerMs,
      answer: fin.withAck ? 'fin' : 'fin-ack', // a FIN|ACK is never answered with one: two ends could go on for ever
    };
  }

  /** A FIN whose data never came: after our own close the stream is over, else the peer is gone. */
  #handleHeldFinTimeout(now: Instant): void {
    const held = this.#heldFin;
    if (held === undefined || now.monotonicMs < held.until || this.#receiver === undefined || this.isOver) return;
    if (this.#state.phase === 'fin-wait') this.#acceptFin(held, this.#receiver, now);
    else this.end('silence', { tellPeer: true });
  }

  /** Moves on when nothing is left to deliver. */
  #checkDone(nowMs: Millis): void {
    const state = this.#state;
    if (state.phase === 'established' && state.closing && this.#sender.isIdle) return this.#enterFinWait(nowMs, false);
    if (state.phase !== 'draining') return;
    const read = state.closing || this.#receiver?.queuedSegments === 0;
    if ((!read || !this.#sender.isIdle) && nowMs < state.until) return;
    if (state.answer === 'fin-ack') this.#enterTimeWait(nowMs, true);
    else this.#enterFinWait(nowMs, true);
  }

  #enterFinWait(nowMs: Millis, peerDone: boolean): void {
    this.#sender.clear();
    this.#state = { phase: 'fin-wait', attempt: 0, dueAt: nowMs, acknowledged: false, peerDone };
  }

  #finAcknowledged(nowMs: Millis): void {
    const state = this.#state;
    if (state.phase !== 'fin-wait' || state.acknowledged) return;
    if (state.peerDone) return this.#enterTimeWait(nowMs, false);
    this.#state = { ...state, acknowledged: true, dueAt: nowMs + this.#config.timeWaitMs };
  }

  #handleFinTimeout(state: InPhase<'fin-wait'>, nowMs: Millis): void {
    const spent = state.acknowledged || state.attempt >= this.#config.finTransmissions;
    if (spent && nowMs >= state.dueAt) this.#enterTimeWait(nowMs, false);
  }

  #enterTimeWait(nowMs: Millis, finAckOwed: boolean): void {
    this.#state = { phase: 'time-wait', until: nowMs + this.#config.timeWaitMs, finAckOwed };
    this.#over('fin');
  }

  #over(reason: CloseReason): void {
    this.#sender.clear();
    this.#liveness.proven();
    this.#heldFin = undefined;
    this.#host.emit({ type: 'closed', connection: this, reason });
  }

  #handleLate(packet: Packet, receiver: ReceiveBuffer, now: Instant): void {
    const state = this.#state;
    if (state.phase !== 'time-wait') return;
    if ((packet.flags & FLAG.fin) !== 0) {
      const withAck = (packet.flags & FLAG.ack) !== 0;
      this.#finAcknowledgement = sequenceAdd(packet.sequence, 1);
      if (withAck) this.#acks.requestNow(now.monotonicMs);
      else this.#state = { ...state, finAckOwed: true };
      return;
    }
    const isNew = packet.payload.length > 0 && sequenceDifference(packet.sequence, receiver.expected) >= 0;
    if (!isNew || decodeSack(packet.payload) !== undefined) return;
    this.#host.count('late-data');
    this.#host.refuse(packet, now);
  }

  /** Whether the numbers of a packet are near ours: a peer that forgot the stream would hardly hit them. */
  #fits(packet: Packet, receiver: ReceiveBuffer): boolean {
    const { buffer } = this.#sender;
    if (Math.abs(sequenceDifference(packet.sequence, receiver.expected)) > FITTING) return false;
    if ((packet.flags & FLAG.ack) === 0) return true;
    const ahead = sequenceDifference(packet.acknowledgement, buffer.next);
    return ahead <= 1 && ahead >= -FITTING;
  }

  // Output

  #pollNext(now: Instant): Packet | undefined {
    const state = this.#state;
    if (state.phase === 'closed') return this.#pollReset(state);
    if (state.phase === 'syn-sent') return this.#pollSyn(state, now);
    if (this.#synAckOwed) return this.#takeSynAck(now);
    const nowMs = now.monotonicMs;
    this.#checkDone(nowMs);
    const first = this.#pollFinAck() ?? this.#pollBareAck(nowMs);
    return first ?? this.#pollSegment(nowMs) ?? this.#pollAck(nowMs) ?? this.#pollFin(nowMs);
  }

  #pollReset(state: InPhase<'closed'>): Packet | undefined {
    if (!state.resetOwed) return undefined;
    this.#state = { ...state, resetOwed: false };
    return this.#packet(FLAG.rst, 0, 0, 0);
  }

  #pollSyn(state: InPhase<'syn-sent'>, now: Instant): Packet | undefined {
    const due = this.#config.synScheduleMs[state.attempt];
    if (due === undefined || now.monotonicMs < state.startedAt + due) return undefined;
    const attempt = state.attempt + 1;
    this.#state = { ...state, attempt };
    if (attempt === 1) this.#handshakeTimes = { synSent: now };
    else this.#host.emit({ type: 'syn-retry', connection: this, attempt });
    return this.#packet(FLAG.syn, this.initialSequence, 0, this.#window);
  }

  #takeSynAck(now: Instant): Packet {
    this.#synAckOwed = false;
    this.#handshakeTimes = { synAckSent: now, ...this.#handshakeTimes }; // the first stays
    const acknowledgement = sequenceAdd(this.#peerInitialSequence, 1);
    return this.#packet(FLAG.syn | FLAG.ack, this.initialSequence, acknowledgement, this.#advertise());
  }

  #pollFinAck(): Packet | undefined {
    const state = this.#state;
    if (state.phase !== 'time-wait' || !state.finAckOwed) return undefined;
    this.#state = { ...state, finAckOwed: false };
    this.#acks.acknowledged();
    return this.#packet(FLAG.fin | FLAG.ack, this.#sender.buffer.next, this.#finAcknowledgement, 0);
  }

  /** What must be said before data and by itself: the end of the opening, and holes, for which data has no place. */
  #pollBareAck(nowMs: Millis): Packet | undefined {
    const bare = this.#bareAckOwed || (this.#receiver?.earlySegments ?? 0) > 0;
    return bare && this.#acks.isDue(nowMs) ? this.#takeAck() : undefined;
  }

  #pollSegment(nowMs: Millis): Packet | undefined {
    const state = this.#state;
    if (!('closing' in state) || this.#receiver === undefined) return undefined;
    const segment = this.#sender.pollSegment(nowMs, state.closing || state.phase === 'draining');
    if (segment === undefined) return undefined;
    this.#acks.acknowledged();
    return this.#packet(FLAG.ack, segment.sequence, this.#receiver.expected, this.#advertise(), segment.payload);
  }

  #pollAck(nowMs: Millis): Packet | undefined {
    return this.#acks.isDue(nowMs) || this.#liveness.probeOwed ? this.#takeAck() : undefined;
  }

  #pollFin(nowMs: Millis): Packet | undefined {
    const state = this.#state;
    const due = state.phase === 'fin-wait' && !state.acknowledged && nowMs >= state.dueAt;
    if (!due || state.attempt >= this.#config.finTransmissions) return undefined;
    const wait = Math.min(this.#config.rtoMaxMs, this.#sender.rtt.timeoutMs * 2 ** state.attempt);
    this.#state = { ...state, attempt: state.attempt + 1, dueAt: nowMs + wait };
    return this.#packet(FLAG.fin, this.#sender.buffer.next, 0, 0);
  }

  #takeAck(): Packet | undefined {
    const receiver = this.#receiver;
    if (receiver === undefined) return undefined;
    this.#acks.acknowledged();
    this.#bareAckOwed = false;
    const finSent = this.#state.phase === 'fin-wait' || this.#state.phase === 'time-wait';
    const sequence = sequenceAdd(this.#sender.buffer.next, finSent ? 1 : 0);
    const payload = receiver.earlySegments > 0 ? encodeSack(receiver.sackBlocks()) : NO_PAYLOAD;
    return this.#packet(FLAG.ack, sequence, receiver.expected, this.#advertise(), payload);
  }

  #advertise(): number {
    this.#lastAdvertised = this.#window;
    if (this.#lastAdvertised === 0) this.#reopened = true;
    return this.#lastAdvertised;
  }

  #packet(
    flags: number,
    sequence: number,
    acknowledgement: number,
    window: number,
    payload: Uint8Array = NO_PAYLOAD,
  ): Packet {
    return {
      flags,
      protocol: PROTOCOL.stream,
      source: this.local,
      destination: this.remote,
      sourcePort: this.localPort,
      destinationPort: this.remotePort,
      sequence,
      acknowledgement,
      window,
      payload,
    };
  }
}
