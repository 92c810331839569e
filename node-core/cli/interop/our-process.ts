import { forkProgram } from '../../supervisor/fork.ts';
import type { ChildHandle } from '../../supervisor/supervisor.ts';

/** A command of ours in a process of its own, ready; for what must be killed the hard way. */
export class OurProcess {
  readonly ready: Readonly<Record<string, unknown>>;
  readonly #child: ChildHandle;
  readonly #ended: Promise<string>;

  private constructor(child: ChildHandle, ended: Promise<string>, ready: Readonly<Record<string, unknown>>) {
    this.#child = child;
    this.#ended = ended;
    this.ready = ready;
  }

  /** Starts it and waits for its ready line. */
  static async start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<OurProcess> {
    const child = forkProgram(process.argv[1] as string, args, {
      env: { ...process.env, FLIGHTDECK_LOG: 'fatal', ...env },
    });
    const ended = new Promise<string>((resolve) => {
      child.onExit = resolve;
    });
    const line = await new Promise<string>((resolve, reject) => {
      child.onLine = resolve;
      void ended.then((reason) => reject(new Error(`${args[0]} ended before it was ready: ${reason}`)));
    });
    return new OurProcess(child, ended, JSON.parse(line));
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#child.stop(signal);
    await this.#ended;
  }
}
