import { z } from 'zod';
import { acting } from './acting.ts';
import { nodeId, pathKind, publicKey } from './shapes.ts';

/** The round trip of one sealed ping, and the path it took. */
export const pingResult = z.object({ rttMs: z.number(), path: pathKind });

/** What an operator does with single peers. */
const trustedPeer = z.object({ nodeId, publicKey: publicKey.optional() });

export const peerRoutes = {
  ping: acting
    .input(z.object({ nodeId, timeoutMs: z.number().positive().max(60_000).default(5_000) }))
    .output(pingResult),
  /**
   * Lets the peers reach this node, and reports so to the registry. With a key, a peer is trusted under that alone, also in
   * place of another; without, under the one it is known by.
   */
  trust: acting.input(z.object({ peers: z.array(trustedPeer).min(1).max(10_000) })).output(z.void()),
  /** Takes the trust in a peer back. */
  untrust: acting.input(z.object({ nodeId })).output(z.void()),
};
