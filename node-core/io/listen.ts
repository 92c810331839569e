import type { AddressInfo, Server } from 'node:net';
import { PilotError } from '../base/errors.ts';
import { systemWords } from '../base/known-error.ts';
import { type Endpoint, formatEndpoint } from '../base/transport.ts';
import { portHolder } from './port-holder.ts';

/**
 * Makes a server listen on a TCP port, and keeps what it cannot accept later (no file descriptor is left, say) from
 * ending the process: that connection is lost, the next is tried.
 *
 * @throws PilotError `port.in-use` when another program listens there, `config.invalid` for an address not ours.
 */
export async function listenOn(server: Server, at: Endpoint): Promise<Endpoint> {
  try {
    await started(server, () => server.listen(at.port, at.host));
  } catch (cause) {
    throw listenError(formatEndpoint(at), cause as NodeJS.ErrnoException, await portHolder(at.port));
  }
  const { address, port } = server.address() as AddressInfo;
  return { host: address, port };
}

/** The same on a local socket. @throws PilotError `port.in-use` or `config.invalid`, as above. */
export async function listenOnPath(server: Server, path: string): Promise<void> {
  try {
    await started(server, () => server.listen(path));
  } catch (cause) {
    throw listenError(path, cause as NodeJS.ErrnoException);
  }
}

function started(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.on('error', reject); // once it listens, a no-op
    server.once('listening', resolve);
    listen();
  });
}

/** Why an address cannot be had, in a sentence. */
export function listenError(where: string, cause: NodeJS.ErrnoException, holder = 'another program'): PilotError {
  if (cause.code === 'EADDRINUSE')
    return new PilotError('port.in-use', `${where} is in use by ${holder}`, {}, { cause });
  const text = `${where} cannot be listened on: ${systemWords(cause) ?? cause.message}`;
  return new PilotError('config.invalid', text, {}, { cause });
}
