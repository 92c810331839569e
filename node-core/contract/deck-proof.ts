import { z } from 'zod';

/**
 * How a page and the deck that serves it show each other that they know the token, without saying it. On the address of
 * the page somebody else may listen by now, so the deck has to show it first:
 *
 * 1. page to deck: `{ nonce }`
 * 2. deck to page: `{ nonce, proof }`, over the text for `deck`
 * 3. page to deck: `{ proof }`, over the text for `page`; what follows is the contract.
 *
 * A proof is HMAC-SHA-256 with the token as key, in lowercase hex. It covers the address by which the page found the deck,
 * so that who listens at another one cannot pass it on.
 */
const hex32 = z.string().regex(/^[0-9a-f]{64}$/);
export const pageGreeting = z.object({ nonce: hex32 });
export const deckProof = z.object({ nonce: hex32, proof: hex32 });
export const pageProof = z.object({ proof: hex32 });

export interface Nonces {
  readonly page: string;
  readonly deck: string;
}

/** @param host - Name and port of the address in the page's URL. */
export function proofText(side: 'deck' | 'page', host: string, { page, deck }: Nonces): string {
  return `flightdeck ${side} ${host} ${page} ${deck}`;
}
