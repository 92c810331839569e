import type { Instant, Millis } from '../base/clock.ts';
import { FLAG, hasFlag, type Packet } from '../wire/packet.ts';
import { decodeSack } from '../wire/sack.ts';
import { sequenceAdd, sequenceDifference } from '../wire/sequence.ts';
import { isPeerDone } from './closing.ts';
import type { ConnectionCore } from './connection-core.ts';
import { fitsStream } from './liveness.ts';
import type { ReceiveShare } from './receive-share.ts';
import { type PeerFin, Receiver } from './receiver.ts';
import { readSegment, type Segment } from './segment.ts';

/** A peer that may have missed the reopening of our window is answered sooner. */
const REOPENED_ANSWER_MS = 400;

/** Takes in the packets of one stream: what they open, acknowledge, bring and end. */
export class Input {
  readonly #core: ConnectionCore;
  readonly #share: ReceiveShare;

  constructor(core: ConnectionCore, share: ReceiveShare) {
    this.#core = core;
    this.#share = share;
  }

  /** Any packet of this stream but a SYN without ACK. */
  handle(packet: Packet, now: Instant): void {
    if (hasFlag(packet, FLAG.rst) && !hasFlag(packet, FLAG.fin)) return this.#handleReset();
    if (hasFlag(packet, FLAG.syn)) return this.#handleSynAck(packet, now);
    if (!hasFlag(packet, FLAG.ack | FLAG.fin)) return this.#core.host.count('no-flags');
    const { receiver, liveness, sender } = this.#core;
    if (receiver === undefined) return this.#core.host.count('before-open');
    if (liveness.isDoubted && fitsStream(packet, receiver.expected, sender.buffer.next)) liveness.proven();
    if (this.#core.isOver) return this.#handleLate(packet, receiver, now);
    this.#handleSegment(packet, receiver, now);
  }

  /** The peer's first sequence is known. */
  openReceiver(packet: Packet, now: Instant): Receiver {
    const receiver = new Receiver(this.#core.config, packet.sequence, this.#share);
    this.#core.receiver = receiver;
    this.#core.sender.setPeerWindow(packet.window, now.monotonicMs);
    return receiver;
  }

  #handleSynAck(packet: Packet, now: Instant): void {
    if (this.#core.role !== 'dialler' || this.#core.isOver) return this.#core.host.count('unexpected-syn');
    switch (this.#core.opening.answered(packet, this.#core.receiver?.initialSequence, now)) {
      case 'first':
        this.openReceiver(packet, now).requestBareAck(now.monotonicMs); // goes out even if data follows at once
        return this.#establish();
      case 'repeated': // our ACK was lost
        return this.#core.receiver?.requestBareAck(now.monotonicMs);
      default:
    }
    this.#core.host.count('bad-syn-ack');
    if (this.#core.receiver === undefined) this.#core.host.refuse(packet, now); // an old stream: cleared, it lets the next SYN in
  }

  #establish(): void {
    this.#core.state = this.#core.opening.established(this.#core.state);
    const { opening, receiver, host, role } = this.#core;
    if (receiver === undefined) return;
    host.emit({ type: 'established', role, handshake: opening.handshake(receiver.initialSequence) });
  }

  #handleSegment(packet: Packet, receiver: Receiver, now: Instant): void {
    const segment = readSegment(packet);
    const usable = segment.acknowledges
      ? this.#handleAcknowledgement(packet, segment, now)
      : this.#handleUnacknowledging(packet, receiver);
    if (!usable) return this.#core.host.count('bad-acknowledgement');
    if (this.#core.isOver) return this.#handleLate(packet, receiver, now);
    if (segment.data !== undefined) this.#handleData(packet, receiver, now);
    if (segment.fin !== undefined && !this.#core.isOver) this.#handleFin(segment.fin, receiver, now.monotonicMs);
  }

  /** Returns false when the acknowledgement cannot belong to this stream. */
  #handleAcknowledgement(packet: Packet, { blocks, data, fin }: Segment, now: Instant): boolean {
    const bare = data === undefined && fin === undefined;
    const nowMs = now.monotonicMs;
    const { buffer } = this.#core.sender;
    const ofFin = this.#core.state.phase === 'fin-wait' && packet.acknowledgement === sequenceAdd(buffer.next, 1);
    const acknowledgement = ofFin ? buffer.next : packet.acknowledgement;
    const window = fin === undefined ? packet.window : this.#core.sender.peerWindow; // a FIN says 0 and means nothing
    const before = buffer.unacknowledged;
    const result = this.#core.sender.handleAcknowledgement({ acknowledgement, window, blocks, bare }, nowMs);
    if (result === 'invalid' || (this.#core.state.phase === 'syn-received' && result !== 'used')) return false;
    if (this.#core.state.phase === 'syn-received') this.#establish();
    if (ofFin) this.#core.enter(this.#core.closing.finAcknowledged(this.#core.state, nowMs));
    if (before !== buffer.unacknowledged) this.#progressed(nowMs);
    const repeat = bare && blocks === undefined && !ofFin && before === buffer.unacknowledged;
    this.#core.liveness.heard();
    if (repeat) this.#answerRepeat(nowMs);
    return true;
  }

  /** A FIN without ACK: it acknowledges nothing, but in its place it confirms an opening. */
  #handleUnacknowledging(packet: Packet, receiver: Receiver): boolean {
    this.#core.liveness.heard();
    if (this.#core.state.phase !== 'syn-received') return true;
    if (packet.sequence === receiver.expected) this.#establish();
    return sequenceDifference(packet.sequence, receiver.expected) >= 0;
  }

  #progressed(nowMs: Millis): void {
    this.#core.enter(this.#core.closing.sendingProgressed(this.#core.state, nowMs));
    if (!this.#core.wantsWritable || this.#core.sender.buffer.freeBytes * 2 < this.#core.config.sendBufferBytes) return;
    this.#core.wantsWritable = false;
    if (this.#core.mayWrite) this.#core.host.emit({ type: 'writable' });
  }

  #answerRepeat(nowMs: Millis): void {
    const pause = this.#core.receiver?.mayHaveMissedWindow ? REOPENED_ANSWER_MS : this.#core.config.answerAfterMs;
    if (this.#core.liveness.wasQuietFor(pause, nowMs)) this.#core.receiver?.requestAck(nowMs);
  }

  #handleData(packet: Packet, receiver: Receiver, now: Instant): void {
    const nowMs = now.monotonicMs;
    if (isPeerDone(this.#core.state) && sequenceDifference(packet.sequence, receiver.expected) >= 0) {
      return this.#core.host.count('late-data');
    }
    const wasEmpty = receiver.buffer.queuedSegments === 0;
    const outcome = receiver.handleData(packet.sequence, packet.payload, nowMs);
    if (outcome === 'stale') this.#core.host.count('stale-data');
    if (outcome === 'full') this.#core.host.count('window-full');
    if (outcome === 'over-share') this.#core.host.count('peer-bytes');
    if (outcome !== 'delivered') return;
    if (wasEmpty) this.#core.host.emit({ type: 'readable' });
    this.#core.enter(this.#core.closing.receivingProgressed(this.#core.state, nowMs));
    const fin = receiver.takeHeldFin();
    if (fin !== undefined) this.#acceptFin(fin, receiver, nowMs);
  }

  #handleReset(): void {
    if (this.#core.state.phase === 'time-wait') this.#core.state = { phase: 'closed', reason: 'fin', resetOwed: false };
    this.#core.end(this.#core.state.phase === 'syn-sent' ? 'refused' : 'reset', { tellPeer: false });
  }

  #handleFin(fin: PeerFin, receiver: Receiver, nowMs: Millis): void {
    const state = this.#core.state;
    if (state.phase === 'fin-wait' && state.peerDone && !fin.withAck) {
      return this.#core.enter(this.#core.closing.timeWait(nowMs, true));
    }
    if (isPeerDone(state)) return receiver.requestAck(nowMs);
    if (receiver.isInOrder(fin)) return this.#acceptFin(fin, receiver, nowMs);
    receiver.holdFin(fin, state.phase === 'fin-wait' ? this.#core.config.lingerMs : this.#core.config.heldFinMs, nowMs);
    receiver.requestAck(nowMs);
  }

  #acceptFin(fin: PeerFin, receiver: Receiver, nowMs: Millis): void {
    receiver.acceptFin(fin, nowMs);
    this.#core.host.emit({ type: 'ended' });
    this.#core.enter(this.#core.closing.peerFinished(this.#core.state, fin, nowMs));
  }

  /** A FIN whose data never came: after our own close the stream is over, else the peer is gone. */
  handleExpiredFin(nowMs: Millis): void {
    const fin = this.#core.isOver ? undefined : this.#core.receiver?.takeExpiredFin(nowMs);
    if (fin === undefined || this.#core.receiver === undefined) return;
    if (this.#core.state.phase === 'fin-wait') this.#acceptFin(fin, this.#core.receiver, nowMs);
    else this.#core.end('silence', { tellPeer: true });
  }

  #handleLate(packet: Packet, receiver: Receiver, now: Instant): void {
    const state = this.#core.state;
    if (state.phase !== 'time-wait') return;
    if (hasFlag(packet, FLAG.fin)) {
      const fin = { sequence: packet.sequence, withAck: hasFlag(packet, FLAG.ack) };
      receiver.noteFin(fin);
      if (fin.withAck) receiver.requestAck(now.monotonicMs);
      else this.#core.state = { ...state, finAckOwed: true };
      return;
    }
    const isNew = packet.payload.length > 0 && sequenceDifference(packet.sequence, receiver.expected) >= 0;
    if (!isNew || decodeSack(packet.payload) !== undefined) return;
    this.#core.host.count('late-data');
    this.#core.host.refuse(packet, now);
  }
}
