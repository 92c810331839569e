import { z } from 'zod';
import { acting } from './acting.ts';
import { nodeId, pathKind } from './shapes.ts';

/** The round trip of one sealed ping, and the path it took. */
export const pingResult = z.object({ rttMs: z.number(), path: pathKind });

/** What an operator does with single peers. */
export const peerRoutes = {
  ping: acting
    .input(z.object({ nodeId, timeoutMs: z.number().positive().max(60_000).default(5_000) }))
    .output(pingResult),
  /** Reports to the registry that this node trusts the peers. */
  trust: acting.input(z.object({ nodeIds: z.array(nodeId).min(1).max(10_000) })).output(z.void()),
};
