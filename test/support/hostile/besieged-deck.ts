import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Endpoint, parseEndpoint } from '../../../node-core/base/transport.ts';
import type { GraphUpdate } from '../../../node-core/contract/graph.ts';
import type { LedgerStage } from '../../../node-core/contract/status.ts';
import { connectDeck, type DeckConnection } from '../../../node-core/deck-client/deck-connection.ts';
import { readDeckFile } from '../../../node-core/host/deck-file.ts';
import { SystemClock } from '../../../node-core/io/system-clock.ts';
import { UdpSocket } from '../../../node-core/io/udp-socket.ts';
import { createIdentity } from '../../../node-core/runtime/identity-file.ts';
import { createProfile } from '../../../node-core/runtime/profile.ts';
import { RunningNode } from '../../../node-core/runtime/running-node.ts';
import { commandFleet } from '../../../node-core/testbed/fleet-control.ts';
import { waitForLiveAgents } from '../deck-connection.ts';
import { FlightdeckProcess } from '../flightdeck-process.ts';
import { INSPECTABLE, Inspector, inspectorsIn } from '../inspector.ts';
import { waitFor } from '../wait-for.ts';
import { echoOf, within } from './honest.ts';
import type { Victim } from './hostile-peer.ts';
import { besiege, expectNoHarm, figures, type Honest, PATIENCE_MS } from './siege.ts';
import type { Surface } from './surface.ts';

const AGENTS = 6;
const ATTACKED_AGENT = 'filings-1';

/** A running deck with its fleet, two nodes of the test beside them, and eyes on every process. */
export class BesiegedDeck {
  readonly process: FlightdeckProcess;
  readonly window: DeckConnection;
  readonly registry: string;
  readonly beacon: Endpoint;
  /** The operator's node. */
  readonly deckNode: Victim;
  readonly agentNode: Victim;
  /** Of every node that is not hostile, the witness aside. */
  readonly ids: readonly number[];
  /** An honest node of the test. */
  readonly witness: RunningNode;
  /** A node that the deck trusts and should not. */
  readonly liar: RunningNode;
  readonly #folder: string;
  readonly #processes: ReadonlyMap<string, Inspector>;

  private constructor(parts: Parts) {
    this.process = parts.process;
    this.window = parts.window;
    this.registry = parts.registry;
    this.beacon = parts.beacon;
    this.deckNode = parts.deckNode;
    this.agentNode = parts.agentNode;
    this.ids = parts.ids;
    this.witness = parts.witness;
    this.liar = parts.liar;
    this.#folder = parts.folder;
    this.#processes = parts.processes;
  }

  /** @param options - More of `flightdeck serve`. */
  static async start(options: readonly string[]): Promise<BesiegedDeck> {
    const folder = await mkdtemp(join(tmpdir(), 'flightdeck-hostile-'));
    const anyPort = ['--otlp-http', '127.0.0.1:0', '--http', '127.0.0.1:0'];
    const args = ['serve', '--data', folder, '--fleet', String(AGENTS), ...anyPort, ...options];
    const process = await FlightdeckProcess.start(args, INSPECTABLE);
    const registry = String(process.ready.registry);
    const beacon = parseEndpoint(String(process.ready.beacon)) as Endpoint;
    const { sockets, pid } = await readDeckFile(folder);
    const window = await connectDeck({ sockets, pid });
    await waitForLiveAgents(window, AGENTS, 60_000);
    const processes = await inspected(process);
    await commandFleet(sockets, { act: 'nat', agent: 'flightdeck', kind: 'none' });
    const { agents, self = 0 } = await pictureOf(window);
    const witness = await joined('witness', registry, beacon);
    const liar = await joined('liar', registry, beacon);
    await window.client.peer.trust({ peers: [{ nodeId: liar.nodeId }] });
    const attacked = agents.find(({ hostname }) => hostname === ATTACKED_AGENT)?.nodeId ?? 0;
    return new BesiegedDeck({
      ...{ folder, process, window, registry, beacon, processes, witness, liar },
      ids: agents.map(({ nodeId }) => nodeId),
      deckNode: await victim(witness, self),
      agentNode: await victim(witness, attacked),
    });
  }

