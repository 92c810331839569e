import type { HandshakeRecord } from './directory-state.ts';
import { RequestError } from './request.ts';

const MAX_INBOX = 100;
const MAX_TRUSTED = 4_096;
const MAX_JUSTIFICATION_BYTES = 1_024;

/**
 * Who lets whom reach it, and the mailbox of handshakes. Consent is directional: one side's word never opens the other.
 */
export class TrustLedger {
  readonly #consents = new Map<number, Set<number>>();
  #mailbox: HandshakeRecord[] = [];

  restore(consents: readonly (readonly [number, number])[], mailbox: readonly HandshakeRecord[]): void {
    for (const [from, to] of consents) this.consent(from, to);
    this.#mailbox = [...mailbox];
  }

  get consents(): [number, number][] {
    return [...this.#consents].flatMap(([from, peers]) => [...peers].map((to): [number, number] => [from, to]));
  }

  get mailbox(): readonly HandshakeRecord[] {
    return this.#mailbox;
  }

  /** @throws RequestError when a node lets in more peers than anybody keeps. */
  consent(from: number, to: number): void {
    const peers = this.#consents.get(from) ?? new Set<number>();
    if (peers.size >= MAX_TRUSTED && !peers.has(to)) throw new RequestError('too many trusted peers');
    this.#consents.set(from, peers.add(to));
  }

  /** Whether `from` lets `to` reach it. */
  allows(from: number, to: number): boolean {
    return this.#consents.get(from)?.has(to) === true;
  }

  /** @throws RequestError when neither had consented. */
  revoke(a: number, b: number): void {
    const removed = [this.#consents.get(a)?.delete(b), this.#consents.get(b)?.delete(a)];
    if (!removed.includes(true)) throw new RequestError(`no trust pair between nodes ${a} and ${b}`);
  }

  /** @throws RequestError when the inbox is full, the text too long, or a request already waits. */
  request(from: number, to: number, justification: string, timestamp: number): void {
    if (new TextEncoder().encode(justification).length > MAX_JUSTIFICATION_BYTES) {
      throw new RequestError('justification too long (max 1024 bytes)');
    }
    const waiting = this.#mailbox.filter((entry) => entry.to === to && entry.kind === 'request');
    if (waiting.some((entry) => entry.from === from)) {
      throw new RequestError(`handshake request already pending from node ${from}`);
    }
    if (waiting.length >= MAX_INBOX) throw new RequestError('too many handshake requests: inbox full');
    this.consent(from, to); // asking to be trusted is letting the other answer
    this.#mailbox.push({ to, from, kind: 'request', justification, accept: false, timestamp });
  }

  /** @throws RequestError when the inbox is full. */
  respond(from: number, to: number, accept: boolean, timestamp: number): void {
    const responses = this.#mailbox.filter((entry) => entry.to === to && entry.kind === 'response');
    if (responses.length >= MAX_INBOX) throw new RequestError('too many handshake responses: inbox full');
    if (accept) this.consent(from, to);
    else this.#consents.get(from)?.delete(to);
    this.#mailbox.push({ to, from, kind: 'response', justification: '', accept, timestamp });
  }

  /** Takes what waits for a node. */
  poll(nodeId: number): HandshakeRecord[] {
    const mine = this.#mailbox.filter((entry) => entry.to === nodeId);
    if (mine.length > 0) this.#mailbox = this.#mailbox.filter((entry) => entry.to !== nodeId);
    return mine;
  }
}
