import { z } from 'zod';

/**
 * The shapes that several domains of the contract share. Everywhere in the contract times are Unix milliseconds (fractions
 * allowed) unless the name says otherwise; 64-bit nanoseconds cross as decimal strings; ids are lowercase hex.
 */
export const nodeId = z.number().int().min(1).max(0xffff_ffff);
export const groupId = z.number().int().min(0).max(0xffff);
export const traceId = z.string().regex(/^[0-9a-f]{32}$/);
export const spanId = z.string().regex(/^[0-9a-f]{16}$/);
export const pathKind = z.enum(['lan', 'direct', 'punched', 'relay', 'compat', 'unknown']);
export const healthState = z.enum(['ok', 'degraded', 'failing', 'unknown']);
export const health = z.object({ state: healthState, reason: z.string(), since: z.number() });

/** A value with who told it and when: `source` is "measured here" or the hostname of the node that reported it. */
export const told = <T extends z.ZodType>(value: T) => z.object({ value, source: z.string(), at: z.number() });
export const toldNumber = told(z.number());

/**
 * One node on one time axis: the node's clock minus ours. No evidence means unknown, not zero. `through` names the nodes on
 * whose word it rests, when we shared no handshake with this one ourselves.
 */
export const clockOffset = z.object({
  offsetMs: z.number(),
  boundMs: z.number(),
  at: z.number(),
  through: z.array(nodeId).optional(),
});
export type Health = z.infer<typeof health>;
export type HealthState = z.infer<typeof healthState>;
export type PathKindName = z.infer<typeof pathKind>;
