import { type Instant, unixMillis } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import type { TunnelTable } from '../tunnel/tunnel-table.ts';
import { refusalCodeOf } from '../wire/registry-refusal.ts';
import type { PeerLookups } from './peer-lookups.ts';
import type { Answer, RegistryCaller } from './registry-call.ts';
import type { TrustReport } from './registry-profile.ts';
import { type IdentityChange, type KeyRotation, type TrustedPeer, TrustedPeers } from './trusted-peers.ts';

/** What the owner of a node hears of trust and identities. */
export type TrustEvent =
  /** The registry names another identity for a node than before. */
  | ({ readonly type: 'identity-changed' } & IdentityChange)
  /** Whom this node trusts from now on, all of them: to be kept for its next life. */
  | { readonly type: 'trust'; readonly peers: readonly TrustedPeer[] };

export interface TrustHost {
  readonly tunnels: TunnelTable;
  readonly lookups: Pick<PeerLookups, 'askKey' | 'forgetTrust'>;
  readonly call: RegistryCaller;
  nodeId(): number;
  /** The identity that the session with a peer stands on. */
  sessionKey(nodeId: number): Uint8Array | undefined;
  emit(event: TrustEvent): void;
}

/**
 * Whom this node lets reach it, as its registry, its tunnels and its owner are told. The registry's consent names an id; the
 * pin in the tunnels sees to it that nobody but the holder of the trusted key is taken for that id.
 */
export class Trust {
  readonly #host: TrustHost;
  readonly #peers: TrustedPeers;
  /** Of whom the registry is told that they are let in. */
  readonly #granted: Set<number>;

  constructor(host: TrustHost, peers: readonly TrustedPeer[]) {
    this.#host = host;
    this.#peers = new TrustedPeers(peers);
    this.#granted = new Set(peers.map(({ nodeId }) => nodeId));
    for (const { nodeId, publicKey } of peers) host.tunnels.pin(nodeId, publicKey);
  }

  /** Of whom the registry is to be told that they are let in, and under which key, where one is known. */
  get reports(): readonly TrustReport[] {
    return [...this.#granted].map((nodeId) => ({ nodeId, publicKey: this.#peers.keyOf(nodeId) }));
  }

  peers(): readonly TrustedPeer[] {
    return this.#peers.all();
  }

  /** The key that the registry names for a trusted peer, and that nobody but it vouches for. */
  refusedKeyOf(nodeId: number): Uint8Array | undefined {
    return this.#peers.refusedKeyOf(nodeId);
  }

  /**
   * @param publicKey - The key to trust, also in place of another; else the one trusted before, that of the session, or the
   *   one the registry names.
   */
  grant(nodeId: number, publicKey: Uint8Array | undefined, answer: Answer<'report_trust'>, now: Instant): void {
    const settled: Answer<'report_trust'> = (result, at) => {
      if (!(result instanceof PilotError)) {
        this.#granted.add(nodeId);
        this.#host.lookups.forgetTrust(nodeId);
        const key = publicKey ?? this.#peers.keyOf(nodeId) ?? this.#host.sessionKey(nodeId);
        if (key !== undefined) this.#pin(nodeId, key, at);
        else this.#host.lookups.askKey(nodeId, (told, later) => this.#pinFirst(nodeId, told, later), at);
      }
      answer(result, at);
    };
    this.#host.call('report_trust', { nodeId: this.#host.nodeId(), peerId: nodeId }, settled, now);
  }

  /** A registry that knows of no such trust has nothing to take back; one that does not answer leaves all as it was. */
  revoke(nodeId: number, answer: Answer<'revoke_trust'>, now: Instant): void {
    const settled: Answer<'revoke_trust'> = (result, at) => {
      const done = !(result instanceof PilotError) || refusalCodeOf(result) === 'trust-unknown';
      if (!done) return answer(result, at);
      this.#granted.delete(nodeId);
      this.#host.lookups.forgetTrust(nodeId);
      this.#host.tunnels.unpin(nodeId);
      if (this.#peers.remove(nodeId)) this.#emitPeers();
      answer(result instanceof PilotError ? {} : result, at);
    };
    this.#host.call('revoke_trust', { nodeId: this.#host.nodeId(), peerId: nodeId }, settled, now);
  }

  /** A session is up: a peer that was trusted before its key was known is pinned by it. */
  sessionUp(nodeId: number, publicKey: Uint8Array, now: Instant): void {
    this.#pinFirst(nodeId, publicKey, now);
  }

  /** The registry named this key for a node. */
  identityTold(nodeId: number, publicKey: Uint8Array, rotations: readonly KeyRotation[]): void {
    const change = this.#peers.observe(nodeId, publicKey, rotations);
    if (change === undefined) return;
    switch (change.verdict) {
      case 'rotated':
        this.#host.tunnels.pin(nodeId, publicKey);
        this.#emitPeers();
        break;
      case 'refused':
        // The registry's consent is by id alone: it is not repeated for somebody else.
        this.#granted.delete(nodeId);
        break;
      case 'accepted':
        this.#host.lookups.forgetTrust(nodeId);
        break;
      default:
        throw change.verdict satisfies never;
    }
    this.#host.emit({ type: 'identity-changed', ...change });
  }

  #pinFirst(nodeId: number, publicKey: Uint8Array | undefined, now: Instant): void {
    if (publicKey === undefined || this.#peers.keyOf(nodeId) !== undefined) return;
    if (this.#granted.has(nodeId)) this.#pin(nodeId, publicKey, now);
  }

  #pin(nodeId: number, publicKey: Uint8Array, now: Instant): void {
    const replaces = this.#peers.keyOf(nodeId) !== undefined;
    if (!this.#peers.trust(nodeId, publicKey, unixMillis(now.unixNano))) return;
    this.#host.tunnels.pin(nodeId, publicKey);
    // Whoever had the old key is another node now.
    if (replaces) this.#host.tunnels.close(nodeId, now);
    this.#emitPeers();
  }

  #emitPeers(): void {
    this.#host.emit({ type: 'trust', peers: this.#peers.all() });
  }
}
