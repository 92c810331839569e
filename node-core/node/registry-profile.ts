import type { RefusalCode } from '../wire/registry-refusal.ts';

/** Groups to be a member of, and the token each wants; '' for an open one. */
export type Memberships = ReadonlyMap<number, string>;

/** What a node is called, and where it is. */
export interface NodeProfile {
  /** `H:P` of the tunnel socket as peers should dial it. */
  readonly listenAddress: string;
  readonly lanAddresses: readonly string[];
  readonly version: string;
  readonly hostname: string;
  readonly public: boolean;
  readonly tags: readonly string[];
}

/** A peer that this node lets reach it. Without a key it is whoever has the id. */
export interface TrustReport {
  readonly nodeId: number;
  readonly publicKey: Uint8Array | undefined;
}

/** What the registry is told of this node at a registration: all of it as it is then. */
export interface RegistryProfile extends NodeProfile {
  readonly memberships: Memberships;
  readonly trusted: readonly TrustReport[];
}

/**
 * What the registry made of something that this node says of itself: refused, or taken after all. Said once for each thing
 * and reason, however often it is tried.
 */
export interface ProfileNews {
  readonly type: 'profile';
  readonly what: 'hostname' | 'tags' | 'visibility' | 'membership';
  /** What was said: the name, the tags, the id of the group. */
  readonly value: string;
  readonly refused: { readonly code: RefusalCode; readonly reason: string } | undefined;
}

/** That this node goes by another id: `id-lost` when the registry counts its own for another key's or for nobody's. */
export type IdNews =
  | { readonly type: 'id-lost'; readonly nodeId: number; readonly to: 'another-key' | 'nobody' }
  | { readonly type: 'id-changed'; readonly before: number; readonly nodeId: number; readonly address: string };
