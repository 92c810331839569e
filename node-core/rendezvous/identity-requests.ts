import { BoundedMap } from '../base/bounded-map.ts';
import { type Instant, unixMillis } from '../base/clock.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import { type Endpoint, formatEndpoint, parseEndpoint } from '../base/transport.ts';
import { formatAddress } from '../wire/address.ts';
import { parsePeerEndpoint, peerEndpoint } from '../wire/peer-endpoint.ts';
import { fromBase64 } from '../wire/registry-message.ts';
import { RegistryRefusal } from '../wire/registry-refusal.ts';
import type { ReplyOf, RequestOf } from '../wire/registry-request.ts';
import { sourceOf } from '../wire/source-address.ts';
import type { NodeRecord } from './directory-state.ts';
import { unixSeconds } from './node-book.ts';
import type { Handler, Handlers, RegistryState } from './registry-state.ts';
import type { Request } from './request.ts';

const PUBLIC_KEY_LENGTH = 32;
const MAX_LAN_ADDRESSES = 8;
const MAX_VERSION = 64;
const NEW_KEYS_PER_SECOND = 20;
const NEW_KEYS_BURST = 1_000;
const MAX_SOURCES = 1_024;
const MAX_KEY_LIFETIME_MS = 10 * 366 * 86_400_000;
const EXPIRY_WARNING_MS = 86_400_000;

/** Who a node is, and that it lives: register, heartbeat, deregister, and what concerns its key. */
export function identityRequests(state: RegistryState): Handlers {
  const newKeys = new NewKeyLimit(state.options.newKeysPerSecond ?? NEW_KEYS_PER_SECOND);
  return {
    register: (request, source, now) => register(state, newKeys, request, source, now),
    heartbeat: heartbeat(state),
    deregister: deregister(state),
    rotate_key: rotateKey(state),
    set_key_expiry: setKeyExpiry(state),
    get_key_info: ({ fields }) => {
      const { keyCreatedAt, rotations, keyExpiresAt } = state.nodes.require(fields.nodeId);
      return {
        createdAt: new Date(keyCreatedAt).toISOString(),
        rotateCount: rotations,
        expiresAt: timeText(keyExpiresAt),
      };
    },
  };
}

function register(
  state: RegistryState,
  newKeys: NewKeyLimit,
  request: Request<'register'>,
  source: Endpoint,
  now: Instant,
): ReplyOf<'register'> {
  const { publicKey, hostname = '', lanAddresses = [], version = '', relayOnly = false } = request.fields;
  const key = requirePublicKey(publicKey);
  const known = state.nodes.ofKey(publicKey);
  if (request.signed || !state.options.acceptUnsigned) requireOwnSignature(request, key, known);
  else if (known?.signed) throw new RegistryRefusal('signature-dropped');
  const endpoint = observedEndpoint(request.fields, source, relayOnly);
  const lan = literalAddresses(lanAddresses);
  if (known === undefined) newKeys.take(source, now);
  const node = known ?? state.nodes.add(publicKey, source.host, now);
  state.nodes.heard(node, now, {
    realAddress: formatEndpoint(endpoint),
    lanAddresses: lan,
    version: version.slice(0, MAX_VERSION) || node.version,
    relayOnly,
    signed: node.signed || request.signed,
  });
  if (request.signed) state.signedEndpoint = { nodeId: node.nodeId, endpoint };
  return {
    nodeId: node.nodeId,
    networkId: 0,
    address: formatAddress({ network: 0, node: node.nodeId }),
    publicKey,
    observedAddress: node.realAddress,
    protocolVersion: 1,
    ...nameAtRegistration(state, node, hostname),
  };
}

function requireOwnSignature(request: Request<'register'>, key: Uint8Array, known: NodeRecord | undefined): void {
  if (!request.signed && known?.signed) throw new RegistryRefusal('signature-dropped');
  request.requireSignature(key);
}

/** A name that cannot be had fails the naming, never the registration. */
function nameAtRegistration(state: RegistryState, node: NodeRecord, hostname: string) {
  if (hostname === '') return { hostname: node.hostname };
  try {
    state.nodes.name(node, hostname);
    return { hostname };
  } catch (error) {
    if (error instanceof RegistryRefusal) return { hostnameError: error.message };
    throw error;
  }
}

function heartbeat(state: RegistryState): Handler<'heartbeat'> {
  return (request, source, now) => {
    const { nodeId, listenAddress } = request.fields;
    const node = state.authenticate(request, nodeId);
    const expiresInMs =
      node.keyExpiresAt === 0 ? Number.POSITIVE_INFINITY : node.keyExpiresAt - unixMillis(now.unixNano);
    if (expiresInMs <= 0) throw new RegistryRefusal('key-expired', nodeId, timeText(node.keyExpiresAt));
    if (listenAddress === undefined) state.nodes.heard(node, now);
    else {
      const endpoint = observedEndpoint(request.fields, source, node.relayOnly);
      state.nodes.heard(node, now, { realAddress: formatEndpoint(endpoint) });
      state.signedEndpoint = { nodeId, endpoint };
    }
    return { time: unixSeconds(now), keyExpiryWarning: expiresInMs <= EXPIRY_WARNING_MS };
  };
}

