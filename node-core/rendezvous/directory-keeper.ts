import type { LineLog } from '../base/line-log.ts';
import { encodeLogLine, LOG_HEADER } from './directory-log.ts';
import type { DirectoryChange } from './directory-state.ts';

export interface DirectoryKeeperOptions {
  readonly log: LineLog;
  /** The whole state, for when the log is written anew. */
  readonly everything: () => readonly DirectoryChange[];
  readonly onFailed: (error: unknown) => void;
  /** After each write that did not fail. */
  readonly onKept?: () => void;
}

/** A log is written anew when it has grown to so many times what the state took, and to so much at least. */
const COMPACT = { factor: 4, bytes: 1024 * 1024 };
/** What may wait for a disk that takes nothing; beyond, the whole state is written once it does again. */
const MAX_WAITING_LINES = 10_000;
const CHANGES_PER_LINE = 256;

/**
 * Puts the changes of a directory on disk: one line for each request, all that wait in one write. What could not be written
 * goes first the next time, so that the log never says less than the directory has said since.
 */
export class DirectoryKeeper {
  readonly #options: DirectoryKeeperOptions;
  /** The bytes of the log when it was last written anew. */
  #compactBytes: number;
  #waiting: string[] = [];
  #wholeDue = false;
  #saving: Promise<boolean> | undefined;
  #nextSave: Promise<boolean> | undefined;

  constructor(options: DirectoryKeeperOptions) {
    this.#options = options;
    this.#compactBytes = options.log.bytes;
  }

  /** Resolves to whether the changes are on disk. Those that come while a write is under way share the next one. */
  keep(changes: readonly DirectoryChange[]): Promise<boolean> {
    if (changes.length === 0) return Promise.resolve(true);
    this.#waiting.push(encodeLogLine(changes));
    if (this.#saving === undefined) {
      this.#saving = this.#save();
      return this.#saving;
    }
    this.#nextSave ??= this.#saving.then(() => {
      this.#nextSave = undefined;
      this.#saving = this.#save();
      return this.#saving;
    });
    return this.#nextSave;
  }

  /** Resolves when nothing waits for the disk any more. */
  async settle(): Promise<void> {
    while (this.#saving !== undefined) await this.#saving;
  }

  async #save(): Promise<boolean> {
    const lines = this.#waiting;
    this.#waiting = [];
    try {
      if (this.#isCompactionDue() || !(await this.#options.log.isThere())) await this.#writeAnew();
      else await this.#options.log.append(lines);
      this.#options.onKept?.();
      return true;
    } catch (error) {
      this.#keepForLater(lines);
      this.#options.onFailed(error);
      return false;
    } finally {
      if (this.#nextSave === undefined) this.#saving = undefined;
    }
  }

  #keepForLater(lines: readonly string[]): void {
    this.#waiting = [...lines, ...this.#waiting];
    this.#wholeDue ||= this.#waiting.length > MAX_WAITING_LINES;
    if (this.#wholeDue) this.#waiting = [];
  }

  #isCompactionDue(): boolean {
    const { bytes } = this.#options.log;
    return this.#wholeDue || (bytes > COMPACT.bytes && bytes > COMPACT.factor * this.#compactBytes);
  }

  async #writeAnew(): Promise<void> {
    const { log, everything } = this.#options;
    await log.replace(wholeLog(everything()));
    this.#compactBytes = log.bytes;
    this.#wholeDue = false;
  }
}

/** The lines of a log that holds this state and nothing else. */
export function wholeLog(changes: readonly DirectoryChange[]): string[] {
  const lines = [LOG_HEADER];
  for (let at = 0; at < changes.length; at += CHANGES_PER_LINE) {
    lines.push(encodeLogLine(changes.slice(at, at + CHANGES_PER_LINE)));
  }
  return lines;
}
