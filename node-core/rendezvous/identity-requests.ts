import type { Instant } from '../base/clock.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import { type Endpoint, formatEndpoint, parseEndpoint } from '../base/transport.ts';
import { formatAddress } from '../wire/address.ts';
import { fromBase64, type JsonObject } from '../wire/registry-message.ts';
import type { NodeRecord } from './directory-state.ts';
import { unixSeconds } from './node-book.ts';
import type { Handler, RegistryState } from './registry-state.ts';
import { type Request, RequestError, requireSignature } from './request.ts';

const PUBLIC_KEY_LENGTH = 32;
const MAX_LAN_ADDRESSES = 16;
const MAX_TEXT = 256;
const NEW_KEYS_PER_SECOND = 20;
const NEW_KEYS_BURST = 1_000;
const MAX_SOURCES = 1_024;

/** Who a node is, and that it lives: register, heartbeat, deregister, rotate_key, get_key_info. */
export function identityRequests(state: RegistryState): Readonly<Record<string, Handler>> {
  const newKeys = new NewKeyLimit(state.options.newKeysPerSecond ?? NEW_KEYS_PER_SECOND);
  return {
    register: (request, source, now) => register(state, newKeys, request, source, now),
    heartbeat: (request, source, now) => heartbeat(state, request, source, now),
    deregister: (request) => deregister(state, request),
    rotate_key: (request, _source, now) => rotateKey(state, request, now),
    get_key_info: (request) => {
      const node = state.nodes.require(request.uint('node_id', 32));
      return { created_at: new Date(node.keyCreatedAt).toISOString(), rotate_count: node.rotations };
    },
  };
}

function register(
  state: RegistryState,
  newKeys: NewKeyLimit,
  request: Request,
  source: Endpoint,
  now: Instant,
): JsonObject {
  const publicKey = request.text('public_key');
  const key = requirePublicKey(publicKey);
  const known = state.nodes.ofKey(publicKey);
  const signed = request.text('signature') !== '';
  if (signed) requireSignature(request, key);
  else if (known?.signed) throw new RequestError('unsigned registration cannot modify a signature-verified key');
  if (known === undefined) newKeys.take(source, now);
  const node = known ?? state.nodes.add(publicKey, now);
  const endpoint = observedEndpoint(request, source);
  updateRecord(node, request, endpoint, signed);
  state.nodes.heard(node, now);
  if (signed) state.signedEndpoint = { nodeId: node.nodeId, endpoint };
  state.changed = true;
  return {
    node_id: node.nodeId,
    network_id: 0,
    address: formatAddress({ network: 0, node: node.nodeId }),
    public_key: publicKey,
    observed_addr: node.realAddress,
    protocol_version: 1,
    ...nameAtRegistration(state, node, request),
  };
}

function updateRecord(node: NodeRecord, request: Request, endpoint: Endpoint, signed: boolean): void {
  const lan = request.texts('lan_addrs').slice(0, MAX_LAN_ADDRESSES);
  node.realAddress = formatEndpoint(endpoint);
  node.lanAddresses = lan.filter((text) => parseEndpoint(text) !== undefined);
  node.owner ||= request.text('owner').slice(0, MAX_TEXT);
  node.version = request.text('version').slice(0, MAX_TEXT) || node.version;
  node.relayOnly = request.truth('relay_only');
  node.signed ||= signed;
}

/** A name that cannot be had fails the naming, never the registration. */
function nameAtRegistration(state: RegistryState, node: NodeRecord, request: Request): JsonObject {
  const hostname = request.text('hostname');
  if (hostname === '') return node.hostname === '' ? {} : { hostname: node.hostname };
  try {
    state.nodes.name(node, hostname);
    return { hostname };
  } catch (error) {
    if (error instanceof RequestError) return { hostname_error: error.message };
    throw error;
  }
}

function heartbeat(state: RegistryState, request: Request, source: Endpoint, now: Instant): JsonObject {
  const node = state.authenticate(request, 'node_id');
  if (request.has('listen_addr')) {
    const endpoint = observedEndpoint(request, source);
    const address = formatEndpoint(endpoint);
    if (node.realAddress !== address) state.changed = true;
    node.realAddress = address;
    state.signedEndpoint = { nodeId: node.nodeId, endpoint };
  }
  state.nodes.heard(node, now);
  return { time: unixSeconds(now) };
}

/** Nothing to do for a node that is gone is no failure. Memberships stay, so that a restart loses none. */
function deregister(state: RegistryState, request: Request): JsonObject {
  if (state.nodes.find(request.uint('node_id', 32)) === undefined) return {};
  state.nodes.remove(state.authenticateOrAdmin(request, 'node_id'));
  state.changed = true;
  return {};
}

function rotateKey(state: RegistryState, request: Request, now: Instant): JsonObject {
  const node = state.authenticate(request, 'node_id');
  const publicKey = request.text('new_public_key');
  requirePublicKey(publicKey);
  state.nodes.changeKey(node, publicKey, request.text('signature'), now);
  state.changed = true;
  return { node_id: node.nodeId, address: formatAddress({ network: 0, node: node.nodeId }), public_key: publicKey };
}

function requirePublicKey(text: string): Uint8Array {
  if (text === '') throw new RequestError('public key required');
  const key = fromBase64(text);
  if (key === undefined) throw new RequestError('invalid public key: not standard base64');
  if (key.length === PUBLIC_KEY_LENGTH) return key;
  throw new RequestError(`invalid public key: invalid public key size: ${key.length}`);
}

/** The source address of the connection with the port the node listens on: nobody can register a foreign address. */
function observedEndpoint(request: Request, source: Endpoint): Endpoint {
  const port = /:(\d{1,5})$/.exec(request.text('listen_addr'))?.[1];
  return { host: source.host, port: port === undefined || Number(port) > 65_535 ? source.port : Number(port) };
}

/** Bounds what one address can add to the state, which is kept for ever. */
class NewKeyLimit {
  readonly #perSecond: number;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** @throws RequestError */
  take(source: Endpoint, now: Instant): void {
    const limits = { burst: Math.max(NEW_KEYS_BURST, this.#perSecond), perSecond: this.#perSecond };
    const bucket = this.#buckets.get(source.host) ?? new TokenBucket(limits, now.monotonicMs);
    this.#buckets.set(source.host, bucket);
    if (this.#buckets.size > MAX_SOURCES) this.#buckets.delete(this.#buckets.keys().next().value as string);
    if (!bucket.take(now.monotonicMs)) throw new RequestError('rate limited: too many new keys from this address');
  }
}
