import { eventIterator } from '@orpc/contract';
import { z } from 'zod';
import { acting } from './acting.ts';
import { groupId, nodeId, pathKind } from './shapes.ts';

/** A group of the registry; counts are of the members and inner tunnels that are known here. */
export const group = z.object({
  groupId,
  name: z.string(),
  joined: z.boolean(),
  /** `open`, `token` or `invite`; others have their own words. */
  joinRule: z.string(),
  memberIds: z.array(nodeId),
  okCount: z.number().int(),
  straightTunnels: z.number().int(),
  totalTunnels: z.number().int(),
});

/** A run of pings over a group so far: every member in each message, `done` of them with an outcome. */
export const groupPingProgress = z.object({
  total: z.number().int(),
  done: z.number().int(),
  results: z.array(
    z.object({
      nodeId,
      hostname: z.string(),
      state: z.enum(['waiting', 'answered', 'silent', 'failed']),
      rttMs: z.number().optional(),
      path: pathKind.optional(),
      error: z.string().optional(),
    }),
  ),
});

export type Group = z.infer<typeof group>;
export type GroupPingProgress = z.infer<typeof groupPingProgress>;

/** What an operator does with a group. `join` and `leave` resolve once the registry has agreed. */
export const groupRoutes = {
  join: acting.input(z.object({ groupId, token: z.string().max(200).optional() })).output(z.void()),
  leave: acting.input(z.object({ groupId })).output(z.void()),
  /** Pings every member; leaving the iterator cancels what is under way. */
  pingAll: acting.input(z.object({ groupId })).output(eventIterator(groupPingProgress)),
};
