import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Endpoint, parseEndpoint } from '../../base/transport.ts';
import { SystemClock } from '../../io/system-clock.ts';
import { UdpSocket } from '../../io/udp-socket.ts';
import type { NodeEvent } from '../../node/node-event.ts';
import type { Service } from '../../node/service.ts';
import { createIdentity } from '../../runtime/identity-file.ts';
import { createProfile } from '../../runtime/profile.ts';
import { RunningNode } from '../../runtime/running-node.ts';
import type { RunningNodeOptions } from '../../runtime/running-node-options.ts';
import { VERSION } from '../../runtime/version.ts';
import { DataExchangeService, type DataMessage } from '../../services/data-exchange.ts';
import { echoService } from '../../services/echo.ts';
import { OurProcess } from './our-process.ts';
import { StockDaemon } from './stock-daemon.ts';
import { TappedSocket } from './tapped-socket.ts';

export type DatagramEvent = Extract<NodeEvent, { type: 'datagram' }>;

/** A node of ours in this process, with what it got. */
export interface OurNode {
  readonly node: RunningNode;
  readonly socket: TappedSocket;
  readonly messages: DataMessage[];
  readonly datagrams: DatagramEvent[];
}

/** The group that exists in the bench's network. */
export const GROUP = { id: 1, name: 'travel' } as const;

/** One rendezvous of ours, and around it stock daemons and nodes of ours, each started when a case first asks for it. */
export class InteropBench {
  readonly registry = endpoint('127.0.0.1:9000');
  readonly beacon = endpoint('127.0.0.1:9001');
  readonly folder: string;
  readonly #programs: string;
  readonly #closers: (() => Promise<unknown>)[] = [];
  #rendezvous: OurProcess;
  #stock: Promise<StockDaemon> | undefined;
  #ours: Promise<OurNode> | undefined;
  #lastPort = 4_000;

  private constructor(programs: string, folder: string, rendezvous: OurProcess) {
    this.#programs = programs;
    this.folder = folder;
    this.#rendezvous = rendezvous;
  }

  /** @param programs - The folder with the stock programs. */
  static async open(programs: string): Promise<InteropBench> {
    const folder = await mkdtemp(join(tmpdir(), 'fd-'));
    return new InteropBench(programs, folder, await startRendezvous(folder));
  }

  /** The public stock daemon that most cases share. */
  stock(): Promise<StockDaemon> {
    this.#stock ??= this.startStock('stock', '-public');
    return this.#stock;
  }

  /** The public node of ours that most cases share. */
  ours(): Promise<OurNode> {
    this.#ours ??= this.startOurs('ours');
    return this.#ours;
  }

  async startStock(name: string, ...flags: readonly string[]): Promise<StockDaemon> {
    const daemon = await StockDaemon.start({
      programs: this.#programs,
      folder: join(this.folder, name),
      name,
      registry: '127.0.0.1:9000',
      beacon: '127.0.0.1:9001',
      listen: `127.0.0.1:${this.nextPort()}`,
      flags: ['-no-rx-watchdog', '-no-addr-watch', ...flags],
    });
    this.#closers.push(() => daemon.stop());
    return daemon;
  }

  /** @param wanted - Another service in place of the echo; a node that is not public; other numbers of its streams and tunnels. */
  async startOurs(
    hostname: string,
    wanted: { readonly echo?: Service; readonly public?: boolean } & Pick<
      RunningNodeOptions,
      'streams' | 'limits'
    > = {},
  ): Promise<OurNode> {
    const clock = new SystemClock();
    const socket = new TappedSocket(await UdpSocket.bind({ host: '127.0.0.1', port: this.nextPort() }));
    const datagrams: DatagramEvent[] = [];
    const messages: DataMessage[] = [];
    const node = new RunningNode({
      identity: createIdentity(),
      profile: createProfile({ listen: socket.local, version: VERSION, hostname, public: wanted.public ?? true }),
      socket,
      registry: this.registry,
      beacon: this.beacon,
      clock,
      ...(wanted.streams === undefined ? {} : { streams: wanted.streams }),
      ...(wanted.limits === undefined ? {} : { limits: wanted.limits }),
      onEvent: (event) => {
        if (event.type === 'datagram') datagrams.push(event);
      },
    });
    this.#closers.push(() => node.stop());
    node.serve(wanted.echo ?? echoService);
    node.serve(new DataExchangeService((message) => messages.push(message)));
    await node.registered();
    return { node, socket, messages, datagrams };
  }

  /** A command of ours that ends with the bench. */
  async startProcess(args: readonly string[]): Promise<OurProcess> {
    const started = await OurProcess.start(args);
    this.#closers.push(() => started.end('SIGKILL'));
    return started;
  }

  nextPort(): number {
    this.#lastPort += 1;
    return this.#lastPort;
  }

  /** Kills the rendezvous and starts it again over the same store. */
  async restartRendezvous(): Promise<void> {
    await this.#rendezvous.end('SIGKILL');
    this.#rendezvous = await startRendezvous(this.folder);
  }

  async close(): Promise<void> {
    for (const close of this.#closers.reverse()) await close();
    await this.#rendezvous.end('SIGTERM');
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Bytes that nobody could have guessed. */
export function noise(length: number): Uint8Array {
  return new Uint8Array(randomBytes(length));
}

function startRendezvous(folder: string): Promise<OurProcess> {
  const where = ['--registry-addr', '127.0.0.1:9000', '--beacon-addr', '127.0.0.1:9001'];
  const what = ['--store', join(folder, 'rendezvous.json'), '--group', GROUP.name];
  return OurProcess.start(['rendezvous', ...where, ...what]);
}

function endpoint(text: string): Endpoint {
  const parsed = parseEndpoint(text);
  if (parsed === undefined) throw new Error(`not an endpoint: ${text}`);
  return parsed;
}
