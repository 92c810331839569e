import { z } from 'zod';

/** What the registry knows of a node. The key names the node id for ever; the rest comes and goes with it. */
const node = z.object({
  nodeId: z.number().int().min(1).max(0xffff_fffe),
  publicKey: z.string(),
  owner: z.string(),
  realAddress: z.string(),
  lanAddresses: z.array(z.string()),
  version: z.string(),
  hostname: z.string(),
  tags: z.array(z.string()),
  public: z.boolean(),
  relayOnly: z.boolean(),
  /** Once a key has registered with a signature it must always do so. */
  signed: z.boolean(),
  /** False after it deregistered or fell silent; its memberships stay. */
  present: z.boolean(),
  keyCreatedAt: z.number(),
  rotations: z.number().int(),
  /** The last keys that the node changed to, oldest first, each signed for by the key before. */
  rotationLog: z.array(z.object({ publicKey: z.string(), signature: z.string() })).default([]),
  /** Unix milliseconds. */
  lastSeen: z.number(),
});
const member = z.object({ nodeId: z.number().int(), role: z.string(), tags: z.array(z.string()) });
const network = z.object({
  networkId: z.number().int().min(1).max(0xffff),
  name: z.string(),
  joinRule: z.string(),
  token: z.string(),
  enterprise: z.boolean(),
  /** Unix seconds. */
  created: z.number(),
  members: z.array(member),
});
const handshake = z.object({
  to: z.number().int(),
  from: z.number().int(),
  kind: z.enum(['request', 'response']),
  justification: z.string(),
  accept: z.boolean(),
  timestamp: z.number(),
});

/** Everything that survives a restart. A file that does not fit this is set aside, never half-read. */
export const directorySnapshot = z.object({
  format: z.literal('flightdeck-directory/1'),
  nextNodeId: z.number().int(),
  nextNetworkId: z.number().int(),
  nodes: z.array(node),
  networks: z.array(network),
  /** `[X, Y]`: X lets Y reach it. */
  consents: z.array(z.tuple([z.number().int(), z.number().int()])),
  mailbox: z.array(handshake),
});
export type DirectorySnapshot = z.infer<typeof directorySnapshot>;
export type NodeRecord = z.infer<typeof node>;
export type NetworkRecord = z.infer<typeof network>;
export type MemberRecord = z.infer<typeof member>;
export type HandshakeRecord = z.infer<typeof handshake>;
