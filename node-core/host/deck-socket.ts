import type { Lifetime } from '../base/lifetime.ts';
import type { DatagramSocket, Endpoint } from '../base/transport.ts';
import type { SystemClock } from '../io/system-clock.ts';
import { UdpSocket } from '../io/udp-socket.ts';
import { serveFleetControl } from '../testbed/fleet-control.ts';
import { type NatBehaviour, NatSocket } from '../testbed/nat-socket.ts';

/** Where the operator's node has its socket: at an address, at any with a free port, or behind a router that is simulated. */
export type DeckPlace =
  | { readonly kind: 'address'; readonly listen: Endpoint }
  | { readonly kind: 'anywhere' }
  | { readonly kind: 'demo'; readonly nat: NatBehaviour };

export interface DemoRouter {
  /** The folder of local sockets, through which the router is steered from another terminal. */
  readonly sockets: string;
  readonly hostname: string;
  readonly beacon: Endpoint;
}

const LOOPBACK = '127.0.0.1';

/**
 * Opens the socket of the operator's node. Only in the demo network a simulated router stands before it.
 *
 * @throws PilotError `port.in-use` or `config.invalid` when the address cannot be had.
 */
export async function openDeckSocket(
  place: DeckPlace,
  demo: DemoRouter,
  clock: SystemClock,
  lifetime: Lifetime,
): Promise<DatagramSocket> {
  switch (place.kind) {
    case 'address':
      return UdpSocket.bind(place.listen);
    case 'anywhere':
      return UdpSocket.bindAnywhere();
    case 'demo':
      return openBehindRouter(place.nat, demo, clock, lifetime);
    default:
      return place satisfies never;
  }
}

/** The router can be changed and counted from another terminal, as those of the fleet's agents can. */
async function openBehindRouter(
  kind: NatBehaviour,
  { sockets, hostname, beacon }: DemoRouter,
  clock: SystemClock,
  lifetime: Lifetime,
): Promise<DatagramSocket> {
  const nat = await NatSocket.open(kind, LOOPBACK, clock);
  const control = await serveFleetControl(sockets, async (wanted) => {
    if (wanted.act === 'counters') return { [hostname]: { kind: nat.kind, ...nat.counters } };
    if (wanted.act !== 'nat' || wanted.agent !== hostname) return undefined;
    nat.setKind(wanted.kind, beacon);
    return { agent: wanted.agent, nat: wanted.kind };
  });
  lifetime.onEnd(() => control.close());
  return nat;
}
