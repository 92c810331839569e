import { z } from 'zod';

const nodeId = z.number().int().min(1).max(0xffff_fffe);
const networkId = z.number().int().min(1).max(0xffff);

/** What the registry knows of a node. The key names the node id; the rest comes and goes with it. */
const node = z.object({
  nodeId,
  publicKey: z.string(),
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
  /** Unix milliseconds after which the key is refused; 0 for never. */
  keyExpiresAt: z.number().default(0),
  /** Unix milliseconds, as of the last change: heartbeats are not written down. */
  lastSeen: z.number(),
});
const member = z.object({ nodeId, role: z.string(), tags: z.array(z.string()) });
const network = z.object({
  networkId,
  name: z.string(),
  joinRule: z.string(),
  token: z.string(),
  enterprise: z.boolean(),
  /** Unix seconds. */
  created: z.number(),
});
const handshake = z.object({
  to: nodeId,
  from: nodeId,
  kind: z.enum(['request', 'response']),
  justification: z.string(),
  accept: z.boolean(),
  timestamp: z.number(),
});

/** One thing that changed. All of them in order make the whole state. */
export const directoryChange = z.discriminatedUnion('type', [
  z.object({ type: z.literal('node'), node }),
  z.object({ type: z.literal('reclaimed'), nodeId }),
  z.object({ type: z.literal('network'), network }),
  z.object({ type: z.literal('network-deleted'), networkId }),
  z.object({ type: z.literal('member'), networkId, member }),
  z.object({ type: z.literal('member-left'), networkId, nodeId }),
  /** `from` lets `to` reach it, or no longer does. */
  z.object({ type: z.literal('consent'), from: nodeId, to: nodeId, given: z.boolean() }),
  z.object({ type: z.literal('handshake'), handshake }),
  z.object({ type: z.literal('mailbox-emptied'), nodeId }),
  /** Ids below these may have been given away, also by a registry that went on from here and whose state is lost. */
  z.object({ type: z.literal('ids'), node: z.number().int(), network: z.number().int() }),
]);
export type DirectoryChange = z.infer<typeof directoryChange>;
export type NodeRecord = z.infer<typeof node>;
export type NetworkRecord = z.infer<typeof network>;
export type MemberRecord = z.infer<typeof member>;
export type HandshakeRecord = z.infer<typeof handshake>;

/** The whole state in one object, as it was kept before there was a log. */
export const directorySnapshot = z.object({
  format: z.literal('flightdeck-directory/1'),
  nextNodeId: z.number().int(),
  nextNetworkId: z.number().int(),
  nodes: z.array(node),
  networks: z.array(network.extend({ members: z.array(member) })),
  /** `[X, Y]`: X lets Y reach it. */
  consents: z.array(z.tuple([z.number().int(), z.number().int()])),
  mailbox: z.array(handshake),
});
export type DirectorySnapshot = z.infer<typeof directorySnapshot>;

/** The same as changes from nothing. */
export function changesOf(snapshot: DirectorySnapshot): DirectoryChange[] {
  return [
    { type: 'ids', node: snapshot.nextNodeId, network: snapshot.nextNetworkId },
    ...snapshot.nodes.map((record): DirectoryChange => ({ type: 'node', node: record })),
    ...snapshot.networks.flatMap(({ members, ...record }): DirectoryChange[] => [
      { type: 'network', network: record },
      ...members.map((each): DirectoryChange => ({ type: 'member', networkId: record.networkId, member: each })),
    ]),
    ...snapshot.consents.map(([from, to]): DirectoryChange => ({ type: 'consent', from, to, given: true })),
    ...snapshot.mailbox.map((each): DirectoryChange => ({ type: 'handshake', handshake: each })),
  ];
}

/** Where the books of the directory say what changed in them. */
export type Journal = (change: DirectoryChange) => void;
