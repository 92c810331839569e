import type { Instant, RandomBytes } from '../base/clock.ts';
import { verifySignature } from '../crypto/identity.ts';
import { type KeyExchangeFrame, type KeyRequestFrame, keyExchangeSignedBytes } from '../wire/tunnel-frame.ts';
import { Cookies } from './cookies.ts';
import { type Applicant, KeyExchangeLimits, type Standing } from './key-exchange-limits.ts';
import type { Route } from './path.ts';
import { PeerKeys, type WaitingFrame } from './peer-keys.ts';
import { ProvenKeys } from './proven-keys.ts';
import type { TunnelLimits } from './tunnel-config.ts';
import type { SessionKeys, TunnelDropReason } from './tunnel-event.ts';

export interface IdentityCheckHost {
  standingOf(nodeId: number): Standing;
  /** A frame of a node that the registry knows; a PILA has its signature verified. */
  accept(nodeId: number, waiting: WaitingFrame, now: Instant): void;
  /** Sends a PILK with this cookie where a frame came from. */
  challenge(nodeId: number, cookie: Uint8Array, route: Route): void;
  askKey(nodeId: number): void;
  drop(reason: TunnelDropReason, nodeId: number, route: Route): void;
}

/**
 * Who has sent a key-exchange frame: whether it is looked at, which identity the registry has for its sender, and whether
 * its signature is by that. What passes goes on to the sender's tunnel.
 */
export class IdentityCheck {
  readonly #host: IdentityCheckHost;
  readonly #limits: KeyExchangeLimits;
  readonly #cookies: Cookies;
  readonly #identities = new PeerKeys();
  readonly #proven = new ProvenKeys();

  constructor(limits: TunnelLimits, random: RandomBytes, host: IdentityCheckHost) {
    this.#limits = new KeyExchangeLimits(limits);
    this.#cookies = new Cookies(random);
    this.#host = host;
  }

  pin(nodeId: number, publicKey: Uint8Array): void {
    this.#identities.pin(nodeId, publicKey);
  }

  unpin(nodeId: number): void {
    this.#identities.unpin(nodeId);
  }

  isPinned(nodeId: number): boolean {
    return this.#identities.isPinned(nodeId);
  }

  /** A frame of this node that was for us opened under these keys. */
  prove(nodeId: number, keys: SessionKeys): void {
    this.#proven.prove(nodeId, keys);
  }

  /** The tunnel with this node is no more. */
  forget(nodeId: number): void {
    this.#proven.forget(nodeId);
  }

  /** Asked for now, the identity of a peer is there when its PILA comes. */
  prepare(nodeId: number, now: Instant): void {
    if (this.#identities.get(nodeId) === undefined && this.#identities.ask(nodeId, now.monotonicMs) === 'ask') {
      this.#host.askKey(nodeId);
    }
  }

  /** A PILA or a PILK, as it came. */
  handleFrame(frame: KeyExchangeFrame | KeyRequestFrame, route: Route, now: Instant): void {
    const nodeId = frame.senderNodeId;
    const applicant = {
      route,
      nodeId,
      standing: this.#host.standingOf(nodeId),
      proof: this.#proofOf(frame, route, now),
    };
    switch (this.#limits.judge(applicant, now.monotonicMs)) {
      case 'look':
        this.#identify(nodeId, { frame, route, receivedAt: now }, now);
        return;
      case 'challenge':
        this.#host.drop('key-exchange-limit', nodeId, route);
        this.#host.challenge(nodeId, this.#cookies.create(route, nodeId, now.monotonicMs), route);
        return;
      case 'refuse':
        this.#host.drop('key-exchange-limit', nodeId, route);
        return;
    }
  }

  /** A PILS of a node without a session: it needs our keys, and we its. */
  handleSealed(nodeId: number, route: Route, now: Instant): void {
    if (!this.mayRecover(nodeId, now)) return;
    this.#identify(nodeId, { frame: 'recovery', route, receivedAt: now }, now);
  }

  /** May a frame of this node that nothing opens be answered? */
  mayRecover(nodeId: number, now: Instant): boolean {
    return this.#limits.allowsRecovery(this.#host.standingOf(nodeId), now.monotonicMs);
  }

  /** The registry's answer; undefined when there is no key to be had. */
  provide(nodeId: number, publicKey: Uint8Array | undefined, now: Instant): void {
    for (const waiting of this.#identities.provide(nodeId, publicKey, now.monotonicMs)) {
      if (this.#identities.get(nodeId) === undefined) this.#host.drop('peer-unknown', nodeId, waiting.route);
      else this.#verify(nodeId, waiting, now);
    }
  }

  #proofOf(frame: KeyExchangeFrame | KeyRequestFrame, route: Route, now: Instant): Applicant['proof'] {
    if (frame.cookie === undefined) return 'none';
    if (frame.kind === 'key-request') return 'none-asked';
    return this.#cookies.isValid(frame.cookie, route, frame.senderNodeId, now.monotonicMs) ? 'cookie' : 'none';
  }

  #identify(nodeId: number, waiting: WaitingFrame, now: Instant): void {
    if (this.#identities.get(nodeId) === undefined) this.#ask(nodeId, waiting, 'peer-unknown', now);
    else this.#verify(nodeId, waiting, now);
  }

  #verify(nodeId: number, waiting: WaitingFrame, now: Instant): void {
    const { frame, route } = waiting;
    if (frame !== 'recovery' && frame.kind === 'key-exchange') {
      const { x25519PublicKey, ed25519PublicKey, signature } = frame;
      if (!this.#identities.matches(nodeId, ed25519PublicKey)) {
        // The peer may have a new identity: the registry is asked once more, unless it was a moment ago. A pinned key stays
        // whatever it says, but who pinned it hears of it.
        this.#ask(nodeId, waiting, 'identity-mismatch', now);
        return;
      }
      if (!verifySignature(ed25519PublicKey, keyExchangeSignedBytes(nodeId, x25519PublicKey), signature)) {
        this.#host.drop('bad-signature', nodeId, route);
        return;
      }
      if (this.#proven.isOfAnother(nodeId, x25519PublicKey, ed25519PublicKey)) {
        this.#host.drop('key-of-another', nodeId, route);
        return;
      }
    }
    this.#host.accept(nodeId, waiting, now);
  }

  /** @param refusal - Why the frame is dropped when the registry was asked a moment ago. */
  #ask(nodeId: number, waiting: WaitingFrame, refusal: 'peer-unknown' | 'identity-mismatch', now: Instant): void {
    const at = now.monotonicMs;
    const costs = this.#identities.peek(nodeId, at) === 'ask' && this.#host.standingOf(nodeId) === 'stranger';
    if (costs && !this.#limits.allowsLookup(waiting.route, at)) {
      this.#host.drop('lookup-limit', nodeId, waiting.route);
      return;
    }
    const result = this.#identities.ask(nodeId, at, waiting);
    if (result === 'ask') this.#host.askKey(nodeId);
    else if (result === 'refused') this.#host.drop(refusal, nodeId, waiting.route);
  }
}
