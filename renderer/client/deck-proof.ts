import { deckProof, type Nonces, proofText } from '../../node-core/contract/deck-proof.ts';

/**
 * Has the other end of the socket show that it knows the token, then shows the same. False, with nothing said but a random
 * number, when it cannot: somebody else listens on the deck's address.
 */
export async function proveBothWays(socket: WebSocket, token: string, host: string): Promise<boolean> {
  const key = await crypto.subtle.importKey(
    'raw',
    new TextEncoder().encode(token),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign'],
  );
  const prove = async (side: 'deck' | 'page', nonces: Nonces) =>
    hex(new Uint8Array(await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(proofText(side, host, nonces)))));
  const page = hex(crypto.getRandomValues(new Uint8Array(32)));
  const answer = nextMessage(socket);
  socket.send(JSON.stringify({ nonce: page }));
  const shown = deckProof.safeParse(await answer);
  if (!shown.success) return false;
  const nonces = { page, deck: shown.data.nonce };
  if (shown.data.proof !== (await prove('deck', nonces))) return false;
  const proof = await prove('page', nonces);
  if (socket.readyState !== socket.OPEN) return false;
  socket.send(JSON.stringify({ proof }));
  return true;
}

/** Undefined for what is no JSON, and when the socket closes first. */
function nextMessage(socket: WebSocket): Promise<unknown> {
  return new Promise((resolve) => {
    socket.addEventListener('close', () => resolve(undefined), { once: true });
    socket.addEventListener('message', ({ data }) => resolve(parseJson(String(data))), { once: true });
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
