import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { NetworkNamespace } from './network-namespace.ts';

/** The command line as it is built for use; `npm test` builds it first. */
const PROGRAM = fileURLToPath(new URL('../../out/main/flightdeck.cjs', import.meta.url));

/** A command of ours in a process of its own, ready. */
export class FlightdeckProcess {
  readonly ready: Readonly<Record<string, unknown>>;
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | string>;
  readonly #log: string[];

  private constructor(
    child: ChildProcess,
    ready: Readonly<Record<string, unknown>>,
    ended: Promise<number | string>,
    log: string[],
  ) {
    this.#child = child;
    this.ready = ready;
    this.#ended = ended;
    this.#log = log;
  }

  /**
   * Starts it and waits for its ready line.
   *
   * @param namespace - The network it runs in, where not the machine's.
   */
  static async start(
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
    namespace?: NetworkNamespace,
  ): Promise<FlightdeckProcess> {
    const [program, ...words] = [...(namespace?.prefix ?? []), process.execPath, PROGRAM, ...args];
    const child = spawn(program as string, words, {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ...env },
    });
    const log: string[] = [];
    createInterface({ input: child.stderr as NonNullable<typeof child.stderr> }).on('line', (line) => log.push(line));
    const ended = new Promise<number | string>((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ?? code ?? -1));
    });
    const lines = createInterface({ input: child.stdout as NonNullable<typeof child.stdout> });
    const line = await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve);
      ended.then((status) => reject(new Error(`ended with ${status} before it was ready:\n${log.join('\n')}`)));
    });
    return new FlightdeckProcess(child, JSON.parse(line), ended, log);
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** What it wrote to standard error so far. */
  get log(): string {
    return this.#log.join('\n');
  }

  /** Sends a signal and resolves with the exit code, or the name of the signal it died of. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | string> {
    this.#child.kill(signal);
    return this.#ended;
  }

  /** Closes the pipe between us, as happens when a parent dies. */
  abandon(): Promise<number | string> {
    this.#child.disconnect();
    return this.#ended;
  }
}
