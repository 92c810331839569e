import type { AnyContractRouter, ContractRouterClient } from '@orpc/contract';
import { implement, os as procedures, type Router } from '@orpc/server';
import { contract } from '../contract/contract.ts';
import { toRpcError } from '../contract/rpc-errors.ts';
import type { Deck } from './deck.ts';

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
  const { acts } = deck;
  return os.router({
    status: { watch: os.status.watch.handler(({ signal }) => deck.status.watch(signal ?? never)) },
    graph: {
      watch: os.graph.watch.handler(({ signal }) => deck.graph.watch(signal ?? never)),
      directory: os.graph.directory.handler(({ input }) => deck.listed.page(input)),
      confirm: os.graph.confirm.handler(({ input }) => deck.graph.confirm(input.feedId, input.revision)),
    },
    peer: {
      ping: os.peer.ping.handler(({ input }) => acts.peer.ping(input.nodeId, input.timeoutMs)),
      trust: os.peer.trust.handler(({ input }) => acts.peer.trust(input.peers)),
      untrust: os.peer.untrust.handler(({ input }) => acts.peer.untrust(input.nodeId)),
    },
    group: {
      join: os.group.join.handler(({ input }) => acts.group.join(input.groupId, input.token ?? '')),
      leave: os.group.leave.handler(({ input }) => acts.group.leave(input.groupId)),
      pingAll: os.group.pingAll.handler(({ input, signal }) => acts.group.pingAll(input.groupId, signal ?? never)),
    },
    trace: {
      ...handOn(contract.trace, deck.collector.trace),
      export: os.trace.export.handler(({ input }) => acts.trace.export(input)),
    },
    log: { watch: os.log.watch.handler(({ input, signal }) => deck.log.watch(input.last, signal ?? never)) },
  });
}
export type DeckRouter = ReturnType<typeof createRouter>;

type Calls = Record<
  string,
  (input: unknown, options: { readonly signal?: AbortSignal | undefined }) => Promise<unknown>
>;

/** Serves a domain of the contract by handing its calls to who implements it, and validates them, elsewhere. */
function handOn<T extends Exclude<AnyContractRouter, { '~orpc': unknown }>>(
  routes: T,
  client: ContractRouterClient<T>,
) {
  const calls = client as unknown as Calls;
  const handed = Object.entries(routes).map(([name, route]) => {
    const { errorMap } = (route as unknown as { '~orpc': { errorMap: Record<string, object> } })['~orpc'];
    return [name, procedures.errors(errorMap).handler(({ input, signal }) => calls[name]?.(input, { signal }))];
  });
  return Object.fromEntries(handed) as Router<T, Record<never, never>>;
}
