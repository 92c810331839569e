import { type MessagePortMain, type UtilityProcess, utilityProcess } from 'electron';
import { PilotError } from '../../node-core/base/errors.ts';
import type { HostState } from '../../node-core/contract/host-link.ts';
import type { Ready } from '../../node-core/supervisor/deck-processes.ts';
import { ChildFailure, type Failure, parseFailure } from '../../node-core/supervisor/failure.ts';
import { RestartPolicy } from './restart-policy.ts';

const KILL_AFTER_MS = 5_000;

export interface HostEvents {
  readonly onState: (state: HostState) => void;
  /** At each start: whoever looks at the deck needs a new port to it. */
  readonly onStarted: () => void;
}

/** Runs the deck host's bundle in a utility process and restarts it when it ends unasked. */
export class HostProcess {
  readonly #program: string;
  readonly #events: HostEvents;
  readonly #policy = new RestartPolicy();
  #args: () => readonly string[] = () => [];
  #child: UtilityProcess | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  #state: HostState = { type: 'host-state', state: 'restarting', since: Date.now() };
  #ending = false;
  #starting: Starting | undefined;

  constructor(program: string, events: HostEvents) {
    this.#program = program;
    this.#events = events;
  }

  get state(): HostState {
    return this.#state;
  }

  /**
   * Starts it, and resolves when it first says that it is ready, be it after having been started again.
   *
   * @throws PilotError `deck.stopping` after `stop`; ChildFailure when it cannot be started.
   */
  async start(args: () => readonly string[]): Promise<Ready> {
    if (this.#ending) throw new PilotError('deck.stopping', 'the deck host is not started: the deck ends');
    this.#args = args;
    return new Promise((resolve, reject) => {
      this.#starting = { resolve, reject };
      this.#launch();
    });
  }

  /** Starts it again after it was given up. */
  startAgain(): void {
    if (this.#state.state !== 'stopped') return;
    this.#policy.reset();
    this.#enter('restarting');
    this.#launch();
  }

  /** Hands the deck host one end of a channel; false when none runs, whose next start asks again. */
  connect(port: MessagePortMain): boolean {
    if (this.#child?.pid === undefined) return false;
    this.#child.postMessage({ type: 'connect' }, [port]);
    return true;
  }

  /** Asks it to end and waits; after 5 s it is killed. */
  async stop(): Promise<void> {
    this.#ending = true;
    clearTimeout(this.#restartTimer);
    const child = this.#child;
    if (child === undefined) return;
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.postMessage({ type: 'stop' });
    const killer = setTimeout(() => {
      if (child.pid !== undefined) process.kill(child.pid, 'SIGKILL');
    }, KILL_AFTER_MS);
    await exited;
    clearTimeout(killer);
  }

  #launch(): void {
    const child = utilityProcess.fork(this.#program, [...this.#args()], { serviceName: 'Flightdeck deck host' });
    let failure: Failure | undefined;
    this.#child = child;
    child.once('spawn', () => {
      this.#enter('running');
      this.#events.onStarted();
    });
    child.on('message', (message: unknown) => {
      failure = parseFailure(message) ?? failure;
      const ready = parseReady(message);
      if (ready === undefined) return;
      this.#starting?.resolve(ready);
      this.#starting = undefined;
    });
    child.once('exit', () => this.#handleExit(failure));
  }

  #handleExit(failure: Failure | undefined): void {
    this.#child = undefined;
    if (this.#ending) return;
    const fatal = ChildFailure.of('host', failure);
    if (fatal !== undefined && this.#starting !== undefined) return this.#starting.reject(fatal);
    const decision = this.#policy.handleExit(Date.now());
    this.#enter(decision.kind === 'stop' ? 'stopped' : 'restarting');
    if (decision.kind === 'restart') this.#restartTimer = setTimeout(() => this.#launch(), decision.inMs);
  }

  #enter(state: HostState['state']): void {
    if (state === this.#state.state) return;
    this.#state = { type: 'host-state', state, since: Date.now() };
    this.#events.onState(this.#state);
  }
}

/** Who waits for it to be ready for the first time. */
interface Starting {
  readonly resolve: (ready: Ready) => void;
  readonly reject: (why: PilotError) => void;
}

function parseReady(message: unknown): Ready | undefined {
  if (typeof message !== 'object' || message === null || Reflect.get(message, 'type') !== 'ready') return undefined;
  const ready: unknown = Reflect.get(message, 'ready');
  return typeof ready === 'object' && ready !== null ? (ready as Ready) : undefined;
}
