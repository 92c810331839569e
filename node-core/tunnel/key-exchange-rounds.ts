import type { Millis } from '../base/clock.ts';
import { KEY_EXCHANGE_FRAMES_PER_SECOND, KEY_EXCHANGE_PAUSES_MS, ROUND_PAUSE_MS } from './tunnel-config.ts';

/** `first`: there is no session. `rotation`: the peer should take a new key of ours. `silent`: it answers nothing. */
export type ExchangeReason = 'first' | 'rotation' | 'silent';

type State =
  | { readonly phase: 'idle' }
  | { readonly phase: 'running'; readonly reason: ExchangeReason; readonly attempt: number; readonly dueAt: Millis }
  | { readonly phase: 'resting'; readonly until: Millis };

/**
 * When a key exchange is sent again, and when it is given up.
 *
 *     idle ──start──> running (6 attempts) ──no answer──> resting 2, 4, 8, 15 s ──start──> running
 *       └──────<── settle: answered ──┘
 */
export class KeyExchangeRounds {
  readonly #sentAt: Millis[] = [];
  #state: State = { phase: 'idle' };
  #failedRounds = 0;

  get reason(): ExchangeReason | undefined {
    return this.#state.phase === 'running' ? this.#state.reason : undefined;
  }

  nextDue(): Millis | undefined {
    const state = this.#state;
    switch (state.phase) {
      case 'idle':
        return undefined;
      case 'running':
        return state.dueAt;
      case 'resting':
        return state.until;
      default:
        throw state satisfies never;
    }
  }

  /** False while a round runs or rests. */
  mayStart(now: Millis): boolean {
    return this.#state.phase === 'idle' || (this.#state.phase === 'resting' && this.#state.until <= now);
  }

  start(reason: ExchangeReason, firstAt: Millis): void {
    this.#state = { phase: 'running', reason, attempt: 0, dueAt: firstAt };
  }

  /** What the first attempt waited for is there. */
  hasten(now: Millis): void {
    if (this.#state.phase === 'running' && this.#state.attempt === 0) this.#state = { ...this.#state, dueAt: now };
  }

  /** The number of the attempt that is due, from 0; `failed` when a round ends without an answer, `rested` after it. */
  takeDue(now: Millis): number | 'failed' | 'rested' | undefined {
    const state = this.#state;
    if (state.phase === 'resting' && state.until <= now) {
      this.#state = { phase: 'idle' };
      return 'rested';
    }
    if (state.phase !== 'running' || state.dueAt > now) return undefined;
    const pause = KEY_EXCHANGE_PAUSES_MS[state.attempt];
    if (pause === undefined) {
      const rest = Math.min(ROUND_PAUSE_MS.first * 2 ** this.#failedRounds, ROUND_PAUSE_MS.max);
      this.#failedRounds = Math.min(this.#failedRounds + 1, 16);
      this.#state = { phase: 'resting', until: now + rest };
      return 'failed';
    }
    this.#state = { ...state, attempt: state.attempt + 1, dueAt: now + pause };
    return state.attempt;
  }

  settle(): void {
    this.#state = { phase: 'idle' };
    this.#failedRounds = 0;
  }

  /** May one more key-exchange frame go to this peer? Stock ignores the sixth in a second. */
  takeFrame(now: Millis): boolean {
    const oldest = this.#sentAt[0];
    if (this.#sentAt.length >= KEY_EXCHANGE_FRAMES_PER_SECOND && oldest !== undefined && now - oldest < 1000)
      return false;
    this.#sentAt.push(now);
    if (this.#sentAt.length > KEY_EXCHANGE_FRAMES_PER_SECOND) this.#sentAt.shift();
    return true;
  }
}
