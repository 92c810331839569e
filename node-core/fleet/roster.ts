import type { NatBehaviour } from '../testbed/nat-socket.ts';

/** One agent of the demo fleet: who it is and where it stands. What it does is the workload's. */
export interface RosterEntry {
  readonly hostname: string;
  readonly group: GroupName;
  /** The capability by which a group query finds it. */
  readonly tag: string;
  readonly nat: NatBehaviour;
  /** How far its wall clock is ahead of the machine's. */
  readonly clockAheadMs: number;
}

export const GROUP_NAMES = ['travel', 'finance', 'security', 'research'] as const;
export type GroupName = (typeof GROUP_NAMES)[number];

const MEMBERS: Readonly<Record<GroupName, readonly (readonly [hostname: string, tag: string])[]>> = {
  travel: [
    ['fare-watch', 'fares'],
    ['hotels-2', 'hotels'],
    ['rail-eu', 'rail'],
    ['weather', 'weather'],
    ['seats-1', 'seats'],
    ['trip-plan', 'trips'],
  ],
  finance: [
    ['filings-1', 'filings'],
    ['filings-2', 'filings'],
    ['ledger-a', 'ledger'],
    ['fx-rates', 'fx'],
    ['risk-3', 'risk'],
    ['audit-1', 'audit'],
  ],
  security: [
    ['ct-watch', 'certificates'],
    ['certs-1', 'certificates'],
    ['whois-3', 'whois'],
    ['cve-feed', 'cve'],
    ['dns-audit', 'dns'],
    ['tls-scan', 'tls'],
  ],
  research: [
    ['desk-1', 'desk'],
    ['desk-2', 'desk'],
    ['summarise-3', 'summaries'],
    ['papers-1', 'papers'],
    ['extract-2', 'extraction'],
    ['review-1', 'review'],
  ],
};

/**
 * Three agents behind NATs that choose a new port for each peer: among each other, and towards a peer behind a
 * port-restricted NAT (the operator's node), no punch can succeed, so their paths can only be relayed.
 */
const SYMMETRIC = new Set(['fare-watch', 'filings-2', 'summarise-3']);
const FAST_CLOCK = new Map([['ct-watch', 3_000]]);

/** The first `count` agents of the demo fleet; beyond the 24 named ones, further ones are numbered. */
export function roster(count: number): RosterEntry[] {
  const entries: RosterEntry[] = [];
  for (let index = 0; entries.length < count; index++) {
    const group = GROUP_NAMES[index % GROUP_NAMES.length] as GroupName;
    const members = MEMBERS[group];
    const round = Math.floor(index / GROUP_NAMES.length);
    const [name, tag] = members[round % members.length] as (typeof members)[number];
    const hostname = round < members.length ? name : `${name}-x${Math.floor(round / members.length)}`;
    entries.push({
      hostname,
      group,
      tag,
      nat: SYMMETRIC.has(hostname) ? 'symmetric' : 'none',
      clockAheadMs: FAST_CLOCK.get(hostname) ?? 0,
    });
  }
  return entries;
}
