import { BoundedMap } from '../base/bounded-map.ts';
import { type Endpoint, parseEndpoint } from '../base/transport.ts';
import type { PeerEndpoints } from '../tunnel/tunnel-event.ts';
import { parsePeerEndpoint } from '../wire/peer-endpoint.ts';
import type { ReplyOf } from '../wire/registry-request.ts';

const MOST_REMEMBERED = 8_192;

/** Where peers are, as the registry said last: while it is away, an old address is better than none. */
export class PeerDirectory {
  readonly #ours: readonly Endpoint[];
  readonly #peers = new BoundedMap<number, PeerEndpoints>(MOST_REMEMBERED);

  /** @param lanAddresses - Ours, `H:P`: only LAN addresses of a network that we are in are worth a try. */
  constructor(lanAddresses: readonly string[]) {
    this.#ours = lanAddresses.flatMap((text) => parsePeerEndpoint(text) ?? []);
  }

  endpointsOf(nodeId: number): PeerEndpoints | undefined {
    return this.#peers.get(nodeId);
  }

  /** What cannot be sent to is for the tunnels to leave out, which count it. */
  learn(nodeId: number, { realAddress, relayOnly = false, lanAddresses = [] }: ReplyOf<'resolve'>): void {
    const real = relayOnly ? undefined : parseEndpoint(realAddress);
    const lan = lanAddresses.flatMap((text) => parseEndpoint(text) ?? []);
    this.#peers.set(nodeId, {
      ...(real === undefined ? {} : { real }),
      lan: lan.filter((theirs) => this.#ours.some((our) => sharesSubnet(theirs, our))),
      relayOnly,
    });
  }
}

/** Whether two IPv4 addresses lie in one /24: then a LAN path is worth a try. */
function sharesSubnet(a: Endpoint, b: Endpoint): boolean {
  const prefix = (host: string) => host.split('.').slice(0, 3).join('.');
  return a.host.split('.').length === 4 && prefix(a.host) === prefix(b.host);
}
