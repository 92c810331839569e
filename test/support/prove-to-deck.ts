import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { WebSocket } from 'ws';
import { deckProof, proofText } from '../../node-core/contract/deck-proof.ts';

/** What the page does before it speaks the contract, on a socket that has opened. @param url - With the token in its fragment. */
export async function proveToDeck(socket: WebSocket, url: string): Promise<void> {
  const { host, hash } = new URL(url);
  const page = randomBytes(32).toString('hex');
  socket.send(JSON.stringify({ nonce: page }));
  const [answer] = await once(socket, 'message');
  const { nonce: deck } = deckProof.parse(JSON.parse(String(answer)));
  const key = new URLSearchParams(hash.slice(1)).get('token') ?? '';
  const proof = createHmac('sha256', key)
    .update(proofText('page', host, { page, deck }))
    .digest('hex');
  socket.send(JSON.stringify({ proof }));
}
