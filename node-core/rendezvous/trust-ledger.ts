import { RegistryRefusal } from '../wire/registry-refusal.ts';
import type { DirectoryChange, HandshakeRecord, Journal } from './directory-state.ts';

const MAX_INBOX = 100;
const MAX_TRUSTED = 4_096;
const MAX_JUSTIFICATION_BYTES = 1_024;
/** Of all nodes of one source address: who has many keys has no more room. */
const MAX_NEIGHBOURS_CONSENTS = 65_536;
const MAX_NEIGHBOURS_HANDSHAKES = 4_096;
const MAX_CONSENTS = 1_000_000;
const MAX_HANDSHAKES = 65_536;

type TrustChange = Extract<DirectoryChange, { type: 'consent' | 'handshake' | 'mailbox-emptied' }>;

/**
 * Who lets whom reach it, and the mailbox of handshakes. Consent is directional: one side's word never opens the other.
 */
export class TrustLedger {
  readonly #note: Journal;
  readonly #consents = new Map<number, Set<number>>();
  readonly #consentedBy = new Map<number, Set<number>>();
  readonly #mailbox = new Map<number, HandshakeRecord[]>();
  /** Handshakes that wait, by who sent them. */
  readonly #waitingOf = new Map<number, number>();
  #consentCount = 0;
  #handshakeCount = 0;

  constructor(note: Journal) {
    this.#note = note;
  }

  /** Whether `from` lets `to` reach it. */
  allows(from: number, to: number): boolean {
    return this.#consents.get(from)?.has(to) === true;
  }

