import { earliest, type Instant, type Millis } from '../base/clock.ts';
import type { Address } from '../wire/address.ts';
import { FLAG, hasFlag, type Packet } from '../wire/packet.ts';
import { decodeSack, type SackBlock } from '../wire/sack.ts';
import { sequenceAdd, sequenceDifference } from '../wire/sequence.ts';
import { Closing, isPeerDone } from './closing.ts';
import type { CloseReason, Handshake, StreamRole } from './connection-event.ts';
import type { ConnectionHost, ConnectionOptions, InPhase, StreamState } from './connection-state.ts';
import { type ConnectionStats, connectionStats } from './connection-stats.ts';
import { Liveness } from './liveness.ts';
import type { ReceiveShare } from './receive-share.ts';
import { type PeerFin, Receiver } from './receiver.ts';
import { Sender } from './sender.ts';
import type { StreamConfig } from './stream-config.ts';
import { StreamPackets } from './stream-packets.ts';

const OLD_BYTE: Uint8Array = new Uint8Array(1);
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
  readonly #share: ReceiveShare;
  readonly #packets: StreamPackets;
  readonly #closing: Closing;
  readonly #sender: Sender;
  readonly #liveness: Liveness;
  #state: StreamState;
  #receiver: Receiver | undefined;
  #handshakeTimes: Omit<Handshake, 'diallerSequence' | 'acceptorSequence'> = {};
  #synAckOwed = false;
  #rekeyed = false;
  #wantsWritable = false;

  private constructor(role: StreamRole, options: ConnectionOptions, state: StreamState, now: Instant) {
    this.role = role;
    this.local = options.local;
    this.remote = options.remote;
    this.localPort = options.localPort;
    this.remotePort = options.remotePort;
    this.initialSequence = options.initialSequence;
    this.#config = options.config;
    this.#host = options.host;
    this.#share = options.share;
    this.#packets = new StreamPackets(options);
    this.#closing = new Closing(options.config);
    this.#sender = new Sender(options.config, sequenceAdd(options.initialSequence, 1));
    this.#liveness = new Liveness(options.config, now.monotonicMs);
    this.#state = state;
  }

  /** A stream we open: its first SYN is what `pollPacket` gives first. */
  static dial(options: ConnectionOptions, now: Instant): Connection {
    const opening = { attempt: 0, startedAt: now.monotonicMs, closing: false };
    return new Connection('dialler', options, { phase: 'syn-sent', ...opening }, now);
  }

  /** A stream that a peer's SYN opens; usable at once. */
  static accept(options: ConnectionOptions, syn: Packet, now: Instant): Connection {
    const opening = { attempt: 0, startedAt: now.monotonicMs, closing: false };
    const connection = new Connection('acceptor', options, { phase: 'syn-received', ...opening }, now);
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
  get receiver(): Receiver | undefined {
    return this.#receiver;
  }

  /** Undefined until both initial sequences are known. */
  get handshake(): Handshake | undefined {
    if (this.#receiver === undefined) return undefined;
    const own = this.initialSequence;
    const peers = this.#receiver.initialSequence;
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
    return connectionStats(this.#state.phase, this.#sender, this.#receiver, this.#config);
  }

  /**
   * Takes as many bytes as the send buffer has room for, copies them, and says how many. After 0 or a part, `writable`
   * tells when to go on. A stream that is closing or over takes nothing.
   */
  write(bytes: Uint8Array, now: Instant): number {
    if (!this.#mayWrite) return 0;
    const taken = this.#sender.write(bytes, now.monotonicMs);
    if (taken < bytes.length) this.#wantsWritable = true;
    this.#host.touched();
    return taken;
  }

  /** The next received segment's bytes, in order; the caller owns them. Goes on working when the stream is over. */
  read(now: Instant): Uint8Array | undefined {
    if (this.#receiver === undefined) return undefined;
    const { payload, news } = this.#receiver.read(now.monotonicMs);
    if (news || this.#state.phase === 'draining') this.#host.touched();
    return payload;
  }

  /** Ends the stream: FIN follows when everything written was acknowledged. What still arrives can be read. */
  close(): void {
    const state = this.#state;
    if (!('closing' in state)) return;
    if (state.phase === 'syn-sent' && this.#sender.isIdle) return this.reset(); // the dial is called off
    this.#state = { ...state, closing: true };
    this.#host.touched();
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
    if (this.isOver) return;
    this.#state = { phase: 'closed', reason, resetOwed: options.tellPeer };
    this.#over(reason);
    this.#host.touched();
  }

  /** The peer changed its key: unless a fitting packet comes under the new one, the stream ends. */
  doubt(now: Instant): void {
    if (this.isOver || this.#state.phase === 'syn-sent') return;
    this.#rekeyed = true;
    this.#liveness.doubt(now.monotonicMs);
    this.handleTimeout(now);
  }

  /**
   * Whether this SYN repeats the one that made this stream, to be answered with the same sequence. Under another key
   * it never does: a restarted stock node dials with the ports and sequences it had before.
   */
  isRepeated(syn: Packet): boolean {
    const known = this.role === 'acceptor' && !this.isOver && !this.#rekeyed;
    return known && syn.sequence === this.#receiver?.initialSequence && syn.destination.network === this.local.network;
  }

  repeatSynAck(): void {
    this.#synAckOwed = true;
    this.#host.touched();
  }

  /** Any packet of this stream but a SYN without ACK. */
  handlePacket(packet: Packet, now: Instant): void {
    this.#host.touched();
    if (hasFlag(packet, FLAG.rst) && !hasFlag(packet, FLAG.fin)) return this.#handleReset();
    if (hasFlag(packet, FLAG.syn)) return this.#handleSynAck(packet, now);
    if (!hasFlag(packet, FLAG.ack | FLAG.fin)) return this.#host.count('no-flags');
    const receiver = this.#receiver;
    if (receiver === undefined) return this.#host.count('before-open');
    if (this.isUnproven && this.#fits(packet, receiver)) this.#liveness.proven();
    if (this.isOver) return this.#handleLate(packet, receiver, now);
    this.#handleSegment(packet, receiver, now);
  }

  handleTimeout(now: Instant): void {
    const nowMs = now.monotonicMs;
    const state = this.#state;
    this.#host.touched();
    switch (state.phase) {
      case 'syn-sent':
        if (nowMs >= state.startedAt + this.#config.dialTimeoutMs) this.end('timeout', { tellPeer: false });
        return;
      case 'syn-received':
        this.#handleHalfOpen(state, nowMs);
        break;
      case 'fin-wait':
        this.#enter(this.#closing.finTimedOut(state, nowMs));
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
    this.#handleExpiredFin(nowMs);
    if (this.#liveness.handleTimeout(nowMs) === 'silent') this.end('silence', { tellPeer: true });
  }

  nextTimeout(): Millis | undefined {
    const state = this.#state;
    const halves = () =>
      earliest(this.#receiver?.nextTimeout(), this.#sender.nextTimeout(), this.#liveness.nextTimeout());
    switch (state.phase) {
      case 'syn-sent':
        return state.startedAt + (this.#config.synScheduleMs[state.attempt] ?? this.#config.dialTimeoutMs);
      case 'syn-received':
        return earliest(state.startedAt + this.#synAckDelay(state.attempt), halves());
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
    if (packet !== undefined) this.#liveness.sent(now.monotonicMs);
    return packet;
  }

  get #mayWrite(): boolean {
    return 'closing' in this.#state && !this.#state.closing;
  }

  // Opening

  #openReceiver(packet: Packet, now: Instant): Receiver {
    const receiver = new Receiver(this.#config, packet.sequence, this.#share);
    this.#receiver = receiver;
    this.#sender.setPeerWindow(packet.window, now.monotonicMs);
    return receiver;
  }

  #handleSynAck(packet: Packet, now: Instant): void {
    if (this.role !== 'dialler' || this.isOver) return this.#host.count('unexpected-syn');
    const fits = packet.acknowledgement === sequenceAdd(this.initialSequence, 1);
    if (fits && this.#receiver === undefined) {
      this.#handshakeTimes = { ...this.#handshakeTimes, synAckReceived: now };
      this.#openReceiver(packet, now).requestBareAck(now.monotonicMs); // goes out even if data follows at once
      return this.#establish();
    }
    const repeated = fits && packet.sequence === this.#receiver?.initialSequence;
    if (repeated) return this.#receiver?.requestBareAck(now.monotonicMs); // our ACK was lost
    this.#host.count('bad-syn-ack');
    if (this.#receiver === undefined) this.#host.refuse(packet, now); // an old stream: cleared, it lets the next SYN in
  }

  #establish(): void {
    this.#state = { phase: 'established', closing: 'closing' in this.#state && this.#state.closing };
    const handshake = this.handshake;
    if (handshake === undefined) return;
    this.#host.emit({ type: 'established', role: this.role, handshake });
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

  #handleSegment(packet: Packet, receiver: Receiver, now: Instant): void {
    const hasFin = hasFlag(packet, FLAG.fin);
    const blocks = packet.payload.length > 0 ? decodeSack(packet.payload) : undefined;
    const carriesData = packet.payload.length > 0 && blocks === undefined;
    const usable = hasFlag(packet, FLAG.ack)
      ? this.#handleAcknowledgement(packet, blocks, !carriesData && !hasFin, now)
      : this.#handleUnacknowledging(packet, receiver);
    if (!usable) return this.#host.count('bad-acknowledgement');
    if (this.isOver) return this.#handleLate(packet, receiver, now);
    if (carriesData) this.#handleData(packet, receiver, now);
    if (!hasFin || this.isOver) return;
    const sequence = sequenceAdd(packet.sequence, carriesData ? packet.payload.length : 0);
    this.#handleFin({ sequence, withAck: hasFlag(packet, FLAG.ack) }, receiver, now.monotonicMs);
  }

  /** Returns false when the acknowledgement cannot belong to this stream. */
  #handleAcknowledgement(packet: Packet, blocks: SackBlock[] | undefined, bare: boolean, now: Instant): boolean {
    const nowMs = now.monotonicMs;
    const { buffer } = this.#sender;
    const ofFin = this.#state.phase === 'fin-wait' && packet.acknowledgement === sequenceAdd(buffer.next, 1);
    const acknowledgement = ofFin ? buffer.next : packet.acknowledgement;
    const window = hasFlag(packet, FLAG.fin) ? this.#sender.peerWindow : packet.window; // a FIN says 0 and means nothing
    const before = buffer.unacknowledged;
    const result = this.#sender.handleAcknowledgement({ acknowledgement, window, blocks, bare }, nowMs);
    if (result === 'invalid' || (this.#state.phase === 'syn-received' && result !== 'used')) return false;
    if (this.#state.phase === 'syn-received') this.#establish();
    if (ofFin) this.#enter(this.#closing.finAcknowledged(this.#state, nowMs));
    if (before !== buffer.unacknowledged) this.#progressed(nowMs);
    const repeat = bare && blocks === undefined && !ofFin && before === buffer.unacknowledged;
    this.#liveness.heard();
    if (repeat) this.#answerRepeat(nowMs);
    return true;
  }

  /** A FIN without ACK: it acknowledges nothing, but in its place it confirms an opening. */
  #handleUnacknowledging(packet: Packet, receiver: Receiver): boolean {
    this.#liveness.heard();
    if (this.#state.phase !== 'syn-received') return true;
    if (packet.sequence === receiver.expected) this.#establish();
    return sequenceDifference(packet.sequence, receiver.expected) >= 0;
  }

  #progressed(nowMs: Millis): void {
    this.#enter(this.#closing.sendingProgressed(this.#state, nowMs));
    if (!this.#wantsWritable || this.#sender.buffer.freeBytes * 2 < this.#config.sendBufferBytes) return;
    this.#wantsWritable = false;
    if (this.#mayWrite) this.#host.emit({ type: 'writable' });
  }

  #answerRepeat(nowMs: Millis): void {
    const pause = this.#receiver?.mayHaveMissedWindow ? REOPENED_ANSWER_MS : this.#config.answerAfterMs;
    if (this.#liveness.wasQuietFor(pause, nowMs)) this.#receiver?.requestAck(nowMs);
  }

  #handleData(packet: Packet, receiver: Receiver, now: Instant): void {
    const nowMs = now.monotonicMs;
    if (isPeerDone(this.#state) && sequenceDifference(packet.sequence, receiver.expected) >= 0) {
      return this.#host.count('late-data');
    }
    const wasEmpty = receiver.buffer.queuedSegments === 0;
    const outcome = receiver.handleData(packet.sequence, packet.payload, nowMs);
    if (outcome === 'stale') this.#host.count('stale-data');
    if (outcome === 'full') this.#host.count('window-full');
    if (outcome === 'over-share') this.#host.count('peer-bytes');
    if (outcome !== 'delivered') return;
    if (wasEmpty) this.#host.emit({ type: 'readable' });
    this.#enter(this.#closing.receivingProgressed(this.#state, nowMs));
    const fin = receiver.takeHeldFin();
    if (fin !== undefined) this.#acceptFin(fin, receiver, nowMs);
  }

  #handleSenderTimeout(nowMs: Millis): void {
    const result = this.isOver ? undefined : this.#sender.handleTimeout(nowMs);
    if (result === 'probe') this.#receiver?.requestAck(nowMs);
    if (result === 'gave-up') this.end('gave-up', { tellPeer: true });
  }

  // Closing

  #enter(state: StreamState): void {
    const before = this.#state.phase;
    this.#state = state;
    if (state.phase === before) return;
    if (state.phase === 'fin-wait') this.#sender.clear();
    if (state.phase === 'time-wait') this.#over('fin');
  }

  #handleReset(): void {
    if (this.#state.phase === 'time-wait') this.#state = { phase: 'closed', reason: 'fin', resetOwed: false };
    this.end(this.#state.phase === 'syn-sent' ? 'refused' : 'reset', { tellPeer: false });
  }

  #handleFin(fin: PeerFin, receiver: Receiver, nowMs: Millis): void {
    const state = this.#state;
    if (state.phase === 'fin-wait' && state.peerDone && !fin.withAck) {
      return this.#enter(this.#closing.timeWait(nowMs, true));
    }
    if (isPeerDone(state)) return receiver.requestAck(nowMs);
    if (receiver.isInOrder(fin)) return this.#acceptFin(fin, receiver, nowMs);
    receiver.holdFin(fin, state.phase === 'fin-wait' ? this.#config.lingerMs : this.#config.heldFinMs, nowMs);
    receiver.requestAck(nowMs);
  }

  #acceptFin(fin: PeerFin, receiver: Receiver, nowMs: Millis): void {
    receiver.acceptFin(fin, nowMs);
    this.#host.emit({ type: 'ended' });
    this.#enter(this.#closing.peerFinished(this.#state, fin, nowMs));
  }

  /** A FIN whose data never came: after our own close the stream is over, else the peer is gone. */
  #handleExpiredFin(nowMs: Millis): void {
    const fin = this.isOver ? undefined : this.#receiver?.takeExpiredFin(nowMs);
    if (fin === undefined || this.#receiver === undefined) return;
    if (this.#state.phase === 'fin-wait') this.#acceptFin(fin, this.#receiver, nowMs);
    else this.end('silence', { tellPeer: true });
  }

  #over(reason: CloseReason): void {
    this.#sender.clear();
    this.#liveness.proven();
    this.#host.emit({ type: 'closed', reason });
  }

  #handleLate(packet: Packet, receiver: Receiver, now: Instant): void {
    const state = this.#state;
    if (state.phase !== 'time-wait') return;
    if (hasFlag(packet, FLAG.fin)) {
      const fin = { sequence: packet.sequence, withAck: hasFlag(packet, FLAG.ack) };
      receiver.noteFin(fin);
      if (fin.withAck) receiver.requestAck(now.monotonicMs);
      else this.#state = { ...state, finAckOwed: true };
      return;
    }
    const isNew = packet.payload.length > 0 && sequenceDifference(packet.sequence, receiver.expected) >= 0;
    if (!isNew || decodeSack(packet.payload) !== undefined) return;
    this.#host.count('late-data');
    this.#host.refuse(packet, now);
  }

  /** Whether the numbers of a packet are near ours: a peer that forgot the stream would hardly hit them. */
  #fits(packet: Packet, receiver: Receiver): boolean {
    if (Math.abs(sequenceDifference(packet.sequence, receiver.expected)) > FITTING) return false;
    if (!hasFlag(packet, FLAG.ack)) return true;
    const ahead = sequenceDifference(packet.acknowledgement, this.#sender.buffer.next);
    return ahead <= 1 && ahead >= -FITTING;
  }

  // Output

  #pollNext(now: Instant): Packet | undefined {
    const state = this.#state;
    if (state.phase === 'closed') return this.#pollReset(state);
    const receiver = this.#receiver;
    if (state.phase === 'syn-sent' || receiver === undefined) return this.#pollSyn(now);
    if (this.#synAckOwed) return this.#takeSynAck(receiver, now);
    const nowMs = now.monotonicMs;
    const left = { sent: this.#sender.isIdle, read: receiver.buffer.queuedSegments === 0 };
    this.#enter(this.#closing.delivered(this.#state, left, nowMs));
    if (receiver.isBareAckDue(nowMs) && !this.isOver) return this.#ackPacket(receiver);
    return (
      this.#pollFinAck(receiver) ??
      this.#pollData(receiver, nowMs) ??
      this.#pollProbe(receiver) ??
      (receiver.isAckDue(nowMs) ? this.#ackPacket(receiver) : this.#pollFin(nowMs))
    );
  }

  #pollReset(state: InPhase<'closed'>): Packet | undefined {
    if (!state.resetOwed) return undefined;
    this.#state = { ...state, resetOwed: false };
    return this.#packets.rst();
  }

  #pollSyn(now: Instant): Packet | undefined {
    const state = this.#state;
    if (state.phase !== 'syn-sent') return undefined;
    const due = this.#config.synScheduleMs[state.attempt];
    if (due === undefined || now.monotonicMs < state.startedAt + due) return undefined;
    const attempt = state.attempt + 1;
    this.#state = { ...state, attempt };
    if (attempt === 1) this.#handshakeTimes = { synSent: now };
    else this.#host.emit({ type: 'syn-retry', attempt });
    return this.#packets.syn(this.initialSequence, this.#config.receiveSegments);
  }

  #takeSynAck(receiver: Receiver, now: Instant): Packet {
    this.#synAckOwed = false;
    this.#handshakeTimes = { synAckSent: now, ...this.#handshakeTimes }; // the first stays
    const acknowledgement = sequenceAdd(receiver.initialSequence, 1);
    return this.#packets.synAck(this.initialSequence, { acknowledgement, window: receiver.advertise() });
  }

  #pollFinAck(receiver: Receiver): Packet | undefined {
    const state = this.#state;
    if (state.phase !== 'time-wait' || !state.finAckOwed) return undefined;
    this.#state = { ...state, finAckOwed: false };
    receiver.takeAck(false);
    return this.#packets.finAck(this.#sender.buffer.next, receiver.finAcknowledgement);
  }

  #pollData(receiver: Receiver, nowMs: Millis): Packet | undefined {
    const state = this.#state;
    if (!('closing' in state)) return undefined;
    const segment = this.#sender.pollSegment(nowMs, state.closing || state.phase === 'draining');
    return segment && this.#packets.ack(segment.sequence, receiver.takeAck(false), segment.payload);
  }

  /**
   * A byte that the peer has acknowledged before, or the place of our SYN: a peer that knows the stream acknowledges it
   * again and drops it, stock too, which never answers an empty ACK.
   */
  #pollProbe(receiver: Receiver): Packet | undefined {
    const probe = this.#liveness.probeOwed;
    if (probe === undefined) return undefined;
    if (probe === 'empty') return this.#ackPacket(receiver);
    const sequence = sequenceAdd(this.#sender.buffer.unacknowledged, -1);
    return this.#packets.ack(sequence, receiver.takeAck(false), OLD_BYTE);
  }

  #pollFin(nowMs: Millis): Packet | undefined {
    const state = this.#state;
    const due = state.phase === 'fin-wait' && !state.acknowledged && nowMs >= state.dueAt;
    if (!due || state.attempt >= this.#config.finTransmissions) return undefined;
    this.#enter(this.#closing.finSent(state, this.#sender.rtt.timeoutMs, nowMs));
    return this.#packets.fin(this.#sender.buffer.next);
  }

  #ackPacket(receiver: Receiver): Packet {
    const state = this.#state;
    const finSent = state.phase === 'time-wait' || (state.phase === 'fin-wait' && state.attempt > 0);
    const sequence = sequenceAdd(this.#sender.buffer.next, finSent ? 1 : 0);
    return this.#packets.ack(sequence, receiver.takeAck(true), receiver.sackPayload());
  }
}
