import { z } from 'zod';

/**
 * What the window's preload script and the page say to each other by `window.postMessage`, beside the contract itself.
 * To the page: `host-port`, with the MessagePort that carries the contract (once after loading, again for each request
 * and after each restart of the deck host), and `host-state`. From the page: `host-port-request` and `host-start`.
 */
export const hostState = z.object({
  type: z.literal('host-state'),
  /** `stopped`: it ended three times in a minute and is not started again until `host-start`. */
  state: z.enum(['running', 'restarting', 'stopped']),
  /** Unix milliseconds. */
  since: z.number(),
});
/** What the page asks of the window's shell. */
export const pageRequest = z.object({ type: z.enum(['host-port-request', 'host-start']) });

export type HostState = z.infer<typeof hostState>;

/**
 * The one content policy of the interface, sent with every page by the window's scheme and by the HTTP server alike.
 */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "img-src 'self' data: blob:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
