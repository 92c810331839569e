import type { Instant, Millis } from '../base/clock.ts';
import { formatEndpoint } from '../base/transport.ts';
import { parsePeerEndpoint } from '../wire/peer-endpoint.ts';
import { RegistryRefusal } from '../wire/registry-refusal.ts';
import type { ReplyOf, RequestOf } from '../wire/registry-request.ts';
import type { Handlers, RegistryState } from './registry-state.ts';

interface ListedBeacon {
  readonly address: string;
  readonly at: Millis;
}

/** A beacon that did not register again for so long is listed no more. */
const LIFETIME_MS = 60_000;
const MOST_BEACONS = 256;

/** Which beacons there are: beacon_register, beacon_list. They are not kept: each beacon says so again in time. */
export function beaconRequests(state: RegistryState): Handlers {
  const beacons = new Map<number, ListedBeacon>();
  return {
    beacon_register: (request, _source, now) => {
      state.requireAdmin(request);
      return register(beacons, request.fields, now);
    },
    beacon_list: (_request, _source, now) => list(beacons, now),
  };
}

function register(
  beacons: Map<number, ListedBeacon>,
  { beaconId, endpoint: text }: RequestOf<'beacon_register'>,
  now: Instant,
): ReplyOf<'beacon_register'> {
  const endpoint = parsePeerEndpoint(text);
  if (beaconId === 0) throw new RegistryRefusal('beacon-unnamed');
  if (endpoint === undefined) throw new RegistryRefusal('address-invalid', 'addr', 'expected host:port');
  forgetSilent(beacons, now);
  if (!beacons.has(beaconId) && beacons.size >= MOST_BEACONS) throw new RegistryRefusal('beacons-full');
  beacons.set(beaconId, { address: formatEndpoint(endpoint), at: now.monotonicMs });
  return { beaconId };
}

/** By id, so that every node hears of them in the same order. */
function list(beacons: Map<number, ListedBeacon>, now: Instant): ReplyOf<'beacon_list'> {
  forgetSilent(beacons, now);
  const byId = [...beacons].sort(([a], [b]) => a - b);
  return { beacons: byId.map(([beaconId, { address }]) => ({ beaconId, endpoint: address })) };
}

function forgetSilent(beacons: Map<number, ListedBeacon>, now: Instant): void {
  for (const [id, { at }] of beacons) if (now.monotonicMs - at > LIFETIME_MS) beacons.delete(id);
}
