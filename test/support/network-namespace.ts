import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { promisify } from 'node:util';

/** Speaks with a TCP port of its own namespace, for somebody outside who has its standard input and output. */
const RELAY =
  "const s=require('net').connect(+process.argv[1],'127.0.0.1');s.on('error',()=>process.exit());s.on('close',()=>process.exit());process.stdin.pipe(s).pipe(process.stdout)";

/**
 * A network of its own in which there is only loopback, for programs that must not reach any other. Linux, as root.
 * Programs enter it by being started through `prefix`.
 */
export class NetworkNamespace {
  readonly #holder: ChildProcess;
  readonly #closers: (() => unknown)[] = [];

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
    return ['nsenter', `--net=/proc/${this.pid}/ns/net`, '--'];
  }

  /** The process whose network it is, as `ip link … netns` wants to be told. */
  get pid(): number {
    return this.#holder.pid as number;
  }

  /** Runs commands of a shell in it, one a line. @throws Error with what the one that failed wrote. */
  async run(script: string): Promise<string> {
    const [program, ...words] = [...this.prefix, 'sh', '-e', '-c', script] as const;
    const { stdout } = await promisify(execFile)(program as string, words);
    return stdout;
  }

  /** A port of our own loopback that leads to the same port of its loopback, where somebody may listen later. */
  async reach(): Promise<number> {
    const open = new Set<Socket>();
    const server = createServer((socket) => {
      const [program, ...words] = [...this.prefix, process.execPath, '-e', RELAY, String(port)];
      const relay = spawn(program as string, words, { stdio: ['pipe', 'pipe', 'inherit'] });
      open.add(socket);
      socket.on('error', () => {});
      relay.stdin.on('error', () => {});
      socket.on('close', () => relay.kill());
      relay.on('exit', () => socket.destroy());
      socket.pipe(relay.stdin);
      relay.stdout.pipe(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { readonly port: number };
    this.#closers.push(() => {
      for (const socket of open) socket.destroy();
      server.close();
    });
    return port;
  }

  /** It is gone when the last program in it has ended. */
  async close(): Promise<void> {
    for (const close of this.#closers.splice(0)) close();
    const ended = once(this.#holder, 'exit');
    this.#holder.stdin?.end();
    await ended;
  }
}
