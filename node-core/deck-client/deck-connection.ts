import { createORPCClient } from '@orpc/client';
import { RPCLink } from '@orpc/client/websocket';
import type { ContractRouterClient } from '@orpc/contract';
import { WebSocket } from 'ws';
import { PilotError } from '../base/errors.ts';
import type { DeckContract } from '../contract/contract.ts';
import type { DeckFile } from '../host/deck-file.ts';

export interface DeckConnection {
  readonly client: ContractRouterClient<DeckContract>;
  close(): void;
}

/**
 * Speaks the contract with a running deck.
 *
 * @throws PilotError `config.invalid` when it does not answer at the address it left.
 */
export async function connectDeck(deck: Pick<DeckFile, 'url' | 'token'>): Promise<DeckConnection> {
  const socket = new WebSocket(`${deck.url.replace(/^http/, 'ws').replace(/\/(#.*)?$/, '')}/rpc`);
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => resolve());
    socket.once('error', (cause) => {
      reject(
        new PilotError(
          'config.invalid',
          `the deck does not answer at ${deck.url}; is it still running?`,
          {},
          { cause },
        ),
      );
    });
  });
  socket.send(JSON.stringify({ token: deck.token }));
  const link = new RPCLink({ websocket: socket as unknown as globalThis.WebSocket });
  return { client: createORPCClient(link), close: () => socket.close() };
}
