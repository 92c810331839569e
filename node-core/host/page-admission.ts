import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { WebSocket } from 'ws';
import { deckProof, pageGreeting, pageProof, proofText } from '../contract/deck-proof.ts';

const PATIENCE_MS = 5_000;

/** Lets a page in that shows that it knows the token, once we have shown it the same; any other is sent away. */
export function admitPage(client: WebSocket, token: string, host: string, onAdmitted: () => void): void {
  const timer = setTimeout(() => client.close(4401, 'no proof'), PATIENCE_MS);
  client.once('close', () => clearTimeout(timer));
  client.once('message', (message) => {
    const greeting = pageGreeting.safeParse(parseJson(message));
    if (!greeting.success) return client.close(4401, 'no greeting');
    const nonces = { page: greeting.data.nonce, deck: randomBytes(32).toString('hex') };
    const ours = proofOf(token, proofText('deck', host, nonces));
    client.once('message', (answer) => {
      const shown = pageProof.safeParse(parseJson(answer));
      const wanted = Buffer.from(proofOf(token, proofText('page', host, nonces)));
      if (!shown.success || !timingSafeEqual(Buffer.from(shown.data.proof), wanted))
        return client.close(4401, 'wrong proof');
      clearTimeout(timer);
      onAdmitted();
    });
    client.send(JSON.stringify(deckProof.parse({ nonce: nonces.deck, proof: ours })));
  });
}

function proofOf(token: string, text: string): string {
  return createHmac('sha256', token).update(text).digest('hex');
}

function parseJson(message: unknown): unknown {
  try {
    return JSON.parse(String(message));
  } catch {
    return undefined;
  }
}
