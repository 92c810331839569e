import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { toHex } from '../../node-core/base/bytes.ts';
import type { Endpoint } from '../../node-core/base/transport.ts';

/** Perl is on every Debian; Node has no raw sockets. A UDP checksum of 0 means none. */
const SEND = `
use Socket;
my ($host, $port, $hex) = @ARGV;
socket(my $raw, PF_INET, SOCK_RAW, 17) or do { print "refused: $!"; exit };
my $payload = pack('H*', $hex);
send($raw, pack('nnnn', 0, $port, 8 + length $payload, 0) . $payload, 0, sockaddr_in(0, inet_aton($host))) or die $!;
print 'sent';
`;

/**
 * Sends a datagram whose UDP source port is 0, which no socket of the operating system does. False where raw sockets are
 * not allowed.
 */
export async function sendFromPortZero(bytes: Uint8Array, { host, port }: Endpoint): Promise<boolean> {
  const { stdout } = await promisify(execFile)('perl', ['-e', SEND, host, String(port), toHex(bytes)]);
  return stdout === 'sent';
}
