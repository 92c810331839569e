import { graphRoutes } from './graph.ts';
import { groupRoutes } from './group.ts';
import { logRoutes } from './log.ts';
import { peerRoutes } from './peer.ts';
import { statusRoutes } from './status.ts';
import { traceRoutes } from './trace.ts';

/**
 * Every call and feed that the window, the browser and the command line may use. Client, server and test doubles derive
 * their types from this object. Cancelling is part of each call; a closed port ends its feeds.
 */
export const contract = {
  status: statusRoutes,
  graph: graphRoutes,
  peer: peerRoutes,
  group: groupRoutes,
  trace: traceRoutes,
  log: logRoutes,
};
/** The contract as a type, for clients and routers that are made from it. */
export type DeckContract = typeof contract;
