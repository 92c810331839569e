import { equalBytes } from '../base/bytes.ts';
import type { Instant } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import type { Endpoint } from '../base/transport.ts';
import { parsePeerEndpoint } from '../wire/peer-endpoint.ts';
import { fromBase64 } from '../wire/registry-message.ts';
import { type RefusalCode, refusalCodeOf } from '../wire/registry-refusal.ts';
import type { RegistryCall, ReplyOf, RequestOf } from '../wire/registry-request.ts';
import type { Answer, TracedCall } from './registry-call.ts';
import type { ProfileNews, RegistryProfile } from './registry-profile.ts';
import { type KeyRotation, rotationsOf } from './trusted-peers.ts';

export type TellerEvent =
  /** The beacons it lists, in its order. */
  | { readonly type: 'beacons'; readonly endpoints: readonly Endpoint[] }
  /** The key that the registry names for a trusted peer. */
  | {
      readonly type: 'peer-key';
      readonly nodeId: number;
      readonly publicKey: Uint8Array;
      readonly rotations: readonly KeyRotation[];
    }
  | ProfileNews;

export interface TellerHost {
  readonly profile: () => RegistryProfile;
  nodeId(): number;
  tell<T extends RegistryCall>(
    type: T,
    request: RequestOf<T>,
    answer: Answer<T>,
    now: Instant,
    traced?: TracedCall,
  ): void;
  emit(event: TellerEvent): void;
}

/** Reasons that have nothing to do with what was said. */
const PASSING: ReadonlySet<RefusalCode> = new Set<RefusalCode>(['rate-limited', 'not-saved']);

/** What a registered node says of itself beside its address, and what its registry makes of that. */
export class ProfileTeller {
  readonly #host: TellerHost;
  /** Trusted peers of which the registry does not know yet. */
  readonly #unreported = new Set<number>();
  /** What was refused, and why. */
  readonly #refusals = new Map<string, string>();
  /** Something did not reach the registry, or came at a bad moment. */
  #untold = false;

  constructor(host: TellerHost) {
    this.#host = host;
  }

  /** Tells again what a registry without memory does not know. */
  tellAll(now: Instant): void {
    this.#untold = false;
    const profile = this.#host.profile();
    const nodeId = this.#host.nodeId();
    if (profile.public) {
      this.#host.tell('set_visibility', { nodeId, public: true }, this.#news('visibility', 'public'), now);
    }
    this.#sayName(now);
    if (profile.tags.length > 0) {
      this.#host.tell('set_tags', { nodeId, tags: profile.tags }, this.#news('tags', profile.tags.join(', ')), now);
    }
    for (const peer of profile.trusted) this.#unreported.add(peer.nodeId);
    this.#reportTrust(now);
    this.#listBeacons(now);
    if (profile.memberships.size === 0) return;
    this.#host.tell('lookup', { nodeId }, (result, at) => this.#rejoin(result, at), now);
  }

  #sayName(now: Instant): void {
    const { hostname } = this.#host.profile();
    if (hostname === '') return;
    this.#host.tell('set_hostname', { nodeId: this.#host.nodeId(), hostname }, this.#news('hostname', hostname), now);
  }

  /** Takes the answer to something that this node said of itself. */
  #news(what: ProfileNews['what'], value: string): (result: object) => void {
    const key = `${what} ${value}`;
    return (result) => {
      const code = refusalCodeOf(result);
      if (result instanceof PilotError && (code === undefined || PASSING.has(code))) {
        this.#untold = true;
        return;
      }
      if (this.#refusals.get(key) === code) return;
      if (code === undefined) this.#refusals.delete(key);
      else this.#refusals.set(key, code);
      const refused = code === undefined ? undefined : { code, reason: (result as PilotError).message };
      this.#host.emit({ type: 'profile', what, value, refused });
    };
  }

  /**
   * A registry without memory refuses a peer that is not back yet, so this is tried again with each heartbeat. A registry
   * counts trust by id: it is told only while the id still belongs to the key that is trusted.
   */
  #reportTrust(now: Instant): void {
    const trusted = new Map(this.#host.profile().trusted.map((peer) => [peer.nodeId, peer.publicKey]));
    for (const nodeId of this.#unreported) {
      const publicKey = trusted.get(nodeId);
      if (!trusted.has(nodeId)) this.#unreported.delete(nodeId);
      else if (publicKey === undefined) this.#report(nodeId, now);
      else this.#host.tell('lookup', { nodeId }, (result, at) => this.#reportKnown(nodeId, publicKey, result, at), now);
    }
  }

  #reportKnown(nodeId: number, trusted: Uint8Array, result: ReplyOf<'lookup'> | PilotError, now: Instant): void {
    const publicKey = result instanceof PilotError ? undefined : fromBase64(result.publicKey);
    if (publicKey === undefined || result instanceof PilotError) return;
    if (equalBytes(publicKey, trusted)) return this.#report(nodeId, now);
    this.#host.emit({ type: 'peer-key', nodeId, publicKey, rotations: rotationsOf(result) });
  }

  #report(peerId: number, now: Instant): void {
    const reported: Answer<'report_trust'> = (result) => {
      if (!(result instanceof PilotError)) this.#unreported.delete(peerId);
    };
    this.#host.tell('report_trust', { nodeId: this.#host.nodeId(), peerId }, reported, now);
  }

  /** Joins the groups that the registry does not count this node in. */
  #rejoin(result: ReplyOf<'lookup'> | PilotError, now: Instant): void {
    const known = result instanceof PilotError ? [] : result.networks;
    for (const [networkId, token] of this.#host.profile().memberships) {
      if (known.includes(networkId)) continue;
      const request = { nodeId: this.#host.nodeId(), networkId, inviterId: 0, token };
      this.#host.tell('join_network', request, this.#news('membership', String(networkId)), now);
    }
  }

  /** With each heartbeat: what may be taken now, and what may have changed. */
  tellAgain(now: Instant): void {
    if (this.#untold) return this.tellAll(now);
    if (this.#isNameRefused()) this.#sayName(now);
    this.#reportTrust(now);
    this.#listBeacons(now);
  }

  /** @param done - Called when the registry knows, or when there is no name to give up. */
  giveUpName(done: () => void, now: Instant): void {
    if (this.#host.profile().hostname === '' || this.#isNameRefused()) return done();
    this.#host.tell('set_hostname', { nodeId: this.#host.nodeId(), hostname: '' }, done, now);
  }

  #isNameRefused(): boolean {
    return this.#refusals.has(`hostname ${this.#host.profile().hostname}`);
  }

  /** A registry that lists none, or cannot, is as good. */
  #listBeacons(now: Instant): void {
    const listed: Answer<'beacon_list'> = (result) => {
      if (result instanceof PilotError) return;
      const endpoints = result.beacons.flatMap(({ endpoint }) => parsePeerEndpoint(endpoint) ?? []);
      this.#host.emit({ type: 'beacons', endpoints });
    };
    this.#host.tell('beacon_list', {}, listed, now, 'untraced');
  }
}
