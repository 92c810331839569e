import { afterAll, beforeAll, describe, test } from 'vitest';
import { type Endpoint, parseEndpoint } from '../../../node-core/base/transport.ts';
import { BesiegedDeck } from '../../support/hostile/besieged-deck.ts';
import { HostileInput } from '../../support/hostile/hostile-input.ts';
import { PATIENCE_MS } from '../../support/hostile/siege.ts';
import { deckStates, otlpStates, registryStates, type States, TcpSurface } from '../../support/hostile/tcp-surface.ts';

/** `FLIGHTDECK_SEED` repeats another run. */
const SEED = Number(process.env.FLIGHTDECK_SEED ?? 20_261_201);
const LIMIT_MS = 240_000; // a slow machine needs its time

// what a connection may do is not bounded per second: the limits as shipped are enough
describe(`a running deck withstands TCP ports left in every state by FIN, by RST and in silence (seed ${SEED})`, () => {
  let deck: BesiegedDeck;
  beforeAll(async () => {
    deck = await BesiegedDeck.start([]);
  });
  afterAll(() => deck?.stop());

  const withstand = async (name: string, address: string, states: States) => {
    const surface = new TcpSurface(name, parseEndpoint(address) as Endpoint, states, new HostileInput(SEED));
    await deck.withstand(surface, () => deck.witness.ping(deck.deckNode.nodeId, PATIENCE_MS));
  };

  test('the registry’s', { timeout: LIMIT_MS }, () => withstand('registry states', deck.registry, registryStates()));

  test('the OTLP receiver’s', { timeout: LIMIT_MS }, () =>
    withstand('OTLP states', String(deck.process.ready.otlpHttp), otlpStates()),
  );

  test('the contract’s', { timeout: LIMIT_MS }, () => {
    const { host, hash } = new URL(String(deck.process.ready.url));
    return withstand('contract states', host, deckStates(host, hash.replace('#token=', '')));
  });
});
