import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Endpoint, parseEndpoint } from '../../../node-core/base/transport.ts';
import { connectDeck, type DeckConnection } from '../../../node-core/cli/deck-connection.ts';
import type { GraphUpdate, LedgerStage } from '../../../node-core/contract/schema.ts';
import { commandFleet } from '../../../node-core/fleet/fleet-control.ts';
import { createIdentity } from '../../../node-core/host/identity-file.ts';
import { createProfile, RunningNode } from '../../../node-core/host/running-node.ts';
import { SystemClock } from '../../../node-core/io/system-clock.ts';
import { UdpSocket } from '../../../node-core/io/udp-socket.ts';
import { waitForLiveAgents } from '../../support/deck-connection.ts';
import { FlightdeckProcess } from '../../support/flightdeck-process.ts';
import { ContractSurface, missingCalls } from '../../support/hostile/contract-surface.ts';
import { askBeacon, echoOf, within } from '../../support/hostile/honest.ts';
import { HostileInput } from '../../support/hostile/hostile-input.ts';
import type { Victim } from '../../support/hostile/hostile-peer.ts';
import { OtlpSurface } from '../../support/hostile/otlp-surface.ts';
import { BeaconSurface, RegistrySurface } from '../../support/hostile/rendezvous-surfaces.ts';
import { besiege, expectNoHarm, figures, type Honest, PATIENCE_MS } from '../../support/hostile/siege.ts';
import type { Surface } from '../../support/hostile/surface.ts';
import { UdpSurface } from '../../support/hostile/udp-surface.ts';
import { INSPECTABLE, Inspector, inspectorsIn } from '../../support/inspector.ts';
import { RegistryCaller } from '../../support/registry-caller.ts';
import { waitFor } from '../../support/wait-for.ts';

const SEED = Number(process.env.FLIGHTDECK_SEED ?? 20_261_125);
const AGENTS = 6;
const ATTACKED_AGENT = 'filings-1';
const ANY: Endpoint = { host: '127.0.0.1', port: 0 };

let folder: string;
let deck: FlightdeckProcess;
let window: DeckConnection;
let witness: RunningNode;
let liar: RunningNode;
let registry: string;
let beacon: Endpoint;
let deckNode: Victim;
let agentNode: Victim;
let ids: number[];
const processes = new Map<string, Inspector>();
const closing: (() => unknown)[] = [];

async function joined(hostname: string): Promise<RunningNode> {
  const socket = await UdpSocket.bind(ANY);
  const node = new RunningNode({
    identity: createIdentity(),
    profile: createProfile({ listen: socket.local, version: 'test', hostname, public: true }),
    socket,
    registry: parseEndpoint(registry) as Endpoint,
    beacon,
    clock: new SystemClock(),
  });
  closing.push(() => node.stop());
  await node.registered();
  return node;
}

async function victim(nodeId: number): Promise<Victim> {
  const { real_addr: address } = await witness.ask('resolve', { node_id: nodeId, requester_id: witness.nodeId });
  return { nodeId, endpoint: parseEndpoint(String(address)) as Endpoint };
}

async function picture(): Promise<GraphUpdate> {
  for await (const update of await window.client.graph.watch()) return update;
  throw new Error('the feed of the graph ended');
}

/** What a stage of the ledger dropped, by reason, once it tells of these reasons too. */
async function counted(stage: LedgerStage['stage'], ...reasons: readonly string[]): Promise<LedgerStage['reasons']> {
  for await (const status of await window.client.status.watch(undefined, { signal: AbortSignal.timeout(20_000) })) {
    const found = status.ledger.find((candidate) => candidate.stage === stage)?.reasons ?? {};
    if (reasons.every((reason) => (found[reason] ?? 0) > 0)) return found;
  }
  throw new Error('the feed of the status ended');
}

/** How often each end of a tunnel between honest nodes has agreed on a key. */
async function honestEpochs(): Promise<Map<string, number>> {
  const { tunnels } = await picture();
  const honest = tunnels.filter(({ a, b }) => ids.includes(a) && ids.includes(b));
  return new Map(honest.flatMap(({ id, sides }) => sides.map(({ reporter, epoch }) => [`${id} ${reporter}`, epoch])));
}

