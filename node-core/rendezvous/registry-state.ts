import type { Instant, Millis } from '../base/clock.ts';
import type { Endpoint } from '../base/transport.ts';
import { fromBase64 } from '../wire/registry-message.ts';
import { RegistryRefusal } from '../wire/registry-refusal.ts';
import type { RegistryCall, ReplyOf } from '../wire/registry-request.ts';
import type { DirectoryChange, NodeRecord } from './directory-state.ts';
import { GroupBook } from './group-book.ts';
import { NodeBook } from './node-book.ts';
import { ProofGuard } from './proof-guard.ts';
import type { Request } from './request.ts';
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
  /** Nodes that may be kept of one source address. */
  readonly nodesPerAddress?: number;
  /** Also takes registrations without a signature, as nodes before 1.13 send them. Anybody can make those for any key. */
  readonly acceptUnsigned?: boolean;
  /** Believes only what a node has signed as a whole and just now; stock nodes cannot sign so, and stay out. */
  readonly strict?: boolean;
}

const STALE_AFTER_MS = 300_000;
const NODES_PER_ADDRESS = 2_048;

/** Answers requests of one type. */
export type Handler<T extends RegistryCall> = (request: Request<T>, source: Endpoint, now: Instant) => ReplyOf<T>;
export type Handlers = { readonly [T in RegistryCall]?: Handler<T> };

/** What the handlers share: the state, what came of a request, and who may do what. */
export class RegistryState {
  readonly options: DirectoryOptions;
  readonly nodes: NodeBook;
  readonly groups: GroupBook;
  readonly trust: TrustLedger;
  readonly proofs: ProofGuard | undefined;
  /** A node for which a handshake waits since this request. */
  handshakeFor: number | undefined;
  /** An endpoint that its node has just signed for. */
  signedEndpoint: { readonly nodeId: number; readonly endpoint: Endpoint } | undefined;
  #changes: DirectoryChange[] = [];

  constructor(options: DirectoryOptions) {
    const { staleAfterMs = STALE_AFTER_MS, nodesPerAddress = NODES_PER_ADDRESS } = options;
    const note = (change: DirectoryChange) => this.#changes.push(change);
    this.options = options;
    this.proofs = options.strict ? new ProofGuard() : undefined;
    this.groups = new GroupBook(note);
    this.trust = new TrustLedger(note);
    this.nodes = new NodeBook(
      { staleAfterMs, nodesPerAddress, isTied: (nodeId) => this.trust.involves(nodeId) || this.groups.hold(nodeId) },
      note,
    );
  }

  /** What changed since this was last asked: to be on disk before anybody is told. */
  takeChanges(): readonly DirectoryChange[] {
    const taken = this.#changes;
    this.#changes = [];
    return taken;
  }

  /** Takes in what was written down. */
  apply(change: DirectoryChange): void {
    switch (change.type) {
      case 'node':
        return this.nodes.put(change.node);
      case 'reclaimed':
        return this.nodes.drop(change.nodeId);
      case 'ids':
        this.nodes.skipTo(change.node);
        return this.groups.skipTo(change.network);
      case 'network':
      case 'network-deleted':
      case 'member':
      case 'member-left':
        return this.groups.apply(change);
      case 'consent':
      case 'handshake':
      case 'mailbox-emptied':
        return this.trust.apply(change);
      default:
        change satisfies never;
    }
  }

  /** The whole state as changes from nothing. */
  everything(): DirectoryChange[] {
    const ids = { type: 'ids', node: this.nodes.reservedTo, network: this.groups.reservedTo } as const;
    const nodes = this.nodes.records.map((node): DirectoryChange => ({ type: 'node', node }));
    return [ids, ...nodes, ...this.groups.everything(), ...this.trust.everything()];
  }

  /** @throws RegistryRefusal unless the named node has signed the request. */
  authenticate(request: Request, nodeId: number): NodeRecord {
    const node = this.nodes.require(nodeId);
    request.requireSignature(fromBase64(node.publicKey) ?? new Uint8Array(32));
    return node;
  }

  /** As `authenticate`; the admin token counts in place of the signature. */
  authenticateOrAdmin(request: Request, nodeId: number): NodeRecord {
    return this.#isAdmin(request) ? this.nodes.require(nodeId) : this.authenticate(request, nodeId);
  }

  /** @throws RegistryRefusal without the admin token. */
  requireAdmin(request: Request): void {
    if (!this.options.adminToken) throw new RegistryRefusal('admin-token-unset');
    if (!this.#isAdmin(request)) throw new RegistryRefusal('admin-token-wrong');
  }

  /** Whether a node lets a peer reach it: by its own word, or since they share a group. */
  allows(nodeId: number, peer: number): boolean {
    return this.trust.allows(nodeId, peer) || this.groups.share(nodeId, peer);
  }

  #isAdmin(request: Request): boolean {
    const { adminToken } = this.options;
    return !!adminToken && request.credentials.adminToken === adminToken; // an empty one is none
  }
}
