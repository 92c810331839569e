import { createInterface } from 'node:readline';
import { type MessagePortMain, type UtilityProcess, utilityProcess } from 'electron';
import type { HostState } from '../../node-core/contract/host-link.ts';
import { RestartPolicy } from './restart-policy.ts';

const KILL_AFTER_MS = 5_000;

export interface HostProcessOptions {
  /** The deck host's bundle. */
  readonly program: string;
  /** Its command line, asked anew at each start. */
  readonly args: () => readonly string[];
  readonly onState: (state: HostState) => void;
  /** Called at each start, when a new port to the window is due. */
  readonly onStarted: () => void;
}

/** Runs the deck host in a utility process and restarts it when it ends unasked. */
export class HostProcess {
  readonly #options: HostProcessOptions;
  readonly #policy = new RestartPolicy();
  #child: UtilityProcess | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  #state: HostState = { type: 'host-state', state: 'restarting', since: Date.now() };
  #ending = false;

  constructor(options: HostProcessOptions) {
    this.#options = options;
  }

  get state(): HostState {
    return this.#state;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    const child = utilityProcess.fork(this.#options.program, [...this.#options.args()], {
      serviceName: 'Flightdeck deck host',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) => process.stdout.write(`${line}\n`));
    }
    child.once('spawn', () => {
      this.#enter('running');
      this.#options.onStarted();
    });
    child.once('exit', () => this.#handleExit());
  }

  /** Starts it again after it was given up. */
  startAgain(): void {
    if (this.#state.state !== 'stopped') return;
    this.#policy.reset();
    this.#enter('restarting');
    this.start();
  }

  /** Hands the deck host one end of a channel to the window. False when none runs; the next start asks again. */
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

  #handleExit(): void {
    this.#child = undefined;
    if (this.#ending) return;
    const decision = this.#policy.handleExit(Date.now());
    this.#enter(decision.kind === 'stop' ? 'stopped' : 'restarting');
    if (decision.kind === 'restart') this.#restartTimer = setTimeout(() => this.start(), decision.inMs);
  }

  #enter(state: HostState['state']): void {
    if (state === this.#state.state) return;
    this.#state = { type: 'host-state', state, since: Date.now() };
    this.#options.onState(this.#state);
  }
}
