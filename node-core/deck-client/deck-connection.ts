import { createORPCClient, ORPCError } from '@orpc/client';
import { RPCLink } from '@orpc/client/websocket';
import type { ContractRouterClient } from '@orpc/contract';
import { WebSocket } from 'ws';
import { PilotError } from '../base/errors.ts';
import type { DeckContract } from '../contract/contract.ts';
import { fromRpcError } from '../contract/rpc-errors.ts';
import type { DeckFile } from '../host/deck-file.ts';
import { localSocket } from '../io/local-sockets.ts';

export interface DeckConnection {
  readonly client: ContractRouterClient<DeckContract>;
  close(): void;
}

/** Replies of our own deck, whole traces among them. */
const LARGEST_REPLY_BYTES = 1024 ** 3;

/**
 * Speaks the contract with a running deck, over its owner-only local socket. Its calls end in PilotErrors.
 *
 * @throws PilotError `config.invalid` when no deck answers there.
 */
export async function connectDeck({ sockets, pid }: Pick<DeckFile, 'sockets' | 'pid'>): Promise<DeckConnection> {
  const path = localSocket(sockets, 'deck', pid);
  const socket = new WebSocket(`ws+unix:${path}:/rpc`, { maxPayload: LARGEST_REPLY_BYTES });
  let broken = 'the deck ended the connection';
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => resolve());
    socket.on('error', (cause) => {
      broken = `the connection to the deck broke: ${cause.message}`;
      reject(new PilotError('config.invalid', 'the deck does not answer; is it still running?', {}, { cause }));
    });
  });
  const link = new RPCLink({
    websocket: socket as unknown as globalThis.WebSocket,
    interceptors: [
      async ({ next }) => {
        try {
          return await next();
        } catch (error) {
          throw wordsOf(error, socket.readyState === WebSocket.OPEN ? undefined : broken);
        }
      },
    ],
  });
  return { client: createORPCClient(link), close: () => socket.close() };
}

/** What a call ended in, for a person: the deck's own words, or why there is no answer. */
function wordsOf(error: unknown, broken: string | undefined): unknown {
  const known = fromRpcError(error);
  if (known instanceof PilotError) return known;
  if (broken !== undefined) return new PilotError('stream.closed', broken, {}, { cause: error });
  if (error instanceof ORPCError)
    return new PilotError('query.invalid', `the deck does not take the call: ${error.message}`, {}, { cause: error });
  return error;
}
