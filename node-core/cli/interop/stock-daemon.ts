import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { StockClient } from './stock-client.ts';
import { until } from './until.ts';

/** The stock programs that must lie in one folder. */
export const STOCK_PROGRAMS = ['pilot-daemon', 'pilotctl'] as const;

export interface StockDaemonOptions {
  /** The folder with the stock programs. */
  readonly programs: string;
  /** Words before a command line, where it must enter a network namespace first. */
  readonly prefix?: readonly string[];
  /** For its socket, whose path must be short, its identity and its log. */
  readonly folder: string;
  readonly name: string;
  readonly registry: string;
  readonly beacon: string;
  readonly listen: string;
  readonly flags?: readonly string[];
}

export type Reply = Readonly<Record<string, unknown>>;

/** A stock daemon of the 1.18 line, with its own command line tool to ask it. */
export class StockDaemon {
  readonly #options: StockDaemonOptions;
  #child: ChildProcess;
  nodeId = 0;
  address = '';

  private constructor(options: StockDaemonOptions, child: ChildProcess) {
    this.#options = options;
    this.#child = child;
  }

  /** Starts it and waits until it is registered. */
  static async start(options: StockDaemonOptions): Promise<StockDaemon> {
    await mkdir(options.folder, { recursive: true });
    const daemon = new StockDaemon(options, launch(options));
    await until(`${options.name} to register`, () => daemon.#isRegistered());
    return daemon;
  }

  get listen(): string {
    return this.#options.listen;
  }

  /** Runs the tool and returns the data of its answer; rejects with its error text. */
  async ask(...args: readonly string[]): Promise<Reply> {
    const { prefix = [], programs } = this.#options;
    const [program, ...words] = [...prefix, join(programs, 'pilotctl'), '--json', ...args];
    const options = { env: this.#clientEnvironment, timeout: 60_000, maxBuffer: 64 * 1024 * 1024 };
    return new Promise((resolve, reject) => {
      execFile(program as string, words, options, (failure, stdout, stderr) => {
        const answer = parseAnswer(stdout) ?? parseAnswer(stderr);
        if (answer?.status === 'ok') resolve(answer.data ?? {});
        else reject(new Error(answer?.error ?? failure?.message ?? `pilotctl says nothing: ${stderr}`));
      });
    });
  }

  /** A raw connection to the daemon's own socket, for what the tool cannot do. */
  connect(): Promise<StockClient> {
    return StockClient.connect(join(this.#options.folder, 'p.sock'));
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Starts it again, as the same node; resolves when it is registered. */
  async restart(): Promise<void> {
    this.#child = launch(this.#options);
    await until('the restarted daemon to register', () => this.#isRegistered());
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill(signal);
    await ended;
  }

  async #isRegistered(): Promise<boolean> {
    const info = await this.ask('info').catch(() => undefined);
    if (typeof info?.node_id !== 'number' || info.node_id === 0) return false;
    this.nodeId = info.node_id;
    this.address = String(info.address);
    return true;
  }

  get #clientEnvironment(): NodeJS.ProcessEnv {
    const { folder, registry } = this.#options;
    return { ...environment(folder), PILOT_SOCKET: join(folder, 'p.sock'), PILOT_REGISTRY: registry };
  }
}

function launch({ programs, prefix = [], folder, name, registry, beacon, listen, flags = [] }: StockDaemonOptions) {
  const [program, ...words] = [...prefix, join(programs, 'pilot-daemon')];
  words.push('-registry', registry, '-beacon', beacon, '-transport', 'udp', '-listen', listen, '-endpoint', listen);
  words.push('-socket', join(folder, 'p.sock'), '-identity', join(folder, 'id.json'), '-hostname', name);
  words.push('-email', `${name}@example.test`, '-motd-feed-url', '', '-telemetry-url', '', '-no-skillinject');
  words.push('-proxy', 'off', '-log-level', 'debug', '-log-format', 'json', ...flags);
  const child = spawn(program as string, words, { env: environment(folder), stdio: ['ignore', 'pipe', 'pipe'] });
  const log = createWriteStream(join(folder, 'log'), { flags: 'a' });
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  return child;
}

/** Nothing of ours, and nothing that would make it look for a network. */
function environment(folder: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    HOME: folder,
    XDG_RUNTIME_DIR: folder,
    PILOT_NO_SKILLINJECT: '1',
    PILOT_APPSTORE_CATALOG_URL: `file://${folder}/none.json`,
    PILOT_APPSTORE_ROOT: join(folder, 'apps'),
    PILOT_TELEMETRY_URL: 'http://127.0.0.1:1',
  };
}

/** The one line of JSON among what the tool printed, if there is one. */
function parseAnswer(output: string): { status: string; data?: Reply; error?: string } | undefined {
  for (const line of output.split('\n')) {
    try {
      const value: unknown = JSON.parse(line);
      if (typeof value === 'object' && value !== null && 'status' in value)
        return value as ReturnType<typeof parseAnswer>;
    } catch {
      // a line for people
    }
  }
  return undefined;
}
