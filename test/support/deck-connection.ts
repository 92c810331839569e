import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectDeck, type DeckConnection } from '../../node-core/deck-client/deck-connection.ts';
import { readDeckFile } from '../../node-core/host/deck-file.ts';

/** Waits until a deck runs in the folder, then speaks the contract with it, beside its window. */
export async function connectWhenReady(dataFolder: string, withinMs: number): Promise<DeckConnection> {
  const deadline = Date.now() + withinMs;
  while (!existsSync(join(dataFolder, 'deck.json')) && Date.now() < deadline) await sleep(50);
  return connectDeck(await readDeckFile(dataFolder));
}

/** Resolves once the deck calls so many agents beside itself live: each answered an encrypted ping in this run. */
export async function waitForLiveAgents({ client }: DeckConnection, count: number, withinMs: number): Promise<void> {
  const live = new Set<number>();
  const updates = await client.graph.watch(undefined, { signal: AbortSignal.timeout(withinMs) });
  for await (const { feedId, revision, agents } of updates) {
    await client.graph.confirm({ feedId, revision });
    for (const agent of agents) if (agent.live && !agent.self) live.add(agent.nodeId);
    if (live.size >= count) return;
  }
}
