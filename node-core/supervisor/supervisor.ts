import type { Millis } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import { ChildFailure, type Failure } from './failure.ts';

/** A process that somebody else forked: by Electron, or by plain Node. */
export interface ChildHandle {
  readonly pid: number | undefined;
  /** Called once with each line of JSON that the child prints on standard output. */
  onLine: ((line: string) => void) | undefined;
  /** Called when it ends for a reason it knows, before `onExit`. */
  onFailed: ((failure: Failure) => void) | undefined;
  onExit: ((reason: string) => void) | undefined;
  stop(signal: 'SIGTERM' | 'SIGKILL'): void;
}

/** Starts the program's own command line in a process of its own. */
export type Fork = (role: string, args: readonly string[]) => ChildHandle;

export interface SupervisedProcess {
  readonly role: string;
  /** The command line; asked anew at each start, so that a restart can keep the addresses of the first one. */
  readonly args: () => readonly string[];
}

export type SupervisorEvent =
  | { readonly type: 'started'; readonly role: string; readonly pid: number | undefined }
  | { readonly type: 'ready'; readonly role: string; readonly ready: Readonly<Record<string, unknown>> }
  | { readonly type: 'exited'; readonly role: string; readonly reason: string; readonly restartInMs: Millis };

const FIRST_RESTART_MS = 1_500;
const LONGEST_RESTART_MS = 15_000;
const STABLE_AFTER_MS = 30_000;
const KILL_AFTER_MS = 5_000;
/** So many ends before it was ever ready are no accident. */
const MOST_FIRST_TRIES = 5;

/**
 * Starts, watches and ends processes: one that exits is started again with a growing delay, which falls back once it
 * stayed up for 30 s. One that was never ready and says why no other start would help is not started again. Ending is
 * ordered, the last started first; what ignores SIGTERM for 5 s is killed.
 */
export class Supervisor {
  readonly #fork: Fork;
  readonly #onEvent: (event: SupervisorEvent) => void;
  readonly #firstRestartMs: Millis;
  readonly #running = new Map<string, Running>();
  #stopping = false;

  constructor(
    fork: Fork,
    onEvent: (event: SupervisorEvent) => void,
    options: { readonly firstRestartMs?: Millis } = {},
  ) {
    this.#fork = fork;
    this.#onEvent = onEvent;
    this.#firstRestartMs = options.firstRestartMs ?? FIRST_RESTART_MS;
  }

  /**
   * Starts a process and resolves with its first ready line. It is kept running until `stop`.
   *
   * @throws PilotError `deck.stopping` after `stop`; ChildFailure when it cannot be started.
   */
  async start(process: SupervisedProcess): Promise<Readonly<Record<string, unknown>>> {
    if (this.#stopping) throw new PilotError('deck.stopping', `${process.role} is not started: the deck ends`);
    return new Promise((resolve, reject) => {
      const running: Running = {
        process,
        child: undefined,
        timer: undefined,
        delayMs: this.#firstRestartMs,
        tries: 0,
        wasReady: false,
        onReady: resolve,
        onGivenUp: reject,
      };
      this.#running.set(process.role, running);
      this.#launch(running);
    });
  }

  pidOf(role: string): number | undefined {
    return this.#running.get(role)?.child?.pid;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (const running of [...this.#running.values()].reverse()) {
      if (running.timer !== undefined) clearTimeout(running.timer);
      await this.#end(running);
    }
    this.#running.clear();
  }

  #launch(running: Running): void {
    const { role } = running.process;
    const child = this.#fork(role, running.process.args());
    const stable = setTimeout(() => {
      running.delayMs = this.#firstRestartMs;
    }, STABLE_AFTER_MS);
    let failure: Failure | undefined;
    running.child = child;
    running.tries += 1;
    child.onFailed = (told) => {
      failure = told;
    };
    child.onLine = (line) => this.#handleLine(running, line);
    child.onExit = (reason) => {
      clearTimeout(stable);
      running.child = undefined;
      running.onEnded?.();
      if (this.#stopping) return;
      const givenUp = running.wasReady ? undefined : givenUpFor(running, failure, reason);
      if (givenUp === undefined) this.#restart(running, failure?.message ?? reason);
      else running.onGivenUp(givenUp);
    };
    this.#onEvent({ type: 'started', role, pid: child.pid });
  }

  #handleLine(running: Running, line: string): void {
    const ready = parseReady(line);
    if (ready === undefined) return;
    running.wasReady = true;
    running.onReady(ready);
    this.#onEvent({ type: 'ready', role: running.process.role, ready });
  }

  #restart(running: Running, reason: string): void {
    const { delayMs } = running;
    running.delayMs = Math.min(2 * delayMs, LONGEST_RESTART_MS);
    running.timer = setTimeout(() => this.#launch(running), delayMs);
    this.#onEvent({ type: 'exited', role: running.process.role, reason, restartInMs: delayMs });
  }

  async #end(running: Running): Promise<void> {
    const { child } = running;
    if (child === undefined) return;
    const ended = new Promise<void>((resolve) => {
      running.onEnded = resolve;
    });
    child.stop('SIGTERM');
    const killer = setTimeout(() => child.stop('SIGKILL'), KILL_AFTER_MS);
    await ended;
    clearTimeout(killer);
  }
}

interface Running {
  readonly process: SupervisedProcess;
  readonly onReady: (ready: Readonly<Record<string, unknown>>) => void;
  readonly onGivenUp: (why: PilotError) => void;
  tries: number;
  wasReady: boolean;
  child: ChildHandle | undefined;
  timer: ReturnType<typeof setTimeout> | undefined;
  delayMs: Millis;
  onEnded?: () => void;
}

/** Why one that never was ready is not tried again; undefined when it is. */
function givenUpFor({ process, tries }: Running, failure: Failure | undefined, reason: string): PilotError | undefined {
  const fatal = ChildFailure.of(process.role, failure);
  if (fatal !== undefined || tries < MOST_FIRST_TRIES) return fatal;
  const text = `the ${process.role} ended ${tries} times before it was ready: ${failure?.message ?? reason}`;
  return new PilotError('config.invalid', text);
}

function parseReady(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && 'ready' in value) return value as Record<string, unknown>;
  } catch {
    // a line that is not JSON is chatter of the child, not its ready line
  }
  return undefined;
}
