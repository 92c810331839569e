import { safe } from '@orpc/client';
import type { GraphUpdate } from '../../node-core/contract/graph.ts';
import type { LogEvent } from '../../node-core/contract/log.ts';
import { mergeGraphUpdates, useGraphStore } from '../stores/graph-store.ts';
import { mergeEvents, useLogStore } from '../stores/log-store.ts';
import { keptSpans, useStatusStore } from '../stores/status-store.ts';
import { useViewStore } from '../stores/view-store.ts';
import { type DeckClient, type DeckLink, openDeckLink } from './deck-client.ts';
import { followFeed } from './feed.ts';
import { FrameBatcher } from './frame-batcher.ts';

/** The host tells its status every second; after this silence the picture is no longer taken for the present. */
const SILENCE_MS = 4_000;
const WATCH_MS = 1_000;

let link: DeckLink | undefined;
let client: DeckClient | undefined;
let feeds = new AbortController();
const clientListeners = new Set<() => void>();

const graph = new FrameBatcher<GraphUpdate>(mergeGraphUpdates, (update) => {
  useGraphStore.getState().apply(update);
  const { feedId, revision } = update;
  client?.graph.confirm({ feedId, revision }).catch(() => undefined); // a lost confirmation means a lost feed: it begins again
});
const log = new FrameBatcher<readonly LogEvent[]>(mergeEvents, (events) => useLogStore.getState().append(events));

/** Connects the stores to the deck host, for as long as the page lives. */
export function startDeck(): void {
  link = openDeckLink({
    onClient: startFeeds,
    onState: (state, since) => {
      useStatusStore.getState().setLink(state, since);
      endFeeds();
    },
  });
  setInterval(watchSilence, WATCH_MS);
  useViewStore.subscribe(({ pausedAt }) => {
    graph.hold(pausedAt !== undefined);
    log.hold(pausedAt !== undefined);
  });
}

/** A call while no host is connected. */
export class NotConnected extends Error {
  override readonly name = 'NotConnected';
}

/** @throws NotConnected while no host is connected. */
export function deckClient(): DeckClient {
  if (client === undefined) throw new NotConnected('the engine is not connected');
  return client;
}

/** Makes a call and resolves with `[error]` or `[null, result]`; without a connection the error is NotConnected. */
export function ask<T>(call: (deck: DeckClient) => Promise<T>) {
  return safe(Promise.resolve().then(() => call(deckClient())));
}

/** Called for each new connection, and at once when there is one. */
export function onDeckClient(run: () => void): () => void {
  clientListeners.add(run);
  if (client !== undefined) run();
  return () => clientListeners.delete(run);
}

/** Starts the engine again after it ended too often. */
export const startHostAgain = (): void => link?.startHost();

/** Freezes the picture, or lets it go on. Before the first picture there is nothing to freeze. */
export function setPaused(paused: boolean): void {
  if (paused && !useGraphStore.getState().loaded) return;
  const { status } = useStatusStore.getState();
  useViewStore.getState().set({ pausedAt: paused ? Date.now() : undefined, keptAtPause: keptSpans(status) });
}

function startFeeds(next: DeckClient): void {
  endFeeds();
  client = next;
  const { signal } = feeds;
  void followFeed(
    next,
    signal,
    (deck, s) => deck.status.watch(undefined, { signal: s }),
    (status) => {
      useStatusStore.getState().setStatus(status);
      useStatusStore.getState().setLink('open', Date.now());
    },
  );
  void followFeed(
    next,
    signal,
    (deck, s) => deck.graph.watch(undefined, { signal: s }),
    (update) => graph.push(update),
  );
  void followFeed(
    next,
    signal,
    (deck, s) => deck.log.watch({ last: 2_000 }, { signal: s }),
    (events) => {
      log.push(events);
    },
  );
  for (const run of clientListeners) run();
}

function endFeeds(): void {
  feeds.abort();
  feeds = new AbortController();
  client = undefined;
  graph.clear();
  log.clear();
}

function watchSilence(): void {
  const { link: state, heardAt, setLink } = useStatusStore.getState();
  if (state !== 'open' || Date.now() - heardAt < SILENCE_MS) return;
  setLink('lost', heardAt);
  link?.renew();
}
