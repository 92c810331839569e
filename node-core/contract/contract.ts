import { eventIterator, oc } from '@orpc/contract';
import { z } from 'zod';
import * as shape from './schema.ts';

/** Errors an operator's act can end in; the codes of PilotError. */
const acting = oc.errors({
  'peer.silent': {},
  'peer.unknown': {},
  'dial.timeout': {},
  'dial.refused': {},
  'registry.unavailable': {},
  'registry.refused': {},
  'group.unknown': {},
});
const reading = oc.errors({ 'trace.not-found': {}, 'query.invalid': {}, 'store.unavailable': {} });

/**
 * Every call and feed that the window, the browser and the command line may use. Client, server and test doubles derive
 * their types from this object. Cancelling is part of each call; a closed port ends its feeds.
 */
export const contract = {
  status: {
    watch: oc.output(eventIterator(shape.deckStatus)),
  },
  graph: {
    /** A snapshot, then changes. The reader confirms each revision; meanwhile changes are coalesced by key. */
    watch: oc.output(eventIterator(shape.graphUpdate)),
    confirm: oc.input(z.object({ feedId: z.string(), revision: z.number().int() })).output(z.void()),
  },
  peer: {
    ping: acting
      .input(z.object({ nodeId: shape.nodeId, timeoutMs: z.number().positive().max(60_000).default(5_000) }))
      .output(shape.pingResult),
    /** Reports to the registry that this node trusts the peers. */
    trust: acting.input(z.object({ nodeIds: z.array(shape.nodeId).min(1).max(10_000) })).output(z.void()),
  },
  group: {
    join: acting.input(z.object({ groupId: shape.groupId, token: z.string().max(200).optional() })).output(z.void()),
    leave: acting.input(z.object({ groupId: shape.groupId })).output(z.void()),
    /** Pings every member; leaving the iterator cancels what is under way. */
    pingAll: acting.input(z.object({ groupId: shape.groupId })).output(eventIterator(shape.groupPingProgress)),
  },
  trace: {
    search: reading.input(shape.traceQuery).output(shape.traceSearchResult),
    /** Summaries of traces as their spans arrive, before they are flushed; at most one batch in 200 ms. */
    tail: reading.input(shape.traceQuery).output(eventIterator(z.array(shape.traceSummary))),
    /** Any raw id opens the joined trace. */
    get: reading.input(z.object({ traceId: shape.traceId })).output(shape.trace),
    /** Critical paths for the rows of a list; traces that are gone, or too large to be read beside others, are left out. */
    paths: reading
      .input(z.object({ traceIds: z.array(shape.traceId).min(1).max(100) }))
      .output(z.array(shape.tracePath)),
    /** OTLP JSON text, with raw ids or with the joined one. */
    export: reading
      .input(z.object({ traceIds: z.array(shape.traceId).min(1).max(2_000), joined: z.boolean() }))
      .output(z.object({ json: z.string(), spans: z.number().int() })),
    volume: reading
      .input(z.object({ fromMs: z.number(), toMs: z.number(), buckets: z.number().int().min(1).max(500) }))
      .output(z.array(shape.volumeBucket)),
  },
  log: {
    /** The last events, then new ones in batches. */
    watch: oc
      .input(z.object({ last: z.number().int().min(0).max(10_000).default(2_000) }))
      .output(eventIterator(z.array(shape.logEvent))),
  },
};
export type DeckContract = typeof contract;
