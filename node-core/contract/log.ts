import { eventIterator, oc } from '@orpc/contract';
import { z } from 'zod';
import { groupId, nodeId, publicKey, traceId } from './shapes.ts';

/** Events of the node and acts of the operator, newest last. */
export const logEvent = z.object({
  id: z.number().int(),
  at: z.number(),
  level: z.enum(['info', 'warning', 'error']),
  kind: z.string(),
  text: z.string(),
  source: z.string(),
  actor: z.enum(['node', 'operator']),
  nodeId: nodeId.optional(),
  /** Which key had the id then: a line is not about who has it now. */
  nodeKey: publicKey.optional(),
  groupId: groupId.optional(),
  traceId: traceId.optional(),
});

export type LogEvent = z.infer<typeof logEvent>;
/** A line before the log gave it its place and time. */
export type LogEntry = Omit<LogEvent, 'id' | 'at'>;

/** The log of this deck, with what it kept from before a restart. */
export const logRoutes = {
  /** The last events, then new ones in batches. */
  watch: oc
    .input(z.object({ last: z.number().int().min(0).max(10_000).default(2_000) }))
    .output(eventIterator(z.array(logEvent))),
};
