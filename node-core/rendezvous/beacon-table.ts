import type { Millis } from '../base/clock.ts';
import { type Endpoint, formatEndpoint } from '../base/transport.ts';
import { peerEndpoint } from '../wire/peer-endpoint.ts';
import { sourceOf } from '../wire/source-address.ts';

export interface BeaconTableLimits {
  readonly nodes: number;
  /** Of the nodes, those that no signature is known of; the rest of the room is for those that have signed. */
  readonly unsigned: number;
  /** Unsigned node ids that one address (of IPv6 a /64) may say it is. */
  readonly unsignedPerAddress: number;
  /** A node that asked for nothing so long is forgotten. */
  readonly lifetimeMs: Millis;
  /** A node may move to another IP address only after it was quiet so long; to another port at once. */
  readonly moveAfterMs: Millis;
  /** An endpoint that its node has signed for is not given away before the node was quiet so long. */
  readonly holdMs: Millis;
}

export interface KnownNode {
  readonly endpoint: Endpoint;
  readonly seenAt: Millis;
  /** Asked with discover-ex: several nodes live there, so it is told whom a relayed frame is for. */
  readonly wantsDestination: boolean;
  /** The address whose share it counts against; undefined when the node has signed. */
  readonly unsignedFrom: string | undefined;
}

export type TableRefusal = 'table-full' | 'address-full' | 'moved' | 'claimed';

/** What a node has registered under its signature. */
interface Signed {
  readonly endpoint: Endpoint;
  /** Until then nobody at another address may take a place that is empty: its owner is about to come. */
  readonly heldUntil: Millis;
}

/** How good a claim to a node's id is: of the endpoint it signed for, of another port there, of somebody elsewhere. */
const CLAIM = { elsewhere: 0, sameHost: 1, signed: 2 } as const;
type Claim = (typeof CLAIM)[keyof typeof CLAIM];

/**
 * Where nodes are, as a beacon hears of it. Nobody signs that, but the registry knows what nodes have signed for: the better
 * claim to an id wins at once, a lesser one has to wait until the better was quiet.
 */
export class BeaconTable {
  readonly #limits: BeaconTableLimits;
  readonly #nodes = new Map<number, KnownNode>();
  readonly #signed = new Map<number, Signed>();
  readonly #unsignedBy = new Map<string, number>();
  #unsigned = 0;

  constructor(limits: BeaconTableLimits) {
    this.#limits = limits;
  }

  find(nodeId: number): KnownNode | undefined {
    return this.#nodes.get(nodeId);
  }

  /** Whether the node has signed for that endpoint. */
  isSigned(nodeId: number, from: Endpoint): boolean {
    return this.#claimOf(nodeId, from) === CLAIM.signed;
  }

  /** A node signed for an endpoint before this beacon ran. Its place is kept for it until it has had time to ask. */
  expect(nodeId: number, endpoint: Endpoint, nowMs: Millis): void {
    if (peerEndpoint(endpoint) !== undefined) this.#sign(nodeId, { endpoint, heldUntil: nowMs + this.#limits.holdMs });
  }

  /** A node has signed for an endpoint. Whoever else sat in its place loses it, and cannot take it back meanwhile. */
  confirm(nodeId: number, endpoint: Endpoint, nowMs: Millis): void {
    if (peerEndpoint(endpoint) === undefined) return; // nobody can be there
    const before = this.#signed.get(nodeId);
    const news = before === undefined || formatEndpoint(before.endpoint) !== formatEndpoint(endpoint);
    const heldUntil = before?.heldUntil ?? nowMs;
    if (!news || !this.#sign(nodeId, { endpoint, heldUntil })) return;
    const known = this.#nodes.get(nodeId);
    if (known === undefined) return;
    if (this.#claimOf(nodeId, known.endpoint) === CLAIM.elsewhere) {
      this.#forget(nodeId);
      this.#sign(nodeId, { endpoint, heldUntil: nowMs + this.#limits.holdMs });
    } else this.#keep(nodeId, { ...known, unsignedFrom: undefined });
  }

  /** Takes note that a node asked from there; or says why not. */
  remember(nodeId: number, from: Endpoint, nowMs: Millis, wantsDestination: boolean): TableRefusal | undefined {
    const known = this.#nodes.get(nodeId);
    const refusal =
      known === undefined ? this.#refusesNew(nodeId, from, nowMs) : this.#refusesMove(nodeId, known, from, nowMs);
    if (refusal !== undefined) return refusal;
    const unsignedFrom = this.#signed.has(nodeId) ? undefined : (known?.unsignedFrom ?? sourceOf(from.host));
    this.#keep(nodeId, { endpoint: from, seenAt: nowMs, wantsDestination, unsignedFrom });
    return undefined;
  }

  /** Forgets who asked for nothing for too long. */
  sweep(nowMs: Millis): void {
    for (const [nodeId, { seenAt }] of this.#nodes) {
      if (nowMs - seenAt > this.#limits.lifetimeMs) this.#forget(nodeId);
    }
  }

  #refusesNew(nodeId: number, from: Endpoint, nowMs: Millis): TableRefusal | undefined {
    const signed = this.#signed.get(nodeId);
    if (signed !== undefined && nowMs < signed.heldUntil && this.#claimOf(nodeId, from) === CLAIM.elsewhere)
      return 'claimed';
    if (this.#nodes.size >= this.#limits.nodes) return 'table-full';
    if (signed !== undefined) return undefined;
    if (this.#unsigned >= this.#limits.unsigned) return 'table-full';
    const taken = this.#unsignedBy.get(sourceOf(from.host)) ?? 0;
    return taken >= this.#limits.unsignedPerAddress ? 'address-full' : undefined;
  }

  #refusesMove(nodeId: number, known: KnownNode, from: Endpoint, nowMs: Millis): TableRefusal | undefined {
    if (formatEndpoint(known.endpoint) === formatEndpoint(from)) return undefined;
    const quietMs = nowMs - known.seenAt;
    const [old, fresh] = [this.#claimOf(nodeId, known.endpoint), this.#claimOf(nodeId, from)];
    if (fresh > old) return undefined;
    if (fresh < old) return quietMs < this.#limits.holdMs ? 'claimed' : undefined;
    return known.endpoint.host !== from.host && quietMs < this.#limits.moveAfterMs ? 'moved' : undefined;
  }

  #claimOf(nodeId: number, from: Endpoint): Claim {
    const endpoint = this.#signed.get(nodeId)?.endpoint;
    if (endpoint === undefined || endpoint.host !== from.host) return CLAIM.elsewhere;
    return endpoint.port === from.port ? CLAIM.signed : CLAIM.sameHost;
  }

  #sign(nodeId: number, signed: Signed): boolean {
    if (this.#signed.size >= this.#limits.nodes && !this.#signed.has(nodeId)) return false;
    this.#signed.set(nodeId, signed);
    return true;
  }

  #keep(nodeId: number, node: KnownNode): void {
    this.#forget(nodeId);
    this.#nodes.set(nodeId, node);
    this.#countUnsigned(node, 1);
  }

  #forget(nodeId: number): void {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) return;
    this.#nodes.delete(nodeId);
    this.#countUnsigned(node, -1);
  }

  #countUnsigned({ unsignedFrom }: KnownNode, change: 1 | -1): void {
    if (unsignedFrom === undefined) return;
    const taken = (this.#unsignedBy.get(unsignedFrom) ?? 0) + change;
    this.#unsigned += change;
    if (taken === 0) this.#unsignedBy.delete(unsignedFrom);
    else this.#unsignedBy.set(unsignedFrom, taken);
  }
}