  /** Whether a node trusts, is trusted, or has a handshake under way. */
  involves(nodeId: number): boolean {
    const some = (peers: { readonly size: number } | undefined) => (peers?.size ?? 0) > 0;
    if (some(this.#consents.get(nodeId)) || some(this.#consentedBy.get(nodeId))) return true;
    return this.#mailbox.has(nodeId) || (this.#waitingOf.get(nodeId) ?? 0) > 0;
  }

  /**
   * @param neighbours - The nodes of the same source address, `from` included.
   * @throws RegistryRefusal when a node, or its address, lets in more peers than anybody keeps.
   */
  consent(from: number, to: number, neighbours: ReadonlySet<number>): void {
    if (this.allows(from, to)) return;
    const own = this.#consents.get(from)?.size ?? 0;
    const theirs = sum(neighbours, (nodeId) => this.#consents.get(nodeId)?.size ?? 0);
    if (own >= MAX_TRUSTED || theirs >= MAX_NEIGHBOURS_CONSENTS || this.#consentCount >= MAX_CONSENTS) {
      throw new RegistryRefusal('trust-full');
    }
    this.#change({ type: 'consent', from, to, given: true });
  }

  /** @throws RegistryRefusal when neither had consented. */
  revoke(a: number, b: number): void {
    if (!this.allows(a, b) && !this.allows(b, a)) throw new RegistryRefusal('trust-unknown', a, b);
    this.#withdraw(a, b);
    this.#withdraw(b, a);
  }

  /** @throws RegistryRefusal when the inbox is full, the text too long, or a request already waits. */
  request(
    { from, to, justification }: Pick<HandshakeRecord, 'from' | 'to' | 'justification'>,
    timestamp: number,
    neighbours: ReadonlySet<number>,
  ): void {
    if (new TextEncoder().encode(justification).length > MAX_JUSTIFICATION_BYTES) {
      throw new RegistryRefusal('justification-too-long', MAX_JUSTIFICATION_BYTES);
    }
    const waiting = this.#waiting(to, 'request');
    if (waiting.some((entry) => entry.from === from)) throw new RegistryRefusal('handshake-pending', from);
    this.#requireRoom(waiting, 'requests', neighbours);
    this.consent(from, to, neighbours); // asking to be trusted is letting the other answer
    const handshake: HandshakeRecord = { to, from, kind: 'request', justification, accept: false, timestamp };
    this.#change({ type: 'handshake', handshake });
  }

  /** @throws RegistryRefusal when the inbox is full. */
  respond(
    { from, to, accept }: Pick<HandshakeRecord, 'from' | 'to' | 'accept'>,
    timestamp: number,
    neighbours: ReadonlySet<number>,
  ): void {
    this.#requireRoom(this.#waiting(to, 'response'), 'responses', neighbours);
    if (accept) this.consent(from, to, neighbours);
    else this.#withdraw(from, to);
    const handshake: HandshakeRecord = { to, from, kind: 'response', justification: '', accept, timestamp };
    this.#change({ type: 'handshake', handshake });
  }

  /** Takes what waits for a node. */
  poll(nodeId: number): readonly HandshakeRecord[] {
    const mine = this.#mailbox.get(nodeId) ?? [];
    if (mine.length > 0) this.#change({ type: 'mailbox-emptied', nodeId });
    return mine;
  }

  /** Takes in what was written down. */
  apply(change: TrustChange): void {
    switch (change.type) {
      case 'consent': {
        const { from, to, given } = change;
        if (this.allows(from, to) === given) return;
        this.#consentCount += given ? 1 : -1;
        setMembership(this.#consents, from, to, given);
        return setMembership(this.#consentedBy, to, from, given);
      }
      case 'handshake': {
        const { to, from } = change.handshake;
        this.#handshakeCount += 1;
        this.#waitingOf.set(from, (this.#waitingOf.get(from) ?? 0) + 1);
        this.#mailbox.set(to, [...(this.#mailbox.get(to) ?? []), change.handshake]);
        return;
      }
      case 'mailbox-emptied': {
        const entries = this.#mailbox.get(change.nodeId) ?? [];
        this.#handshakeCount -= entries.length;
        for (const { from } of entries) this.#waitingOf.set(from, (this.#waitingOf.get(from) ?? 1) - 1);
        this.#mailbox.delete(change.nodeId);
        return;
      }
      default:
        change satisfies never;
    }
  }

  /** All trust as changes from nothing. */
  everything(): DirectoryChange[] {
    const consents = [...this.#consents].flatMap(([from, peers]) => [...peers].map((to) => ({ from, to })));
    return [
      ...consents.map((pair): DirectoryChange => ({ type: 'consent', ...pair, given: true })),
      ...[...this.#mailbox.values()].flat().map((handshake): DirectoryChange => ({ type: 'handshake', handshake })),
    ];
  }

  #withdraw(from: number, to: number): void {
    if (this.allows(from, to)) this.#change({ type: 'consent', from, to, given: false });
  }

  #waiting(to: number, kind: HandshakeRecord['kind']): readonly HandshakeRecord[] {
    return (this.#mailbox.get(to) ?? []).filter((entry) => entry.kind === kind);
  }

  #requireRoom(inbox: readonly HandshakeRecord[], what: string, neighbours: ReadonlySet<number>): void {
    const theirs = sum(neighbours, (nodeId) => this.#waitingOf.get(nodeId) ?? 0);
    const full = theirs >= MAX_NEIGHBOURS_HANDSHAKES || this.#handshakeCount >= MAX_HANDSHAKES;
    if (full || inbox.length >= MAX_INBOX) throw new RegistryRefusal('inbox-full', what);
  }

  #change(change: TrustChange): void {
    this.apply(change);
    this.#note(change);
  }
}

function setMembership(map: Map<number, Set<number>>, key: number, peer: number, member: boolean): void {
  const peers = map.get(key) ?? new Set<number>();
  if (member) peers.add(peer);
  else peers.delete(peer);
  if (peers.size > 0) map.set(key, peers);
  else map.delete(key);
}

function sum(nodeIds: ReadonlySet<number>, of: (nodeId: number) => number): number {
  let total = 0;
  for (const nodeId of nodeIds) total += of(nodeId);
  return total;
}
