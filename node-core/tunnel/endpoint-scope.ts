import type { Endpoint } from '../base/transport.ts';
import { encodeIpAddress } from '../wire/ip-address.ts';
import { peerEndpoint } from '../wire/peer-endpoint.ts';
import type { PeerEndpoints } from './tunnel-event.ts';

/** Who can reach an address: this machine, this site, anybody; `none` for what is no address at all. */
type Scope = 'loopback' | 'site' | 'global' | 'none';

export function isLoopback(host: string): boolean {
  return scopeOf(host) === 'loopback';
}

/**
 * May somebody at `source` tell us to send to this endpoint? Who is public must not direct us at ourselves or into our own
 * network; in a lab, where the source itself is local, it may.
 */
export function mayPointTo(target: Endpoint, source: Endpoint): boolean {
  if (peerEndpoint(target) === undefined) return false;
  return scopeOf(target.host) === 'global' || scopeOf(source.host) !== 'global';
}

/** What of a registry's answer a datagram can be sent to; `refuse` is told of the rest. */
export function usableEndpoints(
  { real, lan, relayOnly }: PeerEndpoints,
  refuse: (endpoint: Endpoint) => void,
): PeerEndpoints {
  const isUsable = (endpoint: Endpoint) => {
    const usable = peerEndpoint(endpoint) !== undefined;
    if (!usable) refuse(endpoint);
    return usable;
  };
  const usable = { lan: lan.filter(isUsable), relayOnly };
  return real !== undefined && isUsable(real) ? { ...usable, real } : usable;
}

function scopeOf(host: string): Scope {
  let bytes: Uint8Array;
  try {
    bytes = encodeIpAddress(host);
  } catch {
    return 'none';
  }
  return bytes.length === 4 ? scopeOfV4(bytes) : scopeOfV6(bytes);
}

/** RFC 1122, 1918, 3927, 5771, 6598. */
function scopeOfV4(bytes: Uint8Array): Scope {
  const [a = 0, b = 0] = bytes;
  if (a === 127) return 'loopback';
  const site =
    a === 10 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 169 && b === 254) ||
    (a === 100 && b >= 64 && b < 128);
  return site ? 'site' : 'global';
}

/** RFC 4291, 4193. */
function scopeOfV6(bytes: Uint8Array): Scope {
  const [a = 0, b = 0] = bytes;
  if (bytes[15] === 1 && bytes.subarray(0, 15).every((byte) => byte === 0)) return 'loopback';
  const site = (a & 0xfe) === 0xfc || (a === 0xfe && (b & 0xc0) === 0x80);
  return site ? 'site' : 'global';
}
