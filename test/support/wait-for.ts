import { vi } from 'vitest';

/** Waits for something real to happen, with patience for a busy machine. */
export function waitFor(happened: () => boolean | Promise<boolean>, timeoutMs = 30_000): Promise<boolean> {
  return vi.waitUntil(happened, { timeout: timeoutMs, interval: 5 });
}
