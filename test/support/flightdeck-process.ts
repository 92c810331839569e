import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { NetworkNamespace } from './network-namespace.ts';

/** The command line as it is built for use; `npm test` builds it first. */
const PROGRAM = fileURLToPath(new URL('../../out/main/flightdeck.cjs', import.meta.url));

/** A command of ours in a process of its own. */
export class FlightdeckProcess {
  readonly ended: Promise<number | string>;
  readonly #child: ChildProcess;
  readonly #log: string[] = [];
  #ready: Readonly<Record<string, unknown>> = {};

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ?? code ?? -1));
    });
    linesOf(child.stderr).on('line', (line) => this.#log.push(line));
  }

  /** Starts it without waiting: it may never be ready. */
  static spawn(
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
    prefix: readonly string[] = [],
  ): FlightdeckProcess {
    const [program, ...words] = [...prefix, process.execPath, PROGRAM, ...args];
    const child = spawn(program as string, words, {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ...env },
    });
    return new FlightdeckProcess(child);
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
    const started = FlightdeckProcess.spawn(args, env, namespace?.prefix);
    const line = await new Promise<string>((resolve, reject) => {
      linesOf(started.#child.stdout).once('line', resolve);
      started.ended.then((status) => reject(new Error(`ended with ${status} before it was ready:\n${started.log}`)));
    });
    started.#ready = JSON.parse(line);
    return started;
  }

  /** Runs a short command to its end and resolves with all that it wrote. */
  static async run(args: readonly string[]): Promise<{ status: number | string; out: string; log: string }> {
    const started = FlightdeckProcess.spawn(args);
    const [out, status] = await Promise.all([text(started.#child.stdout as Readable), started.ended]);
    return { status, out, log: started.log };
  }

  /** Its ready line, if it was waited for. */
  get ready(): Readonly<Record<string, unknown>> {
    return this.#ready;
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** What it wrote to standard error so far. */
  get log(): string {
    return this.#log.join('\n');
  }

  /** Sends a signal and resolves with the exit code, or the name of the signal it died of. */
  end(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): Promise<number | string> {
    this.#child.kill(signal);
    return this.ended;
  }

  /** Closes the pipe between us, as happens when a parent dies. */
  abandon(): Promise<number | string> {
    this.#child.disconnect();
    return this.ended;
  }
}

function linesOf(output: Readable | null): Interface {
  if (output === null) throw new Error('the output of the process is not piped');
  return createInterface({ input: output });
}
