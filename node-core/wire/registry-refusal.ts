import { PilotError } from '../base/errors.ts';

type Says = (...details: never[]) => string;
interface Refusal {
  /** What a registry's words must hold to mean this, whoever wrote them. */
  readonly meant: RegExp;
  /** The words of our own registry: those of running servers, where they have any. */
  readonly says: Says;
}

const refusal = <S extends Says>(meant: RegExp, says: S) => ({ meant, says });

/**
 * Why a registry refuses. Its English is all that goes over the wire, so this is the one table that turns reasons into
 * words and words into reasons; the first that fits counts.
 *
 * Running servers hide words that do not hold one of: rate limited, enterprise feature, expired, already, not a member,
 * cannot, too many, too long, not found, invalid, require, signature.
 */
const REFUSALS = {
  'rate-limited': refusal(/rate limited/, (what: string) => `rate limited: too many ${what}`),
  'node-unknown': refusal(/node not found/, (nodeId: number) => `node ${nodeId}: node not found`),
  'signature-missing': refusal(/^signature required/, () => 'signature required for authenticated node'),
  'signature-malformed': refusal(
    /^invalid signature encoding/,
    () => 'invalid signature encoding: illegal base64 data at input byte 0',
  ),
  'signature-wrong': refusal(/signature verification failed/, () => 'signature verification failed'),
  'signature-dropped': refusal(
    /^unsigned registration/,
    () => 'unsigned registration cannot modify a signature-verified key',
  ),
  'proof-required': refusal(
    /^signature of the whole request required/,
    () => 'signature of the whole request required',
  ),
  'proof-invalid': refusal(/^invalid signature of the whole/, (why: string) => {
    return `invalid signature of the whole request: ${why}`;
  }),
  'key-missing': refusal(/^public key required/, () => 'public key required'),
  'key-invalid': refusal(/^invalid public key/, (why: string) => `invalid public key: ${why}`),
  'key-taken': refusal(/^public key already in use/, () => 'public key already in use'),
  'key-expired': refusal(/key expired/, (nodeId: number, at: string) => `node ${nodeId}: key expired at ${at}`),
  'expiry-invalid': refusal(/^invalid expires_at/, (why: string) => `invalid expires_at: ${why}`),
  'enterprise-only': refusal(/^enterprise feature/, () => 'enterprise feature: requires enterprise network'),
  'address-invalid': refusal(/^invalid (listen_addr|lan_addrs|addr)/, (field: string, why: string) => {
    return `invalid ${field}: ${why}`;
  }),
  'hostname-invalid': refusal(/^invalid hostname/, (why: string) => `invalid hostname: ${why}`),
  'hostname-taken': refusal(/^hostname ".*" already in use/, (hostname: string, nodeId: number) => {
    return `hostname "${hostname}" already in use by node ${nodeId}`;
  }),
  'hostname-unknown': refusal(/^hostname ".*" not found/, (hostname: string) => `hostname "${hostname}" not found`),
  'tags-too-many': refusal(/^too many tags/, (most: number) => `too many tags (max ${most})`),
  'tag-too-long': refusal(/^tag ".*" too long/, (tag: string, most: number) => {
    return `tag "${tag}…" too long (max ${most} chars)`;
  }),
  'tag-invalid': refusal(/^invalid tag/, (tag: string) => `invalid tag "${tag}"`),
  'admin-token-unset': refusal(/has no admin token$/, () => 'cannot administer this registry: it has no admin token'),
  'admin-token-wrong': refusal(/^invalid admin token/, () => 'invalid admin token'),
  'admin-token-in-clear': refusal(/the admin token in clear/, () => {
    return 'cannot take the admin token in clear: it comes over TLS or from this machine';
  }),
  'resolve-denied': refusal(/^resolve denied/, (nodeId: number) => {
    return `resolve denied: node ${nodeId} is private (establish mutual trust first)`;
  }),
  'punch-denied': refusal(/^punch denied/, (nodeId: number) => `punch denied: node ${nodeId} is private`),
  'punch-for-others': refusal(/^cannot punch for others/, () => 'cannot punch for others'),
  'trust-full': refusal(/^too many trusted peers/, () => 'too many trusted peers'),
  'trust-unknown': refusal(/^no trust pair/, (a: number, b: number) => `no trust pair between nodes ${a} and ${b}`),
  'handshake-pending': refusal(/^handshake request already pending/, (from: number) => {
    return `handshake request already pending from node ${from}`;
  }),
  'inbox-full': refusal(/inbox full/, (what: string) => `too many handshake ${what}: inbox full`),
  'justification-too-long': refusal(/^justification too long/, (most: number) => {
    return `justification too long (max ${most} bytes)`;
  }),
  'group-unknown': refusal(/network not found/, (groupId: number) => `network ${groupId}: network not found`),
  'group-name-invalid': refusal(/^invalid network name/, () => 'invalid network name'),
  'group-name-taken': refusal(/^network ".*" already exists/, (name: string) => `network "${name}" already exists`),
  'join-rule-invalid': refusal(/^invalid join rule/, (rule: string) => `invalid join rule "${rule}"`),
  'token-too-long': refusal(/^token too long/, (most: number) => `token too long (max ${most} bytes)`),
  'token-wrong': refusal(/^invalid token for network/, (groupId: number) => `invalid token for network ${groupId}`),
  'already-member': refusal(/already in network/, (nodeId: number, groupId: number) => {
    return `node ${nodeId} already in network ${groupId}`;
  }),
  'not-a-member': refusal(/is not a member of network/, (nodeId: number, groupId: number) => {
    return `node ${nodeId} is not a member of network ${groupId}`;
  }),
  'backbone-fixed': refusal(/the backbone network$/, (act: string) => `cannot ${act} the backbone network`),
  'groups-full': refusal(/^too many (networks|members)/, (what: string) => `too many ${what}`),
  'beacon-unnamed': refusal(/^beacon_id required/, () => 'beacon_id required'),
  'beacons-full': refusal(/^too many beacons/, () => 'too many beacons'),
  'registry-full': refusal(/^registry full/, (what: string) => `registry full: too many ${what}`),
  'not-saved': refusal(/could not save its state/, () => 'cannot keep this: the registry could not save its state'),
  'type-unknown': refusal(/^unknown message type/, (type: string) => `unknown message type "${type}"`),
} as const;