  async stop(): Promise<void> {
    for (const inspector of this.#processes.values()) inspector.close();
    this.window.close();
    await this.liar.stop();
    await this.witness.stop();
    await this.process.end('SIGTERM');
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Besieges a surface; afterwards every process is the same one, every honest session too, and everyone answers. */
  async withstand(surface: Surface, honest: Honest): Promise<void> {
    const before = { epochs: await this.#honestEpochs(), witness: await this.#witnessEpochs() };
    const report = await besiege(surface, () => within(PATIENCE_MS, honest()), this.#processes);
    await surface.close();
    console.log(figures(surface, report));
    expectNoHarm(surface, report);
    expect(this.process.log).not.toContain('a process ended');
    const { deckNode, agentNode, witness, ids, window } = this;
    await Promise.all(ids.filter((id) => id !== deckNode.nodeId).map((nodeId) => window.client.peer.ping({ nodeId })));
    for (const { nodeId } of [deckNode, agentNode])
      expect(await echoOf(witness, nodeId, 'still here')).toBe('still here');
    const after = await this.#honestEpochs();
    for (const [side, epoch] of before.epochs) expect.soft(after.get(side), `keys of ${side}`).toBe(epoch);
    expect(await this.#witnessEpochs()).toEqual(before.witness);
  }

  /** What a stage of the ledger dropped, by reason, once it tells of these reasons too. */
  async counted(stage: LedgerStage['stage'], ...reasons: readonly string[]): Promise<LedgerStage['reasons']> {
    const signal = AbortSignal.timeout(20_000);
    for await (const status of await this.window.client.status.watch(undefined, { signal })) {
      const found = status.ledger.find((candidate) => candidate.stage === stage)?.reasons ?? {};
      if (reasons.every((reason) => (found[reason] ?? 0) > 0)) return found;
    }
    throw new Error('the feed of the status ended');
  }

  /** How often each end of a tunnel between honest nodes has agreed on a key. */
  async #honestEpochs(): Promise<Map<string, number>> {
    const { tunnels } = await pictureOf(this.window);
    const honest = tunnels.filter(({ a, b }) => this.ids.includes(a) && this.ids.includes(b));
    return new Map(honest.flatMap(({ id, sides }) => sides.map(({ reporter, epoch }) => [`${id} ${reporter}`, epoch])));
  }

  async #witnessEpochs(): Promise<(number | undefined)[]> {
    const peers = [this.deckNode.nodeId, this.agentNode.nodeId];
    for (const peer of peers) await this.witness.ping(peer, PATIENCE_MS);
    return peers.map((peer) => this.witness.tunnelReport(peer)?.epoch);
  }
}

interface Parts {
  readonly folder: string;
  readonly process: FlightdeckProcess;
  readonly window: DeckConnection;
  readonly registry: string;
  readonly beacon: Endpoint;
  readonly processes: ReadonlyMap<string, Inspector>;
  readonly witness: RunningNode;
  readonly liar: RunningNode;
  readonly ids: readonly number[];
  readonly deckNode: Victim;
  readonly agentNode: Victim;
}

async function joined(hostname: string, registry: string, beacon: Endpoint): Promise<RunningNode> {
  const socket = await UdpSocket.bind({ host: '127.0.0.1', port: 0 });
  const node = new RunningNode({
    identity: createIdentity(),
    profile: createProfile({ listen: socket.local, version: 'test', hostname, public: true }),
    socket,
    registry: parseEndpoint(registry) as Endpoint,
    beacon,
    clock: new SystemClock(),
  });
  await node.registered();
  return node;
}

async function victim(witness: RunningNode, nodeId: number): Promise<Victim> {
  const { realAddress: address } = await witness.ask('resolve', { nodeId, requesterId: witness.nodeId });
  return { nodeId, endpoint: parseEndpoint(String(address)) as Endpoint };
}

async function pictureOf(window: DeckConnection): Promise<GraphUpdate> {
  for await (const update of await window.client.graph.watch()) return update;
  throw new Error('the feed of the graph ended');
}

/** Inspectors of the processes that take input, by role. */
async function inspected(process: FlightdeckProcess): Promise<ReadonlyMap<string, Inspector>> {
  const processes = new Map<string, Inspector>();
  await waitFor(() => inspectorsIn(process.log).length === 4);
  for (const address of inspectorsIn(process.log)) {
    const inspector = await Inspector.attach(address);
    const [role = ''] = await inspector.args();
    if (role === 'serve') inspector.close();
    else processes.set(role, inspector);
  }
  expect([...processes.keys()].sort()).toEqual(['fleet', 'host', 'rendezvous']);
  return processes;
}
