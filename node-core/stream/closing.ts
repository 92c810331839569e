import type { Millis } from '../base/clock.ts';
import type { InPhase, StreamState } from './connection-state.ts';
import type { PeerFin } from './receiver.ts';
import type { StreamConfig } from './stream-config.ts';

type Limits = Pick<StreamConfig, 'lingerMs' | 'timeWaitMs' | 'finTransmissions' | 'rtoMaxMs'>;

/** The end of a stream as steps from one state to the next, the same one where a step changes nothing. */
export class Closing {
  readonly #limits: Limits;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** The peer's FIN came in its place. */
  peerFinished(state: StreamState, fin: PeerFin, nowMs: Millis): StreamState {
    if (state.phase === 'fin-wait') return this.timeWait(nowMs, !fin.withAck);
    return {
      phase: 'draining',
      closing: 'closing' in state && state.closing,
      until: nowMs + this.#limits.lingerMs,
      answer: fin.withAck ? 'fin' : 'fin-ack', // a FIN|ACK is never answered with one: two ends could go on for ever
    };
  }

  /** `sent`: all we wrote was acknowledged; `read`: nothing that arrived waits for the application. */
  delivered(state: StreamState, { sent, read }: { sent: boolean; read: boolean }, nowMs: Millis): StreamState {
    if (state.phase === 'established') return state.closing && sent ? finWait(nowMs, false) : state;
    if (state.phase !== 'draining') return state;
    const done = sent && (read || state.closing);
    if (!done && nowMs < state.until) return state;
    return state.answer === 'fin-ack' ? this.timeWait(nowMs, true) : finWait(nowMs, true);
  }

  /** The peer acknowledged more of our data: after its FIN, it may go on doing so. */
  sendingProgressed(state: StreamState, nowMs: Millis): StreamState {
    return state.phase === 'draining' ? { ...state, until: nowMs + this.#limits.lingerMs } : state;
  }

  /** More of the peer's data is here: after our FIN, more may come. */
  receivingProgressed(state: StreamState, nowMs: Millis): StreamState {
    const waits = state.phase === 'fin-wait' && state.acknowledged;
    return waits ? { ...state, dueAt: nowMs + this.#limits.timeWaitMs } : state;
  }

  /** Our FIN goes out; the next time after `timeoutMs`, doubled with each. */
  finSent(state: InPhase<'fin-wait'>, timeoutMs: Millis, nowMs: Millis): StreamState {
    const wait = Math.min(this.#limits.rtoMaxMs, timeoutMs * 2 ** state.attempt);
    return { ...state, attempt: state.attempt + 1, dueAt: nowMs + wait };
  }

  finAcknowledged(state: StreamState, nowMs: Millis): StreamState {
    if (state.phase !== 'fin-wait' || state.acknowledged) return state;
    if (state.peerDone) return this.timeWait(nowMs, false);
    return { ...state, acknowledged: true, dueAt: nowMs + this.#limits.timeWaitMs };
  }

  /** Waiting after our FIN has an end, whether it was acknowledged or not. */
  finTimedOut(state: InPhase<'fin-wait'>, nowMs: Millis): StreamState {
    const spent = state.acknowledged || state.attempt >= this.#limits.finTransmissions;
    return spent && nowMs >= state.dueAt ? this.timeWait(nowMs, false) : state;
  }

  timeWait(nowMs: Millis, finAckOwed: boolean): InPhase<'time-wait'> {
    return { phase: 'time-wait', until: nowMs + this.#limits.timeWaitMs, finAckOwed };
  }
}

/** Whether the peer's FIN was accepted in a stream that is not over. */
export function isPeerDone(state: StreamState): boolean {
  return state.phase === 'draining' || (state.phase === 'fin-wait' && state.peerDone);
}

function finWait(nowMs: Millis, peerDone: boolean): InPhase<'fin-wait'> {
  return { phase: 'fin-wait', attempt: 0, dueAt: nowMs, acknowledged: false, peerDone };
}
