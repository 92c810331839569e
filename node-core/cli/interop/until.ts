import { setTimeout as sleep } from 'node:timers/promises';

const PAUSE_MS = 5;

/**
 * Looks again and again until something real has happened, and returns what was seen.
 *
 * @param what - Completes the sentence "waited in vain for …".
 */
export async function until<T>(
  what: string,
  look: () => T | false | undefined | Promise<T | false | undefined>,
  timeoutMs = 20_000,
): Promise<T> {
  const giveUpAt = performance.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() > giveUpAt) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await sleep(PAUSE_MS);
  }
}
