import type { Endpoint } from '../base/transport.ts';
import { parseEndpoint } from '../base/transport.ts';
import { encodeIpAddress, formatIpAddress } from './ip-address.ts';

/**
 * Reads `1.2.3.4:5` or `[2001:db8::1]:5` as somebody names where a node can be reached: a literal address that is one
 * machine's, and a port that is one. Undefined for a name, for port 0, and for the unspecified, broadcast and multicast
 * addresses. IPv4 mapped into IPv6 comes out as IPv4.
 */
export function parsePeerEndpoint(text: string): Endpoint | undefined {
  const endpoint = parseEndpoint(text);
  return endpoint === undefined ? undefined : peerEndpoint(endpoint);
}

/** The same for an endpoint that is already taken apart. */
export function peerEndpoint({ host, port }: Endpoint): Endpoint | undefined {
  if (port === 0) return undefined;
  const bytes = literal(host);
  return bytes === undefined || !isOneMachine(bytes) ? undefined : { host: formatIpAddress(bytes), port };
}

function literal(host: string): Uint8Array | undefined {
  try {
    return encodeIpAddress(host);
  } catch {
    return undefined; // the one error it has: not a literal address
  }
}

/** RFC 1122, 5771 and 4291: neither "this network", multicast, reserved or broadcast, nor the unspecified address. */
function isOneMachine(bytes: Uint8Array): boolean {
  const [first = 0] = bytes;
  if (bytes.length === 4) return first !== 0 && first < 224;
  return first !== 0xff && bytes.some((byte) => byte !== 0);
}
