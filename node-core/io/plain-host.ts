/** An IPv4 address as IPv4, also where a socket that speaks both families writes it as mapped into IPv6. */
export function plainHost(host: string): string {
  return host.replace(/^::ffff:(?=\d+\.)/, '');
}