/** Nothing to do for a node that is gone is no failure. Memberships stay, so that a restart loses none. */
function deregister(state: RegistryState): Handler<'deregister'> {
  return (request) => {
    const { nodeId } = request.fields;
    if (state.nodes.find(nodeId) !== undefined) state.nodes.remove(state.authenticateOrAdmin(request, nodeId));
    return {};
  };
}

function rotateKey(state: RegistryState): Handler<'rotate_key'> {
  return (request, _source, now) => {
    const node = state.authenticate(request, request.fields.nodeId);
    const { nodeId } = node;
    const { newPublicKey: publicKey } = request.fields;
    requirePublicKey(publicKey);
    state.nodes.changeKey(node, publicKey, request.credentials.signature, now);
    return { nodeId, address: formatAddress({ network: 0, node: nodeId }), publicKey };
  };
}

/** From then on heartbeats are refused, so that the node is gone soon after; a new key has no end. */
function setKeyExpiry(state: RegistryState): Handler<'set_key_expiry'> {
  return (request, _source, now) => {
    const { nodeId, expiresAt } = request.fields;
    const node = state.authenticateOrAdmin(request, nodeId);
    if (!state.groups.inEnterprise(nodeId)) throw new RegistryRefusal('enterprise-only');
    state.nodes.update(node, { keyExpiresAt: parseExpiry(expiresAt, unixMillis(now.unixNano)) });
    return { nodeId, expiresAt: timeText(node.keyExpiresAt) };
  };
}

/** Unix milliseconds; 0 for `never` and for nothing. */
function parseExpiry(text: string, nowMs: number): number {
  if (text === '' || text === 'never') return 0;
  const at = RFC_3339.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at)) throw new RegistryRefusal('expiry-invalid', 'not RFC 3339');
  if (at <= nowMs) throw new RegistryRefusal('expiry-invalid', 'not in the future');
  if (at > nowMs + MAX_KEY_LIFETIME_MS) throw new RegistryRefusal('expiry-invalid', 'more than 10 years ahead');
  return at;
}

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/** RFC 3339, without the milliseconds where there are none; '' for 0. */
function timeText(atMs: number): string {
  return atMs === 0 ? '' : new Date(atMs).toISOString().replace('.000Z', 'Z');
}

function requirePublicKey(text: string): Uint8Array {
  if (text === '') throw new RegistryRefusal('key-missing');
  const key = fromBase64(text);
  if (key === undefined) throw new RegistryRefusal('key-invalid', 'not standard base64');
  if (key.length === PUBLIC_KEY_LENGTH) return key;
  throw new RegistryRefusal('key-invalid', `invalid public key size: ${key.length}`);
}

/**
 * The source address of the connection with the port the node listens on (of the connection, where it names none): nobody can
 * register a foreign address.
 *
 * @throws RegistryRefusal for a host that is no address and for port 0, where nobody can send to; a node that is reached
 *   through the beacon alone may have none.
 */
function observedEndpoint(
  { listenAddress = '' }: Pick<RequestOf<'heartbeat'>, 'listenAddress'>,
  source: Endpoint,
  relayOnly: boolean,
): Endpoint {
  const claimed = parseEndpoint(listenAddress.startsWith(':') ? `0.0.0.0${listenAddress}` : listenAddress);
  if (claimed === undefined || (relayOnly && claimed.port === 0)) return source;
  if (claimed.port === 0) throw new RegistryRefusal('address-invalid', 'listen_addr', 'port 0');
  const observed = peerEndpoint({ host: source.host, port: claimed.port });
  const literal = ANY_HOST.has(claimed.host) || peerEndpoint(claimed) !== undefined;
  if (!literal || observed === undefined) {
    throw new RegistryRefusal('address-invalid', 'listen_addr', 'not an IP address and port');
  }
  return observed;
}

const ANY_HOST = new Set(['0.0.0.0', '::']);

/** The first few that are one machine's; what is no such address is no one's way to the node. */
function literalAddresses(texts: readonly string[]): string[] {
  const literal = texts.slice(0, 4 * MAX_LAN_ADDRESSES).flatMap((text) => parsePeerEndpoint(text) ?? []);
  return literal.slice(0, MAX_LAN_ADDRESSES).map(formatEndpoint);
}

/** Bounds what one source can add to the state, which is kept. */
class NewKeyLimit {
  readonly #perSecond: number;
  readonly #buckets = new BoundedMap<string, TokenBucket>(MAX_SOURCES);

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** @throws RegistryRefusal */
  take({ host }: Endpoint, now: Instant): void {
    const limits = { burst: Math.max(NEW_KEYS_BURST, this.#perSecond), perSecond: this.#perSecond };
    const source = sourceOf(host);
    const bucket = this.#buckets.get(source) ?? new TokenBucket(limits, now.monotonicMs);
    this.#buckets.set(source, bucket);
    if (!bucket.take(now.monotonicMs)) throw new RegistryRefusal('rate-limited', 'new keys from this address');
  }
}
