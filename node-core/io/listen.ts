import type { AddressInfo, Server } from 'node:net';
import { PilotError } from '../base/errors.ts';
import { type Endpoint, formatEndpoint } from '../base/transport.ts';

/**
 * Makes a server listen on a TCP port, and keeps what it cannot accept later (no file descriptor is left, say) from
 * ending the process: that connection is lost, the next is tried.
 *
 * @throws PilotError `port.in-use` when another program listens there, `config.invalid` for an address not ours.
 */
export async function listenOn(server: Server, at: Endpoint): Promise<Endpoint> {
  await started(server, formatEndpoint(at), () => server.listen(at.port, at.host));
  const { address, port } = server.address() as AddressInfo;
  return { host: address, port };
}

/** The same on a local socket. @throws PilotError `port.in-use` or `config.invalid`, as above. */
export function listenOnPath(server: Server, path: string): Promise<void> {
  return started(server, path, () => server.listen(path));
}

function started(server: Server, where: string, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.on('error', (cause: NodeJS.ErrnoException) => reject(listenError(where, cause))); // once it listens, a no-op
    server.once('listening', resolve);
    listen();
  });
}

/** Why an address cannot be had, in a sentence. */
export function listenError(where: string, cause: NodeJS.ErrnoException): PilotError {
  const taken = cause.code === 'EADDRINUSE';
  const text = taken ? 'is in use by another program' : `cannot be listened on: ${cause.message}`;
  return new PilotError(taken ? 'port.in-use' : 'config.invalid', `${where} ${text}`, {}, { cause });
}
