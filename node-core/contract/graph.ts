import { eventIterator, oc } from '@orpc/contract';
import { z } from 'zod';
import { group } from './group.ts';
import { clockOffset, groupId, health, nodeId, pathKind, publicKey, toldNumber } from './shapes.ts';

/**
 * A node of the network as it is known here: from the registry, from this node's tunnels, and from what it reports
 * itself.
 */
export const agent = z.object({
  nodeId,
  /** `N:NNNN.HHHH.LLLL`. */
  address: z.string(),
  /** As the node registered it: text of others, possibly empty. */
  hostname: z.string(),
  self: z.boolean(),
  groupIds: z.array(groupId),
  tags: z.array(z.string()),
  version: z.string().optional(),
  /** Whether the registry lists it for everyone; absent while the registry has not told. */
  public: z.boolean().optional(),
  publicKey: publicKey.optional(),
  /** Set for a peer that this node trusts: under which key, and which other one stands under its id now, if one does. */
  trust: z.object({ publicKey, changedTo: publicKey.optional() }).optional(),
  health,
  /** Answered an encrypted ping of this node in this run, and is not silent since. */
  live: z.boolean(),
  /** Sends its spans and reports here. */
  reports: z.boolean(),
  /** Its key was proven to this node by a tunnel; otherwise only the registry says who it is. */
  authenticated: z.boolean(),
  /** Milliseconds. */
  rtt: toldNumber.optional(),
  /** Share of the last pings that stayed unanswered, 0 to 1. */
  loss: toldNumber.optional(),
  lastHeard: z.number().optional(),
  clock: clockOffset.optional(),
  /** Requests its services handled, and how many of them failed, since it started. */
  requests: toldNumber.optional(),
  failures: toldNumber.optional(),
  /** Set when the node is gone from the registry or silent for good; it leaves the graph 30 s later. */
  leftAt: z.number().optional(),
});

/**
 * What one end says of a tunnel. Counters run from the tunnel's first key exchange; `source` is the reporter's name.
 */
export const tunnelSide = z.object({
  reporter: nodeId,
  source: z.string(),
  at: z.number(),
  path: pathKind,
  pathSince: z.number(),
  beacon: z.string().optional(),
  rttMs: z.number().optional(),
  lossRatio: z.number().optional(),
  bytesSent: z.number(),
  bytesReceived: z.number(),
  packetsSent: z.number(),
  packetsReceived: z.number(),
  /** Counts the reporter's key exchanges with the peer. */
  epoch: z.number().int(),
  keySince: z.number(),
  lastHeard: z.number(),
  openStreams: z.number().int(),
});

/**
 * A tunnel between two nodes, from one end's or both ends' reports; `rtt` in milliseconds, `loss` as a share of 0 to 1.
 */
export const tunnel = z.object({
  /** `LOW-HIGH` of the two node ids. */
  id: z.string(),
  a: nodeId,
  b: nodeId,
  state: z.enum(['key-exchange', 'established', 'closed']),
  path: pathKind,
  previousPath: pathKind.optional(),
  pathSince: z.number(),
  beacon: z.string().optional(),
  health,
  rtt: toldNumber.optional(),
  loss: toldNumber.optional(),
  /** Both directions, over the last 10 s. */
  bytesPerSecond: z.number(),
  sides: z.array(tunnelSide),
  openStreams: z.number().int(),
});

/** A flow that is open now, from whichever ends report it. */
export const openFlow = z.object({
  flowId: z.string(),
  dialler: nodeId,
  acceptor: nodeId,
  /** The acceptor's: what service it is. */
  port: z.number().int(),
  groupId,
  openedAt: z.number(),
  /** Only nodes that export are seen from both sides. */
  ends: z.enum(['both', 'dialler', 'acceptor']),
});

/**
 * A beacon that was configured or that a tunnel runs through. `relayedTunnels` and the bytes are of the tunnels known
 * here.
 */
export const beacon = z.object({
  id: z.string(),
  name: z.string(),
  health,
  relayedTunnels: z.number().int(),
  bytesPerSecond: z.number(),
  rtt: toldNumber.optional(),
});

/** A feed starts with a snapshot; later changes hold whole objects by key, and the keys that are gone. */
export const graphUpdate = z.object({
  kind: z.enum(['snapshot', 'changes']),
  feedId: z.string(),
  revision: z.number().int(),
  at: z.number(),
  self: nodeId.optional(),
  agents: z.array(agent),
  tunnels: z.array(tunnel),
  flows: z.array(openFlow),
  beacons: z.array(beacon),
  groups: z.array(group),
  goneAgents: z.array(nodeId),
  goneTunnels: z.array(z.string()),
  goneFlows: z.array(z.string()),
  goneBeacons: z.array(z.string()),
  goneGroups: z.array(groupId),
});

/** What the registry says of a node. */
export const listedNode = z.object({
  nodeId,
  hostname: z.string().optional(),
  groupIds: z.array(groupId).readonly(),
  tags: z.array(z.string()).readonly(),
  public: z.boolean().optional(),
  publicKey: publicKey.optional(),
});

/** Some of the nodes that a question matches, in the order of their ids, and how many it matches in all. */
export const directoryPage = z.object({ nodes: z.array(listedNode).readonly(), matched: z.number().int() });

export type Agent = z.infer<typeof agent>;
export type Tunnel = z.infer<typeof tunnel>;
export type TunnelSide = z.infer<typeof tunnelSide>;
export type OpenFlow = z.infer<typeof openFlow>;
export type Beacon = z.infer<typeof beacon>;
export type GraphUpdate = z.infer<typeof graphUpdate>;

/** The feed of the graph. Each reader has its own, named by `feedId`. */
export const graphRoutes = {
  /** A snapshot, then changes. The reader confirms each revision; meanwhile changes are coalesced by key. */
  watch: oc.output(eventIterator(graphUpdate)),
  /** All that the registry lists, drawn or not, by what their name, tags or id have in them. */
  directory: oc
    .input(
      z.object({
        text: z.string().max(200).default(''),
        offset: z.number().int().nonnegative().default(0),
        limit: z.number().int().min(1).max(500).default(100),
      }),
    )
    .output(directoryPage),
  confirm: oc.input(z.object({ feedId: z.string(), revision: z.number().int() })).output(z.void()),
};
