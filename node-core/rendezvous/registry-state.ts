import type { Instant, Millis } from '../base/clock.ts';
import type { Endpoint } from '../base/transport.ts';
import { fromBase64, type JsonObject } from '../wire/registry-message.ts';
import type { NodeRecord } from './directory-state.ts';
import { GroupBook } from './group-book.ts';
import { NodeBook } from './node-book.ts';
import { type Request, RequestError, requireSignature } from './request.ts';
import { TrustLedger } from './trust-ledger.ts';

export interface DirectoryOptions {
  /** Without one, or with an empty one, nobody can create groups over the wire. */
  readonly adminToken?: string;
  /** `H:P` of the beacon, which stands in for the address of a node that hides its own. */
  readonly beaconAddress?: string;
  /** A node that sent no heartbeat so long is gone; its id, memberships and trust stay. */
  readonly staleAfterMs?: Millis;
  /** Keys never seen before, per second and source address; a burst of a thousand is fine, as when a fleet starts. */
  readonly newKeysPerSecond?: number;
}

const STALE_AFTER_MS = 300_000;

/** Answers one type of request. */
export type Handler = (request: Request, source: Endpoint, now: Instant) => JsonObject;

/** What the handlers share: the state, what came of a request, and who may do what. */
export class RegistryState {
  readonly options: DirectoryOptions;
  readonly nodes: NodeBook;
  readonly groups = new GroupBook();
  readonly trust = new TrustLedger();
  /** Something changed that must be on disk before the reply is sent. */
  changed = false;
  /** A node for which a handshake waits since this request. */
  handshakeFor: number | undefined;
  /** An endpoint that its node has just signed for. */
  signedEndpoint: { readonly nodeId: number; readonly endpoint: Endpoint } | undefined;

  constructor(options: DirectoryOptions) {
    this.options = options;
    this.nodes = new NodeBook(options.staleAfterMs ?? STALE_AFTER_MS);
  }

  /** @throws RequestError unless the named node has signed the request. */
  authenticate(request: Request, field: string): NodeRecord {
    const node = this.nodes.require(request.uint(field, 32));
    requireSignature(request, fromBase64(node.publicKey) ?? new Uint8Array(32));
    return node;
  }

  /** As `authenticate`; the admin token counts in place of the signature. */
  authenticateOrAdmin(request: Request, field: string): NodeRecord {
    return this.#isAdmin(request) ? this.nodes.require(request.uint(field, 32)) : this.authenticate(request, field);
  }

  /** @throws RequestError without the admin token. */
  requireAdmin(request: Request): void {
    if (!this.options.adminToken) {
      throw new RequestError('cannot administer this registry: it has no admin token');
    }
    if (!this.#isAdmin(request)) throw new RequestError('invalid admin token');
  }

  /** Whether a node lets a peer reach it: by its own word, or since they share a group. */
  allows(nodeId: number, peer: number): boolean {
    return this.trust.allows(nodeId, peer) || this.groups.share(nodeId, peer);
  }

  #isAdmin(request: Request): boolean {
    const { adminToken } = this.options;
    return !!adminToken && request.text('admin_token') === adminToken; // an empty one is none
  }
}
