import type { Instant, Millis } from '../base/clock.ts';
import type { Packet } from '../wire/packet.ts';
import { sequenceAdd } from '../wire/sequence.ts';
import type { Handshake, StreamRole } from './connection-event.ts';
import type { InPhase, StreamState } from './connection-state.ts';
import type { StreamConfig } from './stream-config.ts';

type Limits = Pick<StreamConfig, 'synScheduleMs' | 'dialTimeoutMs' | 'synAckScheduleMs' | 'halfOpenMs'>;
type Unopened = InPhase<'syn-sent' | 'syn-received'>;

/**
 * The opening of a stream, seen from one end, as steps from one state to the next: when SYN and SYN|ACK go out again, what
 * an answer means, and the times that the handshake took.
 */
export class Opening {
  readonly #role: StreamRole;
  readonly #initialSequence: number;
  readonly #limits: Limits;
  #times: Omit<Handshake, 'diallerSequence' | 'acceptorSequence'>;
  #synAckOwed: boolean;

  constructor(role: StreamRole, initialSequence: number, limits: Limits, now: Instant) {
    this.#role = role;
    this.#initialSequence = initialSequence;
    this.#limits = limits;
    this.#times = role === 'acceptor' ? { synReceived: now } : {};
    this.#synAckOwed = role === 'acceptor';
  }

  /** The state in which a stream starts. */
  begun(nowMs: Millis): StreamState {
    const phase = this.#role === 'dialler' ? 'syn-sent' : 'syn-received';
    return { phase, attempt: 0, startedAt: nowMs, closing: false };
  }

  /** The opening is confirmed. */
  established(state: StreamState): StreamState {
    return { phase: 'established', closing: 'closing' in state && state.closing };
  }

  /** What both ends know of the opening once `peerSequence`, the peer's initial one, is known. */
  handshake(peerSequence: number): Handshake {
    const [diallerSequence, acceptorSequence] =
      this.#role === 'dialler' ? [this.#initialSequence, peerSequence] : [peerSequence, this.#initialSequence];
    return { diallerSequence, acceptorSequence, ...this.#times };
  }

  /**
   * Whether a SYN|ACK answers our SYN for the first time or once more.
   *
   * @param peerSequence - The peer's initial sequence; undefined before the first answer.
   */
  answered(packet: Packet, peerSequence: number | undefined, now: Instant): 'first' | 'repeated' | 'foreign' {
    if (packet.acknowledgement !== sequenceAdd(this.#initialSequence, 1)) return 'foreign';
    if (peerSequence !== undefined) return packet.sequence === peerSequence ? 'repeated' : 'foreign';
    this.#times = { ...this.#times, synAckReceived: now };
    return 'first';
  }

  /** The state after the SYN that is due now; undefined when none is. */
  synDue(state: InPhase<'syn-sent'>, now: Instant): InPhase<'syn-sent'> | undefined {
    const due = this.#limits.synScheduleMs[state.attempt];
    if (due === undefined || now.monotonicMs < state.startedAt + due) return undefined;
    if (state.attempt === 0) this.#times = { synSent: now };
    return { ...state, attempt: state.attempt + 1 };
  }

  /** A SYN|ACK has to go out: the first, one that nothing confirmed, or the answer to a repeated SYN. */
  get owesSynAck(): boolean {
    return this.#synAckOwed;
  }

  oweSynAck(): void {
    this.#synAckOwed = true;
  }

  synAckSent(now: Instant): void {
    this.#synAckOwed = false;
    this.#times = { synAckSent: now, ...this.#times }; // the first stays
  }

  /** @returns Why the stream is over when nobody answered or confirmed in time. */
  timedOut(state: Unopened, nowMs: Millis): StreamState | 'timeout' | 'silence' {
    if (state.phase === 'syn-sent') return nowMs < state.startedAt + this.#limits.dialTimeoutMs ? state : 'timeout';
    if (nowMs < this.dueAt(state)) return state;
    if (state.attempt >= this.#limits.synAckScheduleMs.length) return 'silence';
    this.#synAckOwed = true;
    return { ...state, attempt: state.attempt + 1 };
  }

  /** When the next SYN or SYN|ACK goes out, or the opening is given up. */
  dueAt(state: Unopened): Millis {
    const { synScheduleMs, dialTimeoutMs, synAckScheduleMs, halfOpenMs } = this.#limits;
    const wait =
      state.phase === 'syn-sent'
        ? (synScheduleMs[state.attempt] ?? dialTimeoutMs)
        : (synAckScheduleMs[state.attempt] ?? halfOpenMs);
    return state.startedAt + wait;
  }
}
