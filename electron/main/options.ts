import { parseArgs } from 'node:util';
import { PilotError } from '../../node-core/base/errors.ts';
import { parseEndpoint } from '../../node-core/base/transport.ts';
import { dataFolder } from '../../node-core/supervisor/data-folder.ts';
import { type DeckPlan, fleetAgentsOf } from '../../node-core/supervisor/deck-processes.ts';

export interface AppOptions {
  readonly plan: DeckPlan;
  /** Where exported files go without a question. */
  readonly downloads: string | undefined;
}

/**
 * Reads the app's command line: that of `flightdeck serve`, and `--downloads`. Switches it does not know are Chromium's.
 *
 * @throws Error with a sentence for the terminal when a value makes no sense.
 */
export function parseOptions(argv: readonly string[]): AppOptions {
  const string = { type: 'string' } as const;
  const options = {
    ...{
      data: string,
      fleet: string,
      registry: string,
      beacon: string,
      'registry-fingerprint': string,
      'otlp-http': string,
      http: string,
      listen: string,
      endpoint: string,
      identity: string,
      downloads: string,
    },
    public: { type: 'boolean' },
    'no-fleet': { type: 'boolean' },
    'no-rate-limits': { type: 'boolean' },
  } as const;
  const { values } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true });
  const registry = address('--registry', values.registry);
  const beacon = address('--beacon', values.beacon);
  if ((registry === undefined) !== (beacon === undefined))
    throw new PilotError('config.invalid', '--registry and --beacon go together');
  const fingerprint = text('--registry-fingerprint', values['registry-fingerprint']);
  const rendezvous = registry !== undefined && beacon !== undefined ? { registry, beacon, fingerprint } : undefined;
  const plan = {
    dataFolder: dataFolder(text('--data', values.data)),
    fleetAgents: values['no-fleet'] === true ? 0 : fleetAgentsOf(agents(values.fleet), rendezvous),
    rendezvous,
    otlpHttp: address('--otlp-http', values['otlp-http']),
    http: address('--http', values.http),
    listen: address('--listen', values.listen),
    endpoint: address('--endpoint', values.endpoint),
    identity: text('--identity', values.identity),
    public: values.public === true,
    rateLimits: values['no-rate-limits'] !== true,
  };
  return { plan, downloads: text('--downloads', values.downloads) };
}

function text(name: string, value: string | boolean | undefined): string | undefined {
  if (typeof value === 'boolean') throw new PilotError('config.invalid', `${name} needs a value`);
  return value;
}

function agents(value: string | boolean | undefined): number | undefined {
  if (value === undefined) return undefined;
  const count = Number(value);
  if (value === true || !Number.isInteger(count) || count < 0)
    throw new PilotError('config.invalid', '--fleet needs a number of agents');
  return count;
}

function address(name: string, value: string | boolean | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || parseEndpoint(value) === undefined)
    throw new PilotError('config.invalid', `${name} needs HOST:PORT`);
  return value;
}
