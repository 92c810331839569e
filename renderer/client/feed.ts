import type { DeckClient } from './deck-client.ts';

const RETRY_MS = 500;

/**
 * Follows one feed until `signal` ends: a feed that breaks is opened again, and its `open` begins with what the host
 * sends first, a snapshot. Leaving the loop ends the feed in the host too.
 */
export async function followFeed<T>(
  client: DeckClient,
  signal: AbortSignal,
  open: (client: DeckClient, signal: AbortSignal) => Promise<AsyncIterable<T>>,
  onItem: (item: T) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const item of await open(client, signal)) {
        if (signal.aborted) return;
        onItem(item);
      }
    } catch (error) {
      if (!signal.aborted) console.warn('A feed broke and is opened again.', error);
    }
    if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}
