import { implement } from '@orpc/server';
import { contract } from '../contract/contract.ts';
import { toRpcError } from '../contract/rpc-errors.ts';
import type { Deck } from './deck.ts';
import { pingGroup } from './group-ping.ts';

/** Serves the contract from a deck. A PilotError crosses with its code, and its words. */
export function createRouter(deck: Deck) {
  const os = implement(contract).use(async ({ next }) => {
    try {
      return await next();
    } catch (error) {
      throw toRpcError(error);
    }
  });
  const never = new AbortController().signal;
  return os.router({
    status: { watch: os.status.watch.handler(({ signal }) => deck.status.watch(signal ?? never)) },
    graph: {
      watch: os.graph.watch.handler(({ signal }) => deck.graph.watch(signal ?? never)),
      confirm: os.graph.confirm.handler(({ input }) => deck.graph.confirm(input.feedId, input.revision)),
    },
    peer: {
      ping: os.peer.ping.handler(({ input }) => deck.ping(input.nodeId, input.timeoutMs)),
      trust: os.peer.trust.handler(({ input }) => deck.trust(input.nodeIds)),
    },
    group: {
      join: os.group.join.handler(({ input }) => deck.join(input.groupId, input.token ?? '')),
      leave: os.group.leave.handler(({ input }) => deck.leave(input.groupId)),
      pingAll: os.group.pingAll.handler(({ input, signal }) => pingGroup(deck, input.groupId, signal ?? never)),
    },
    trace: {
      search: os.trace.search.handler(({ input }) => deck.collector.search(input)),
      tail: os.trace.tail.handler(({ input, signal }) => deck.collector.tail(input, signal ?? never)),
      get: os.trace.get.handler(({ input }) => deck.collector.trace(input.traceId)),
      paths: os.trace.paths.handler(({ input, signal }) => deck.collector.paths(input.traceIds, signal ?? never)),
      export: os.trace.export.handler(({ input }) => deck.exportTraces(input.traceIds, input.joined)),
      volume: os.trace.volume.handler(({ input }) => deck.collector.volume(input.fromMs, input.toMs, input.buckets)),
    },
    log: { watch: os.log.watch.handler(({ input, signal }) => deck.log.watch(input.last, signal ?? never)) },
  });
}
export type DeckRouter = ReturnType<typeof createRouter>;
