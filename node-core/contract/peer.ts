import { z } from 'zod';
import { acting } from './acting.ts';
import { nodeId, pathKind, publicKey } from './shapes.ts';

/** The round trip of one sealed ping, and the path it took. */
export const pingResult = z.object({ rttMs: z.number(), path: pathKind });

/** What an operator does with single peers. */
export const peerRoutes = {
  ping: acting
    .input(z.object({ nodeId, timeoutMs: z.number().positive().max(60_000).default(5_000) }))
    .output(pingResult),
  /** Lets the peers reach this node, each under the key it is known by, and reports so to the registry. */
  trust: acting.input(z.object({ nodeIds: z.array(nodeId).min(1).max(10_000) })).output(z.void()),
  /** Trusts a peer under this key in place of the one it was trusted under: the key that the operator was shown. */
  trustAgain: acting.input(z.object({ nodeId, publicKey })).output(z.void()),
  /** Takes the trust in a peer back. */
  untrust: acting.input(z.object({ nodeId })).output(z.void()),
};
