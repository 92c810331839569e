import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createORPCClient } from '@orpc/client';
import { RPCLink } from '@orpc/client/websocket';
import type { ContractRouterClient } from '@orpc/contract';
import { WebSocket } from 'ws';
import type { DeckContract } from '../../node-core/contract/contract.ts';
import { type DeckFile, readDeckFile } from '../../node-core/host/deck-file.ts';

/** A client of a running deck beside its window, as a browser on this machine would be one. */
export interface DeckConnection {
  readonly deck: DeckFile;
  readonly client: ContractRouterClient<DeckContract>;
  close(): void;
}

/** Waits until a deck runs in the folder, then connects to it. */
export async function connectToDeck(dataFolder: string, withinMs: number): Promise<DeckConnection> {
  const deadline = Date.now() + withinMs;
  while (!existsSync(join(dataFolder, 'deck.json')) && Date.now() < deadline) await sleep(50);
  const deck = await readDeckFile(dataFolder);
  const { origin, host } = new URL(deck.url);
  const socket = new WebSocket(`ws://${host}/rpc`, { origin });
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  socket.send(JSON.stringify({ token: deck.token }));
  // the library's types name the browser's class, of which ws implements what it uses
  const websocket = socket as unknown as globalThis.WebSocket;
  const client: DeckConnection['client'] = createORPCClient(new RPCLink({ websocket }));
  return { deck, client, close: () => socket.close() };
}

/** Resolves once the deck calls so many agents beside itself live: each answered an encrypted ping in this run. */
export async function waitForLiveAgents(connection: DeckConnection, count: number, withinMs: number): Promise<void> {
  const live = new Set<number>();
  const updates = await connection.client.graph.watch(undefined, { signal: AbortSignal.timeout(withinMs) });
  for await (const update of updates) {
    await connection.client.graph.confirm({ feedId: update.feedId, revision: update.revision });
    for (const agent of update.agents) if (agent.live && !agent.self) live.add(agent.nodeId);
    if (live.size >= count) return;
  }
}
