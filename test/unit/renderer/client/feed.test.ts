import { expect, test, vi } from 'vitest';
import type { DeckClient } from '../../../../renderer/client/deck-client.ts';
import { followFeed } from '../../../../renderer/client/feed.ts';

const noClient = {} as DeckClient;

test('opens a broken feed again and goes on with its snapshot', async () => {
  vi.useFakeTimers();
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  const end = new AbortController();
  const seen: string[] = [];
  let opened = 0;
  async function* feed() {
    opened++;
    yield `snapshot ${opened}`;
    if (opened === 1) throw new Error('broken');
    end.abort();
  }
  const following = followFeed(
    noClient,
    end.signal,
    async () => feed(),
    (item) => seen.push(item),
  );
  await vi.advanceTimersByTimeAsync(600);
  await following;
  expect(seen).toEqual(['snapshot 1', 'snapshot 2']);
  expect(warned).toHaveBeenCalledOnce();
  warned.mockRestore();
  vi.useRealTimers();
});

test('takes nothing after its end', async () => {
  const end = new AbortController();
  const seen: number[] = [];
  async function* feed() {
    yield 1;
    end.abort();
    yield 2;
  }
  await followFeed(
    noClient,
    end.signal,
    async () => feed(),
    (item) => seen.push(item),
  );
  expect(seen).toEqual([1]);
});
