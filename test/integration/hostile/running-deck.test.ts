import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BesiegedDeck } from '../../support/hostile/besieged-deck.ts';
import { ContractSurface, missingCalls } from '../../support/hostile/contract-surface.ts';
import { askBeacon } from '../../support/hostile/honest.ts';
import { HostileInput } from '../../support/hostile/hostile-input.ts';
import { OtlpSurface } from '../../support/hostile/otlp-surface.ts';
import { BeaconSurface, RegistrySurface } from '../../support/hostile/rendezvous-surfaces.ts';
import { PATIENCE_MS } from '../../support/hostile/siege.ts';
import { UdpSurface } from '../../support/hostile/udp-surface.ts';
import { RegistryCaller } from '../../support/registry-caller.ts';

/** `FLIGHTDECK_SEED` repeats another run. */
const SEED = Number(process.env.FLIGHTDECK_SEED ?? 20_261_125);
const LIMIT_MS = 240_000; // a slow machine needs its time

describe.each([
  { rates: 'as shipped', options: [] },
  { rates: 'lifted', options: ['--no-rate-limits'] },
])(`a running deck and its fleet withstand hostile input (limits $rates, seed ${SEED})`, ({ rates, options }) => {
  let deck: BesiegedDeck;
  beforeAll(async () => {
    deck = await BesiegedDeck.start(options);
  });
  afterAll(() => deck?.stop());

  test('at the tunnel socket of the operator’s node', { timeout: LIMIT_MS }, async () => {
    const { registry, beacon, witness, deckNode: victim } = deck;
    const others = [...deck.ids, witness.nodeId];
    const input = new HostileInput(SEED);
    const name = 'UDP of the deck';
    const surface = await UdpSurface.open({ name, registry, beacon, victim, identitySeed: 201, others, input });
    await deck.withstand(surface, () => witness.ping(victim.nodeId, PATIENCE_MS));
    expect(surface.heard).toBeGreaterThan(0);
    const drops = await deck.counted('frames', 'not-pilot', 'malformed-frame');
    expect((drops['key-exchange-limit'] ?? 0) > 0).toBe(rates === 'as shipped');
  });

  test('at the tunnel socket of an agent', { timeout: LIMIT_MS }, async () => {
    const { registry, beacon, witness, agentNode: victim } = deck;
    const others = [...deck.ids, witness.nodeId];
    const input = new HostileInput(SEED + 1);
    const name = 'UDP of an agent';
    const surface = await UdpSurface.open({ name, registry, beacon, victim, identitySeed: 202, others, input });
    await deck.withstand(surface, () => witness.ping(victim.nodeId, PATIENCE_MS));
    expect(surface.heard).toBeGreaterThan(0);
  });

  test('at the registry', { timeout: LIMIT_MS }, async () => {
    const { nodeId } = deck.deckNode;
    const surface = await RegistrySurface.open(deck.registry, 203, nodeId, new HostileInput(SEED + 2));
    const caller = await RegistryCaller.open(deck.registry);
    await deck.withstand(surface, async () => {
      expect(await caller.send({ type: 'lookup', node_id: nodeId })).toMatchObject({ node_id: nodeId });
    });
    caller.close();
  });

  test('at the beacon', { timeout: LIMIT_MS }, async () => {
    const { registry, beacon, ids } = deck;
    const surface = await BeaconSurface.open(registry, beacon, 204, ids, new HostileInput(SEED + 3));
    await deck.withstand(surface, () => askBeacon(beacon, PATIENCE_MS));
  });

  test('at the OTLP receiver', { timeout: LIMIT_MS }, async () => {
    const address = String(deck.process.ready.otlpHttp);
    const surface = new OtlpSurface(address, deck.liar, deck.deckNode.nodeId, deck.ids, new HostileInput(SEED + 4));
    await deck.withstand(surface, () => deck.window.client.trace.search({ limit: 10 }));
    console.log(`answers by status: ${JSON.stringify([...surface.answers])}`);
    await deck.counted('ingest', 'trace-id', 'span-id');
    await deck.counted('reports', 'unauthenticated', 'malformed');
    expect(surface.answers.get(500)).toBeUndefined();
    expect(surface.answers.get('no answer')).toBeUndefined();
    expect(surface.answers.get(400)).toBeGreaterThan(0);
    expect(surface.answers.get(200)).toBeGreaterThan(0);
  });

  test('at the contract', { timeout: LIMIT_MS }, async () => {
    expect(missingCalls()).toEqual([]);
    const { agentNode, deckNode, ids } = deck;
    const surface = new ContractSurface(String(deck.process.ready.url), agentNode.nodeId, new HostileInput(SEED + 5));
    const other = ids.find((id) => id !== agentNode.nodeId && id !== deckNode.nodeId) ?? 0;
    await deck.withstand(surface, () => deck.window.client.peer.ping({ nodeId: other, timeoutMs: PATIENCE_MS }));
  });

  test('at its pages, by a range that ends before it starts', async () => {
    const [page] = String(deck.process.ready.url).split('#');
    const reply = await fetch(String(page), { headers: { range: 'bytes=5-1' } });
    expect(reply.status).toBe(200);
    await reply.text();
    await deck.window.client.peer.ping({ nodeId: deck.agentNode.nodeId });
    expect(deck.process.log).not.toContain('a process ended');
  });
});
