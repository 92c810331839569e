import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { NetworkNamespace } from './network-namespace.ts';
import { waitFor } from './wait-for.ts';

/** Where `npm test` has put the stock programs; undefined where they could not be had. */
export const STOCK_PROGRAMS = process.env.FLIGHTDECK_STOCK_DAEMON;

export interface StockDaemonOptions {
  readonly namespace: NetworkNamespace;
  /** For its socket, whose path must be short, its identity and its log. */
  readonly folder: string;
  readonly name: string;
  readonly registry: string;
  readonly beacon: string;
  readonly listen: string;
  readonly flags?: readonly string[];
}

type Reply = Readonly<Record<string, unknown>>;

/** A stock daemon of the 1.18 line, with its own command line tool to ask it. */
export class StockDaemon {
  readonly #options: StockDaemonOptions;
  readonly #child: ChildProcess;
  nodeId = 0;
  address = '';

  private constructor(options: StockDaemonOptions, child: ChildProcess) {
    this.#options = options;
    this.#child = child;
  }

  /** Starts it and waits until it is registered. */
  static async start(options: StockDaemonOptions): Promise<StockDaemon> {
    const { namespace, folder, name, registry, beacon, listen, flags = [] } = options;
    await mkdir(folder, { recursive: true });
    const [program, ...prefix] = [...namespace.prefix, join(STOCK_PROGRAMS ?? '', 'pilot-daemon')];
    const args = [
      '-registry',
      registry,
      '-beacon',
      beacon,
      '-transport',
      'udp',
      '-listen',
      listen,
      '-endpoint',
      listen,
    ];
    args.push('-socket', join(folder, 'p.sock'), '-identity', join(folder, 'id.json'), '-hostname', name);
    args.push('-email', `${name}@example.test`, '-motd-feed-url', '', '-telemetry-url', '', '-no-skillinject');
    args.push('-proxy', 'off', '-log-level', 'debug', '-log-format', 'json', ...flags);
    const child = spawn(program as string, [...prefix, ...args], {
      env: environment(folder),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const log = createWriteStream(join(folder, 'log'));
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    const daemon = new StockDaemon(options, child);
    await waitFor(() => daemon.#isRegistered());
    return daemon;
  }

  /** Runs the tool and returns the data of its answer; rejects with its error text. */
  async ask(...args: readonly string[]): Promise<Reply> {
    const { namespace, folder, registry } = this.#options;
    const [program, ...prefix] = [...namespace.prefix, join(STOCK_PROGRAMS ?? '', 'pilotctl')];
    const env = { ...environment(folder), PILOT_SOCKET: join(folder, 'p.sock'), PILOT_REGISTRY: registry };
    const run = promisify(execFile)(program as string, [...prefix, '--json', ...args], { env, timeout: 30_000 });
    const { stdout, stderr } = await run.catch((failed: { stdout: string; stderr: string }) => failed);
    const answer = JSON.parse(stdout || stderr) as { status: string; data?: Reply; error?: string };
    if (answer.status !== 'ok') throw new Error(answer.error);
    return answer.data ?? {};
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }

  async #isRegistered(): Promise<boolean> {
    const info = await this.ask('info').catch(() => undefined);
    if (typeof info?.node_id !== 'number' || info.node_id === 0) return false;
    this.nodeId = info.node_id;
    this.address = String(info.address);
    return true;
  }
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
