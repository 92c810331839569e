import { eventIterator, oc } from '@orpc/contract';
import { z } from 'zod';
import { nodeId } from './shapes.ts';

/**
 * One stage of the loss ledger; `reasons` explains the dropped ones. `node`, `ingest`, `store` and `view` count spans,
 * `peer export` reports too. What is dropped in the others loses no span: `frames` are the datagrams that reached this
 * node's tunnels (mostly others' noise), `datagrams` those that its socket was to send and got, `flows` what spans say
 * of their flow, `clocks` handshakes as evidence about clocks, `reports` what nodes say of themselves, `attributes` what
 * was too large to keep, and `mesh` what
 * of that was taken into the picture.
 */
export const ledgerStage = z.object({
  stage: z.enum([
    'node',
    'peer export',
    'ingest',
    'store',
    'view',
    'frames',
    'datagrams',
    'flows',
    'clocks',
    'reports',
    'attributes',
    'mesh',
  ]),
  received: z.number().int(),
  kept: z.number().int(),
  dropped: z.number().int(),
  reasons: z.record(z.string(), z.number().int()),
});

/**
 * The deck itself: this node (once it is registered), what it depends on, what it collects and what of that was lost.
 */
export const deckStatus = z.object({
  at: z.number(),
  startedAt: z.number(),
  version: z.string(),
  networkName: z.string(),
  self: z.object({ nodeId, address: z.string(), hostname: z.string() }).optional(),
  registry: z.object({
    address: z.string(),
    state: z.enum(['ok', 'away', 'connecting']),
    since: z.number(),
    rttMs: z.number().optional(),
  }),
  beacons: z.array(
    z.object({
      id: z.string(),
      state: z.enum(['ok', 'away', 'connecting']),
      since: z.number(),
      relayedTunnels: z.number().int(),
    }),
  ),
  sources: z.object({ live: z.number().int(), known: z.number().int(), away: z.array(z.string()) }),
  spansPerSecond: z.number(),
  ledger: z.array(ledgerStage),
  store: z.object({ spans: z.number().int(), bytes: z.number(), capBytes: z.number() }),
  otlpHttp: z.string(),
  /** Why OTLP is not taken where programs look for it first: "127.0.0.1:4318 is in use by python3 (process 123)". */
  otlpTaken: z.string().optional(),
});

export type DeckStatus = z.infer<typeof deckStatus>;
export type LedgerStage = z.infer<typeof ledgerStage>;

/** The feed of the deck's own state. */
export const statusRoutes = {
  /** The whole state of the deck, whenever it changes; at most a few times a second. */
  watch: oc.output(eventIterator(deckStatus)),
};
