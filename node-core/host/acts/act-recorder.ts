import { PilotError } from '../../base/errors.ts';
import type { LogEntry } from '../../contract/log.ts';

/** What an operator does: its kind as `domain.act`, in words, and the node or group that it is about. */
export interface Act extends Pick<LogEntry, 'nodeId' | 'groupId'> {
  readonly kind: string;
  readonly text: string;
}

/** Writes each act of the operator, and what came of it, into the log. */
export class ActRecorder {
  readonly #write: (line: LogEntry) => void;

  constructor(write: (line: LogEntry) => void) {
    this.#write = write;
  }

  /**
   * Carries out an act.
   *
   * @param outcome - What of the result belongs behind the act's words.
   * @throws whatever `carryOut` throws, once it is written down.
   */
  async record<T>(act: Act, carryOut: () => Promise<T>, outcome: (result: T) => string = () => ''): Promise<T> {
    try {
      const result = await carryOut();
      this.#add(act, 'info', outcome(result));
      return result;
    } catch (error) {
      const words = error instanceof PilotError ? `${error.message} (${error.code})` : String(error);
      this.#add(act, 'error', ` failed: ${words}`);
      throw error;
    }
  }

  /** An act that tells by itself how it goes on. */
  note(act: Act): void {
    this.#add(act, 'info', '');
  }

  #add(act: Act, level: LogEntry['level'], outcome: string): void {
    this.#write({ source: 'this node', actor: 'operator', ...act, level, text: `${act.text}${outcome}` });
  }
}
