import type { Instant } from '../base/clock.ts';
import type { Endpoint } from '../base/transport.ts';
import type { JsonObject } from '../wire/registry-message.ts';
import { beaconRequests } from './beacon-requests.ts';
import type { DirectorySnapshot } from './directory-state.ts';
import { groupRequests } from './group-requests.ts';
import { identityRequests } from './identity-requests.ts';
import { lookupRequests } from './lookup-requests.ts';
import { unixSeconds } from './node-book.ts';
import { type DirectoryOptions, type Handler, RegistryState } from './registry-state.ts';
import { Request, RequestError } from './request.ts';
import { trustRequests } from './trust-requests.ts';

export type { DirectoryOptions } from './registry-state.ts';

export interface DirectoryReply {
  readonly reply: JsonObject;
  /** True when something changed that must be on disk before the reply is sent. */
  readonly changed: boolean;
  /** A node to be told by the beacon that a handshake waits for it. */
  readonly notify?: number;
  /** For the beacon, which cannot tell a node from somebody who says its id. */
  readonly signedEndpoint?: { readonly nodeId: number; readonly endpoint: Endpoint };
}

/**
 * The registry as pure state: who is registered, in which groups, and who lets whom reach it. One request in, one reply
 * out. Requests and their words are those of running servers; where it is stricter, PROTOCOL.md, "Rendezvous", says why.
 */
export class Directory {
  readonly #state: RegistryState;
  readonly #handlers: ReadonlyMap<string, Handler>;

  constructor(options: DirectoryOptions = {}) {
    const state = new RegistryState(options);
    this.#state = state;
    this.#handlers = new Map(
      [identityRequests, lookupRequests, trustRequests, groupRequests, beaconRequests].flatMap((make) =>
        Object.entries(make(state)),
      ),
    );
  }

  static restore(snapshot: DirectorySnapshot, options: DirectoryOptions = {}): Directory {
    const directory = new Directory(options);
    const { nodes, groups, trust } = directory.#state;
    nodes.restore(snapshot.nodes, snapshot.nextNodeId);
    groups.restore(snapshot.networks, snapshot.nextNetworkId);
    trust.restore(snapshot.consents, snapshot.mailbox);
    return directory;
  }

  /** Shares its records with the directory: to be written down before the next request is handled. */
  snapshot(): DirectorySnapshot {
    const { nodes, groups, trust } = this.#state;
    return {
      format: 'flightdeck-directory/1',
      nextNodeId: nodes.nextNodeId,
      nextNetworkId: groups.nextNetworkId,
      nodes: [...nodes.records],
      networks: groups.networks,
      consents: trust.consents,
      mailbox: [...trust.mailbox],
    };
  }

  /** Makes an open group without an owner, unless there is one of that name; for the operator of the rendezvous itself. */
  ensureGroup(name: string, now: Instant): void {
    const { groups } = this.#state;
    if (groups.find(name) !== undefined) return;
    groups.create({ name, joinRule: 'open', token: '', enterprise: false, created: unixSeconds(now) });
  }

  /** @param source - Where the connection comes from: the address a node is registered under. */
  handle(fields: JsonObject, source: Endpoint, now: Instant): DirectoryReply {
    const state = this.#state;
    const reaped = state.nodes.reap(now);
    state.changed = false;
    state.handshakeFor = undefined;
    state.signedEndpoint = undefined;
    const reply = this.#answer(new Request(fields), source, now);
    return {
      reply,
      changed: state.changed || reaped,
      ...(state.handshakeFor === undefined ? {} : { notify: state.handshakeFor }),
      ...(state.signedEndpoint === undefined ? {} : { signedEndpoint: state.signedEndpoint }),
    };
  }

  #answer(request: Request, source: Endpoint, now: Instant): JsonObject {
    try {
      const handler = this.#handlers.get(request.type);
      if (handler === undefined) throw new RequestError(`unknown message type "${request.type.slice(0, 64)}"`);
      return { ...handler(request, source, now), type: `${request.type}_ok` };
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return { type: 'error', error: error.message };
    }
  }
}