beforeAll(async () => {
  console.log(`hostile input: seed ${SEED} (FLIGHTDECK_SEED repeats another)`);
  folder = await mkdtemp(join(tmpdir(), 'flightdeck-hostile-'));
  const anyPort = ['--otlp-http', '127.0.0.1:0', '--http', '127.0.0.1:0'];
  const args = ['serve', '--data', folder, '--fleet', String(AGENTS), ...anyPort];
  deck = await FlightdeckProcess.start(args, INSPECTABLE);
  registry = String(deck.ready.registry);
  beacon = parseEndpoint(String(deck.ready.beacon)) as Endpoint;
  const url = String(deck.ready.url);
  window = await connectDeck({ url, token: url.replace(/^.*#token=/, '') });
  await waitForLiveAgents(window, AGENTS, 60_000);
  await waitFor(() => inspectorsIn(deck.log).length === 4);
  for (const address of inspectorsIn(deck.log)) {
    const inspector = await Inspector.attach(address);
    const [role = ''] = await inspector.args();
    if (role === 'serve') inspector.close();
    else processes.set(role, inspector);
  }
  expect([...processes.keys()].sort()).toEqual(['fleet', 'host', 'rendezvous']);
  await commandFleet(folder, { act: 'nat', agent: 'flightdeck', kind: 'none' });
  const { agents, self = 0 } = await picture();
  ids = agents.map(({ nodeId }) => nodeId);
  witness = await joined('witness');
  liar = await joined('liar');
  await window.client.peer.trust({ nodeIds: [liar.nodeId] });
  deckNode = await victim(self);
  agentNode = await victim(agents.find(({ hostname }) => hostname === ATTACKED_AGENT)?.nodeId ?? 0);
});

afterAll(async () => {
  for (const inspector of processes.values()) inspector.close();
  window?.close();
  for (const close of closing.reverse()) await close();
  await deck?.end('SIGTERM');
  await rm(folder, { recursive: true, force: true });
});

/** Besieges a surface; afterwards every process is the same one, every honest session too, and everyone answers. */
async function withstand(surface: Surface, honest: Honest): Promise<void> {
  const before = { epochs: await honestEpochs(), witness: await witnessEpochs() };
  const report = await besiege(surface, () => within(PATIENCE_MS, honest()), processes);
  await surface.close();
  console.log(figures(surface, report));
  expectNoHarm(surface, report);
  expect(deck.log).not.toContain('a process ended');
  await Promise.all(ids.filter((id) => id !== deckNode.nodeId).map((nodeId) => window.client.peer.ping({ nodeId })));
  for (const { nodeId } of [deckNode, agentNode])
    expect(await echoOf(witness, nodeId, 'still here')).toBe('still here');
  const after = await honestEpochs();
  for (const [side, epoch] of before.epochs) expect.soft(after.get(side), `keys of ${side}`).toBe(epoch);
  expect(await witnessEpochs()).toEqual(before.witness);
}

async function witnessEpochs(): Promise<(number | undefined)[]> {
  const peers = [deckNode.nodeId, agentNode.nodeId];
  for (const peer of peers) await witness.ping(peer, PATIENCE_MS);
  return peers.map((peer) => witness.core.tunnelReport(peer)?.epoch);
}

const LIMIT_MS = 240_000; // a slow machine needs its time

describe(`a running deck and its fleet withstand hostile input (seed ${SEED})`, () => {
  test('at the tunnel socket of the operator’s node', { timeout: LIMIT_MS }, async () => {
    const input = new HostileInput(SEED);
    const others = [...ids, witness.nodeId];
    const options = { name: 'UDP of the deck', registry, beacon, victim: deckNode, identitySeed: 201, others, input };
    const surface = await UdpSurface.open(options);
    await withstand(surface, () => witness.ping(deckNode.nodeId, PATIENCE_MS));
    expect(surface.heard).toBeGreaterThan(0);
    await counted('frames', 'not-pilot', 'malformed-frame', 'key-exchange-limit');
  });

  test('at the tunnel socket of an agent', { timeout: LIMIT_MS }, async () => {
    const input = new HostileInput(SEED + 1);
    const others = [...ids, witness.nodeId];
    const options = { name: 'UDP of an agent', registry, beacon, victim: agentNode, identitySeed: 202, others, input };
    const surface = await UdpSurface.open(options);
    await withstand(surface, () => witness.ping(agentNode.nodeId, PATIENCE_MS));
    expect(surface.heard).toBeGreaterThan(0);
  });

  test('at the registry', { timeout: LIMIT_MS }, async () => {
    const surface = await RegistrySurface.open(registry, 203, deckNode.nodeId, new HostileInput(SEED + 2));
    const caller = await RegistryCaller.open(registry);
    closing.push(() => caller.close());
    await withstand(surface, async () => {
      expect(await caller.send({ type: 'lookup', node_id: deckNode.nodeId })).toMatchObject({
        node_id: deckNode.nodeId,
      });
    });
  });

  test('at the beacon', { timeout: LIMIT_MS }, async () => {
    const surface = await BeaconSurface.open(registry, beacon, 204, ids, new HostileInput(SEED + 3));
    const socket = await UdpSocket.bind(ANY);
    closing.push(() => socket.close());
    await withstand(surface, () => askBeacon(socket, beacon, PATIENCE_MS));
  });

  test('at the OTLP receiver', { timeout: LIMIT_MS }, async () => {
    const address = String(deck.ready.otlpHttp);
    const surface = new OtlpSurface(address, liar, deckNode.nodeId, ids, new HostileInput(SEED + 4));
    await withstand(surface, () => window.client.trace.search({ limit: 10 }));
    console.log(`answers by status: ${JSON.stringify([...surface.answers])}`);
    await counted('ingest', 'report unauthenticated', 'report malformed', 'trace-id', 'span-id');
    expect(surface.answers.get(500)).toBeUndefined();
    expect(surface.answers.get(400)).toBeGreaterThan(0);
    expect(surface.answers.get(200)).toBeGreaterThan(0);
  });

  test('at the contract', { timeout: LIMIT_MS }, async () => {
    expect(missingCalls()).toEqual([]);
    const surface = new ContractSurface(String(deck.ready.url), agentNode.nodeId, new HostileInput(SEED + 5));
    const other = ids.find((id) => id !== agentNode.nodeId && id !== deckNode.nodeId) ?? 0;
    await withstand(surface, () => window.client.peer.ping({ nodeId: other, timeoutMs: PATIENCE_MS }));
  });

  test('at its pages, by a range that ends before it starts', async () => {
    const [page] = String(deck.ready.url).split('#');
    const reply = await fetch(String(page), { headers: { range: 'bytes=5-1' } });
    expect(reply.status).toBe(200);
    await reply.text();
    await window.client.peer.ping({ nodeId: agentNode.nodeId });
    expect(deck.log).not.toContain('a process ended');
  });
});
