import { parseArgs } from 'node:util';
import { PilotError } from '../base/errors.ts';
import { type Endpoint, parseEndpoint } from '../base/transport.ts';
import { NAT_BEHAVIOURS } from '../testbed/nat-socket.ts';
import type { DeckHostOptions } from './deck-host.ts';
import type { DeckPlace } from './deck-socket.ts';

const DEFAULT_OTLP: Endpoint = { host: '127.0.0.1', port: 4318 };
const ANY: Endpoint = { host: '127.0.0.1', port: 0 };

/**
 * Reads the deck host's command line, as the supervisor writes it.
 *
 * @throws PilotError `config.invalid`
 */
export function parseHostArgs(args: readonly string[]): DeckHostOptions {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      data: text,
      registry: text,
      beacon: text,
      'registry-fingerprint': text,
      'otlp-http': text,
      'kept-otlp-http': text,
      http: text,
      nat: text,
      listen: text,
      endpoint: text,
      identity: text,
      name: text,
      public: { type: 'boolean' },
      'no-rate-limits': { type: 'boolean' },
    },
  });
  if (values.data === undefined) throw new PilotError('config.invalid', 'bad deck host arguments');
  const registry = endpoint(values.registry);
  return {
    data: values.data,
    registry,
    beacon: endpoint(values.beacon),
    registryFingerprint: values['registry-fingerprint'],
    otlpHttp: otlpEndpoints(values['otlp-http'], values['kept-otlp-http']),
    http: values.http === undefined ? ANY : endpoint(values.http),
    place: placeOf(values),
    endpoint: values.endpoint === undefined ? undefined : endpoint(values.endpoint),
    identity: values.identity,
    networkName: values.name ?? `Network at ${values.registry}`,
    public: values.public === true,
    rateLimits: values['no-rate-limits'] !== true,
    pages: `${__dirname}/../renderer`,
  };
}

function placeOf(values: { readonly nat?: string; readonly listen?: string }): DeckPlace {
  if (values.listen !== undefined) return { kind: 'address', listen: endpoint(values.listen) };
  if (values.nat === undefined) return { kind: 'anywhere' };
  const nat = NAT_BEHAVIOURS.find((kind) => kind === values.nat);
  if (nat === undefined) throw new PilotError('config.invalid', `no such router: ${values.nat}`);
  return { kind: 'demo', nat };
}

/** What was asked for is had or refused; without that another port will do, after a restart best the one of before. */
function otlpEndpoints(asked: string | undefined, kept: string | undefined): readonly Endpoint[] {
  if (asked !== undefined && endpoint(asked).port !== 0) return [endpoint(asked)];
  const first = kept ?? asked;
  const wanted = first === undefined ? DEFAULT_OTLP : endpoint(first);
  return [wanted, { host: wanted.host, port: 0 }];
}

function endpoint(text: string | undefined): Endpoint {
  const parsed = text === undefined ? undefined : parseEndpoint(text);
  if (parsed === undefined) throw new PilotError('config.invalid', `expected HOST:PORT, got ${text}`);
  return parsed;
}