/** `unspecified` is what a registry said in words that no rule here knows. */
export type RefusalCode = keyof typeof REFUSALS | 'unspecified';

/** A request that is refused for a reason. The connection stays open. */
export class RegistryRefusal<C extends keyof typeof REFUSALS = keyof typeof REFUSALS> extends Error {
  override readonly name = 'RegistryRefusal';
  readonly code: C;

  constructor(code: C, ...details: Parameters<(typeof REFUSALS)[C]['says']>) {
    super(refusalText(code, ...details));
    this.code = code;
  }
}

export function refusalText<C extends keyof typeof REFUSALS>(
  code: C,
  ...details: Parameters<(typeof REFUSALS)[C]['says']>
): string {
  const { says } = REFUSALS[code] as Refusal;
  return says(...(details as never[]));
}

/** What a registry meant by its words. */
export function refusalOf(words: string): RefusalCode {
  const entries = Object.entries(REFUSALS) as [keyof typeof REFUSALS, Refusal][];
  return entries.find(([, { meant }]) => meant.test(words))?.[0] ?? 'unspecified';
}

/** Why the registry refused a call; undefined for an error of another kind. */
export function refusalCodeOf(error: unknown): RefusalCode | undefined {
  if (!(error instanceof PilotError) || error.code !== 'registry.refused') return undefined;
  return error.details.refusal as RefusalCode | undefined;
}
