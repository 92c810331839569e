import type { Instant } from '../base/clock.ts';
import type { Endpoint } from '../base/transport.ts';
import { parsePeerEndpoint } from '../wire/peer-endpoint.ts';
import type { JsonObject } from '../wire/registry-message.ts';
import { RegistryRefusal } from '../wire/registry-refusal.ts';
import { isRegistryCall, type RegistryCall, readType, writeRefusal, writeReply } from '../wire/registry-request.ts';
import { beaconRequests } from './beacon-requests.ts';
import type { DirectoryChange } from './directory-state.ts';
import { groupRequests } from './group-requests.ts';
import { identityRequests } from './identity-requests.ts';
import { lookupRequests } from './lookup-requests.ts';
import { unixSeconds } from './node-book.ts';
import { type DirectoryOptions, type Handler, type Handlers, RegistryState } from './registry-state.ts';
import { Request } from './request.ts';
import { trustRequests } from './trust-requests.ts';

export type { DirectoryOptions } from './registry-state.ts';

export interface SignedEndpoint {
  readonly nodeId: number;
  readonly endpoint: Endpoint;
}

export interface DirectoryReply {
  readonly reply: JsonObject;
  /** What must be on disk before the reply is sent; shares its records with the directory. */
  readonly changes: readonly DirectoryChange[];
  /** A node to be told by the beacon that a handshake waits for it. */
  readonly notify?: number;
  /** For the beacon, which cannot tell a node from somebody who says its id. */
  readonly signedEndpoint?: SignedEndpoint;
}

/**
 * The registry as pure state: who is registered, in which groups, and who lets whom reach it. One request in, one reply
 * out. Requests and their words are those of running servers; where it is stricter, PROTOCOL.md, "Rendezvous", says why.
 */
export class Directory {
  readonly #state: RegistryState;
  readonly #handlers: Handlers;

  constructor(options: DirectoryOptions = {}) {
    const state = new RegistryState(options);
    this.#state = state;
    this.#handlers = {
      ...identityRequests(state),
      ...lookupRequests(state),
      ...trustRequests(state),
      ...groupRequests(state),
      ...beaconRequests(state),
    };
  }

  /** Goes on from what was written down, in order. */
  static restore(changes: readonly DirectoryChange[], options: DirectoryOptions = {}): Directory {
    const directory = new Directory(options);
    for (const change of changes) directory.#state.apply(change);
    return directory;
  }

  /** Where the present nodes are by their own signature; for a beacon, which forgets where they are when it ends. */
  get signedEndpoints(): readonly SignedEndpoint[] {
    return this.#state.nodes.present.flatMap(({ nodeId, signed, realAddress }) => {
      const endpoint = signed ? parsePeerEndpoint(realAddress) : undefined;
      return endpoint === undefined ? [] : [{ nodeId, endpoint }];
    });
  }

  /** The whole state as changes from nothing; shares its records with the directory. */
  everything(): readonly DirectoryChange[] {
    return this.#state.everything();
  }

  /**
   * Makes an open group without an owner, unless there is one of that name; for the operator of the rendezvous itself.
   *
   * @returns What must be written down.
   */
  ensureGroup(name: string, now: Instant): readonly DirectoryChange[] {
    const { groups } = this.#state;
    if (groups.find(name) === undefined) {
      groups.create({ name, joinRule: 'open', token: '', enterprise: false, created: unixSeconds(now) });
    }
    return this.#state.takeChanges();
  }

  /** Gives away no id that may have been promised in a part of what was written down that is lost. */
  skipIds(): void {
    this.#state.nodes.skipBlock();
    this.#state.groups.skipBlock();
  }

  /** @param source - Where the connection comes from: the address a node is registered under. */
  handle(message: JsonObject, source: Endpoint, now: Instant): DirectoryReply {
    const state = this.#state;
    state.nodes.reap(now);
    state.proofs?.turn(now);
    state.handshakeFor = undefined;
    state.signedEndpoint = undefined;
    const reply = this.#answer(message, source, now);
    return {
      reply,
      changes: state.takeChanges(),
      ...(state.handshakeFor === undefined ? {} : { notify: state.handshakeFor }),
      ...(state.signedEndpoint === undefined ? {} : { signedEndpoint: state.signedEndpoint }),
    };
  }

  #answer(message: JsonObject, source: Endpoint, now: Instant): JsonObject {
    try {
      const type = readType(message);
      if (!isRegistryCall(type)) throw new RegistryRefusal('type-unknown', type.slice(0, 64));
      return this.#answerCall(type, message, source, now);
    } catch (error) {
      if (!(error instanceof RegistryRefusal)) throw error;
      return writeRefusal(error);
    }
  }

  #answerCall<T extends RegistryCall>(type: T, message: JsonObject, source: Endpoint, now: Instant): JsonObject {
    const handler: Handler<T> | undefined = this.#handlers[type];
    if (handler === undefined) throw new RegistryRefusal('type-unknown', type);
    return writeReply(type, handler(new Request(type, message, this.#state.proofs), source, now));
  }
}
