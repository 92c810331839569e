import type { Instant, Millis } from '../base/clock.ts';
import { formatEndpoint } from '../base/transport.ts';
import { parsePeerEndpoint } from '../wire/peer-endpoint.ts';
import type { JsonObject } from '../wire/registry-message.ts';
import type { Handler, RegistryState } from './registry-state.ts';
import { type Request, RequestError } from './request.ts';

interface ListedBeacon {
  readonly address: string;
  readonly at: Millis;
}

/** A beacon that did not register again for so long is listed no more. */
const LIFETIME_MS = 60_000;
const MOST_BEACONS = 256;

/** Which beacons there are: beacon_register, beacon_list. They are not kept: each beacon says so again in time. */
export function beaconRequests(state: RegistryState): Readonly<Record<string, Handler>> {
  const beacons = new Map<number, ListedBeacon>();
  return {
    beacon_register: (request, _source, now) => {
      state.requireAdmin(request);
      return register(beacons, request, now);
    },
    beacon_list: (_request, _source, now) => list(beacons, now),
  };
}

function register(beacons: Map<number, ListedBeacon>, request: Request, now: Instant): JsonObject {
  const beaconId = request.uint('beacon_id', 32);
  const endpoint = parsePeerEndpoint(request.text('addr'));
  if (beaconId === 0) throw new RequestError('beacon_id required');
  if (endpoint === undefined) throw new RequestError('invalid addr: expected host:port');
  forgetSilent(beacons, now);
  if (!beacons.has(beaconId) && beacons.size >= MOST_BEACONS) throw new RequestError('too many beacons');
  beacons.set(beaconId, { address: formatEndpoint(endpoint), at: now.monotonicMs });
  return { beacon_id: beaconId };
}

/** By id, so that every node hears of them in the same order. */
function list(beacons: Map<number, ListedBeacon>, now: Instant): JsonObject {
  forgetSilent(beacons, now);
  const byId = [...beacons].sort(([a], [b]) => a - b);
  return { beacons: byId.map(([id, { address }]) => ({ id, addr: address })) };
}

function forgetSilent(beacons: Map<number, ListedBeacon>, now: Instant): void {
  for (const [id, { at }] of beacons) if (now.monotonicMs - at > LIFETIME_MS) beacons.delete(id);
}
