import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { type Nonces, proofText } from '../../../../node-core/contract/deck-proof.ts';
import { proveBothWays } from '../../../../renderer/client/deck-proof.ts';

const TOKEN = 'a token of sixteen bytes and more';
const HOST = '127.0.0.1:8080';
const DECK_NONCE = 'd'.repeat(64);
const proofWith = (token: string, host: string, side: 'deck' | 'page', nonces: Nonces) =>
  createHmac('sha256', token)
    .update(proofText(side, host, nonces))
    .digest('hex');

/** The page's socket, with somebody at the other end who answers the page's first message. */
class FakeSocket extends EventTarget {
  readonly said: { readonly nonce?: string; readonly proof?: string }[] = [];
  readonly OPEN = 1;
  readonly readyState = 1;
  readonly #answer: (pageNonce: string) => string | undefined;

  constructor(answer: (pageNonce: string) => string | undefined) {
    super();
    this.#answer = answer;
  }

  send(text: string): void {
    this.said.push(JSON.parse(text));
    if (this.said.length > 1) return;
    const answer = this.#answer(String(this.said[0]?.nonce));
    const event = answer === undefined ? new Event('close') : Object.assign(new Event('message'), { data: answer });
    queueMicrotask(() => this.dispatchEvent(event));
  }
}

async function prove(answer: (pageNonce: string) => string | undefined) {
  const socket = new FakeSocket(answer);
  const proven = await proveBothWays(socket as unknown as WebSocket, TOKEN, HOST);
  return { proven, said: socket.said };
}

const deckThatKnows =
  (token: string, host = HOST, nonce = DECK_NONCE) =>
  (page: string) =>
    JSON.stringify({ nonce, proof: proofWith(token, host, 'deck', { page, deck: nonce }) });

test('to a deck that shows that it knows the token the page shows the same', async () => {
  const { proven, said } = await prove(deckThatKnows(TOKEN));
  const page = String(said[0]?.nonce);
  expect(proven).toBe(true);
  expect(said).toEqual([{ nonce: page }, { proof: proofWith(TOKEN, HOST, 'page', { page, deck: DECK_NONCE }) }]);
});

test.each([
  ['knows another token', deckThatKnows('another token of sixteen bytes')],
  ['passes on what a deck at another address says', deckThatKnows(TOKEN, '127.0.0.1:8081')],
  ['says nothing of use', () => '{"welcome":true}'],
  ['says no JSON', () => 'hello'],
  ['closes', () => undefined],
])('to one who %s the page says nothing but a random number', async (_what, answer) => {
  const { proven, said } = await prove(answer);
  expect(proven).toBe(false);
  expect(said).toEqual([{ nonce: expect.stringMatching(/^[0-9a-f]{64}$/) }]);
});
