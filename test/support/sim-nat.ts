import { type Endpoint, formatEndpoint } from '../../node-core/base/transport.ts';

/** RFC 3489's four: what a mapping depends on, and whom it lets in. */
export const NAT_KINDS = ['full-cone', 'restricted', 'port-restricted', 'symmetric'] as const;
export type NatKind = (typeof NAT_KINDS)[number];

interface Mapping {
  readonly inside: Endpoint;
  readonly outside: Endpoint;
  /** The remote endpoint of a symmetric mapping. */
  readonly remote: string | undefined;
  /** Hosts and endpoints that were sent to. */
  readonly hosts: Set<string>;
  readonly endpoints: Set<string>;
}

const FIRST_PORT = 40_000;

/** A NAT in virtual time: it maps what leaves, filters what comes, and counts both by remote endpoint. */
export class SimNat {
  readonly publicHost: string;
  #kind: NatKind;
  readonly #mappings: Mapping[] = [];
  readonly #crossed = new Map<string, { out: number; in: number; refused: number }>();
  #nextPort = FIRST_PORT;

  constructor(kind: NatKind, publicHost: string) {
    this.#kind = kind;
    this.publicHost = publicHost;
  }

  /** Another kind from now on; the first mapping of each inside endpoint stays as it was. */
  setKind(kind: NatKind): void {
    this.#kind = kind;
  }

  /** Forgets its mappings, as a NAT does that was restarted: what leaves next gets another port. */
  rebind(): void {
    this.#mappings.length = 0;
  }

  /** What crossed towards and from a remote endpoint. */
  crossed(remote: Endpoint): { readonly out: number; readonly in: number; readonly refused: number } {
    return this.#crossed.get(formatEndpoint(remote)) ?? { out: 0, in: 0, refused: 0 };
  }

  translateOut(inside: Endpoint, to: Endpoint): Endpoint {
    const mapping = this.#mappingFor(inside, to);
    mapping.hosts.add(to.host);
    mapping.endpoints.add(formatEndpoint(to));
    this.#count(to, 'out');
    return mapping.outside;
  }

  /** True when a datagram for one of our mappings of this inside endpoint is let in. */
  translateIn(inside: Endpoint, from: Endpoint, to: Endpoint): boolean {
    const mapping = this.#mappings.find(
      (each) => each.inside === inside && formatEndpoint(each.outside) === formatEndpoint(to),
    );
    if (mapping === undefined) return false;
    const admitted = this.#admits(mapping, from);
    this.#count(from, admitted ? 'in' : 'refused');
    return admitted;
  }

  #admits(mapping: Mapping, from: Endpoint): boolean {
    switch (this.#kind) {
      case 'full-cone':
        return true;
      case 'restricted':
        return mapping.hosts.has(from.host);
      case 'port-restricted':
        return mapping.endpoints.has(formatEndpoint(from));
      case 'symmetric':
        return mapping.remote === undefined || mapping.remote === formatEndpoint(from)
          ? mapping.endpoints.has(formatEndpoint(from))
          : false;
      default:
        throw this.#kind satisfies never;
    }
  }

  #mappingFor(inside: Endpoint, to: Endpoint): Mapping {
    const remote = this.#kind === 'symmetric' ? formatEndpoint(to) : undefined;
    const known = this.#mappings.find(
      (each) => each.inside === inside && (remote === undefined || each.remote === remote),
    );
    if (known !== undefined) return known;
    const outside = { host: this.publicHost, port: this.#nextPort };
    this.#nextPort += 1;
    const mapping = { inside, outside, remote, hosts: new Set<string>(), endpoints: new Set<string>() };
    this.#mappings.push(mapping);
    return mapping;
  }

  #count(remote: Endpoint, what: 'out' | 'in' | 'refused'): void {
    const key = formatEndpoint(remote);
    const counts = this.#crossed.get(key) ?? { out: 0, in: 0, refused: 0 };
    counts[what] += 1;
    this.#crossed.set(key, counts);
  }
}
