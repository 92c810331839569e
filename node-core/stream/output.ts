import type { Millis } from '../base/clock.ts';
import type { Packet } from '../wire/packet.ts';
import { sequenceAdd } from '../wire/sequence.ts';
import type { ConnectionCore } from './connection-core.ts';
import type { StreamState } from './connection-state.ts';
import type { Receiver } from './receiver.ts';

const OLD_BYTE: Uint8Array = new Uint8Array(1);

/** What goes out next, if anything, and the state after it: of the same phase. */
export interface Sending {
  readonly packet: Packet;
  readonly state: StreamState;
}

/** Chooses the next packet of a stream whose opening was answered: acknowledgements, data, probes, FIN and RST. */
export class Output {
  readonly #core: ConnectionCore;

  constructor(core: ConnectionCore) {
    this.#core = core;
  }

  /** The next packet of a stream that is not closed; call until undefined. */
  next(state: StreamState, receiver: Receiver, nowMs: Millis): Sending | undefined {
    const isOver = state.phase === 'time-wait' || state.phase === 'closed';
    if (receiver.isBareAckDue(nowMs) && !isOver) return this.#ack(state, receiver);
    return (
      this.#finAck(state, receiver) ??
      this.#data(state, receiver, nowMs) ??
      this.#probe(state, receiver) ??
      (receiver.isAckDue(nowMs) ? this.#ack(state, receiver) : this.#fin(state, nowMs))
    );
  }

  /** The RST that a stream still owes its peer after its end. */
  reset(state: StreamState): Sending | undefined {
    if (state.phase !== 'closed' || !state.resetOwed) return undefined;
    return { packet: this.#core.packets.rst(), state: { ...state, resetOwed: false } };
  }

  #finAck(state: StreamState, receiver: Receiver): Sending | undefined {
    if (state.phase !== 'time-wait' || !state.finAckOwed) return undefined;
    receiver.takeAck(false);
    const packet = this.#core.packets.finAck(this.#core.sender.buffer.next, receiver.finAcknowledgement);
    return { packet, state: { ...state, finAckOwed: false } };
  }

  #data(state: StreamState, receiver: Receiver, nowMs: Millis): Sending | undefined {
    if (!('closing' in state)) return undefined;
    const segment = this.#core.sender.pollSegment(nowMs, state.closing || state.phase === 'draining');
    if (segment === undefined) return undefined;
    return { packet: this.#core.packets.ack(segment.sequence, receiver.takeAck(false), segment.payload), state };
  }

  /**
   * A byte that the peer has acknowledged before, or the place of our SYN: a peer that knows the stream acknowledges it
   * again and drops it, stock too, which never answers an empty ACK.
   */
  #probe(state: StreamState, receiver: Receiver): Sending | undefined {
    const { liveness, packets, sender } = this.#core;
    const probe = liveness.probeOwed;
    if (probe === undefined) return undefined;
    if (probe === 'empty') return this.#ack(state, receiver);
    const sequence = sequenceAdd(sender.buffer.unacknowledged, -1);
    return { packet: packets.ack(sequence, receiver.takeAck(false), OLD_BYTE), state };
  }

  #fin(state: StreamState, nowMs: Millis): Sending | undefined {
    const { config, closing, packets, sender } = this.#core;
    if (state.phase !== 'fin-wait' || state.acknowledged || nowMs < state.dueAt) return undefined;
    if (state.attempt >= config.finTransmissions) return undefined;
    return { packet: packets.fin(sender.buffer.next), state: closing.finSent(state, sender.rtt.timeoutMs, nowMs) };
  }

  #ack(state: StreamState, receiver: Receiver): Sending {
    const finSent = state.phase === 'time-wait' || (state.phase === 'fin-wait' && state.attempt > 0);
    const sequence = sequenceAdd(this.#core.sender.buffer.next, finSent ? 1 : 0);
    return { packet: this.#core.packets.ack(sequence, receiver.takeAck(true), receiver.sackPayload()), state };
  }
}
