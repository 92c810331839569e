import { oc, type } from '@orpc/contract';
import { z } from 'zod';
import type { StoredEvent } from '../collector/event-codec.ts';
import { traceRoutes } from '../contract/trace.ts';

/** What the thread serves: the contract's traces as they are, and what only the deck asks for. */
export const collectorContract = {
  trace: traceRoutes,
  /** The last lines of the log that the deck with this key has submitted, the oldest first. */
  recall: oc
    .input(z.object({ publicKey: z.string(), most: z.number().int().positive() }))
    .output(type<readonly StoredEvent[]>()),
};
