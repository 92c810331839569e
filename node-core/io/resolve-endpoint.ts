import { lookup } from 'node:dns/promises';
import { PilotError } from '../base/errors.ts';
import { type Endpoint, formatEndpoint } from '../base/transport.ts';

/**
 * The literal address of an endpoint that may be given by name; UDP is sent to addresses only.
 *
 * @throws PilotError `config.invalid` when the name has none.
 */
export async function resolveEndpoint({ host, port }: Endpoint): Promise<Endpoint> {
  try {
    return { host: (await lookup(host)).address, port };
  } catch (cause) {
    const text = `${formatEndpoint({ host, port })} has no address: the name ${host} is not known here`;
    throw new PilotError('config.invalid', text, {}, { cause });
  }
}
