import { encodeIpAddress } from './ip-address.ts';

/**
 * Whom an address belongs to, for what is bounded per source: one IPv4 address, or the /64 network of an IPv6 one, since
 * whoever has one address of it has all.
 */
export function sourceOf(host: string): string {
  const bytes = encodeIpAddress(host.split('%', 1)[0] ?? ''); // a zone is the machine's own matter
  return (bytes.length === 4 ? bytes : bytes.subarray(0, 8)).join('.');
}
