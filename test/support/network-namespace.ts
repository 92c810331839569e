import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * A network of its own in which there is only loopback, for programs that must not reach any other. Linux, as root.
 * Programs enter it by being started through `prefix`.
 */
export class NetworkNamespace {
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  static async open(): Promise<NetworkNamespace> {
    const script = 'ip link set lo up && echo up && exec cat';
    const holder = spawn('unshare', ['--net', 'sh', '-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    await Promise.race([
      once(holder.stdout as NonNullable<typeof holder.stdout>, 'data'),
      once(holder, 'exit').then(() => Promise.reject(new Error('no network namespace could be made'))),
    ]);
    return new NetworkNamespace(holder);
  }

  /** The words that go before a command line. */
  get prefix(): readonly string[] {
    return ['nsenter', `--net=/proc/${this.#holder.pid}/ns/net`, '--'];
  }

  /** It is gone when the last program in it has ended. */
  async close(): Promise<void> {
    const ended = once(this.#holder, 'exit');
    this.#holder.stdin?.end();
    await ended;
  }
}
