import { z } from 'zod';

/**
 * The shapes that several domains of the contract share. Everywhere in the contract times are Unix milliseconds
 * (fractions allowed) unless the name says otherwise; 64-bit nanoseconds cross as decimal strings; ids are lowercase
 * hex.
 */
export const nodeId = z.number().int().min(1).max(0xffff_ffff);
/** 0 is the backbone, which every node is in; others are groups of the registry. */
export const groupId = z.number().int().min(0).max(0xffff);
/** As the node gave it; a joined trace has that of its root's dialler. */
export const traceId = z.string().regex(/^[0-9a-f]{32}$/);
/** Unique within one raw trace only. */
export const spanId = z.string().regex(/^[0-9a-f]{16}$/);
/** Ed25519, 64 hex digits: who a node is, whatever id it has at the time. */
export const publicKey = z.string().regex(/^[0-9a-f]{64}$/);
/**
 * How a tunnel's datagrams travel; `lan`, `direct` and `punched` are straight, `relay` and `compat` go through a third
 * party.
 */
export const pathKind = z.enum(['lan', 'direct', 'punched', 'relay', 'compat', 'unknown']);
/** `unknown` is no evidence, which is not `ok`. */
export const healthState = z.enum(['ok', 'degraded', 'failing', 'unknown']);
/** The host's verdict with its reason as a sentence, and since when it holds. */
export const health = z.object({ state: healthState, reason: z.string(), since: z.number() });

/** A value with who told it and when: `source` is "measured here" or the hostname of the node that reported it. */
export const told = <T extends z.ZodType>(value: T) => z.object({ value, source: z.string(), at: z.number() });
/** A number with who told it and when; its unit is said where it is used. */
export const toldNumber = told(z.number());

/**
 * One node on one time axis: the node's clock minus ours, which lies within ± `boundMs`. No evidence means unknown, not
 * zero. `through` names the nodes on whose word it rests, when we shared no handshake with this one ourselves.
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
