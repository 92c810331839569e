import { parseArgs } from 'node:util';
import { z } from 'zod';
import { PilotError } from '../base/errors.ts';
import { type Endpoint, parseEndpoint } from '../base/transport.ts';
import type { DeckHostOptions } from './deck-host.ts';

const endpoint = z.string().transform((text, context): Endpoint => {
  const parsed = parseEndpoint(text);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: 'custom', message: `expected HOST:PORT, not ${text}` });
  return z.NEVER;
});

const options = z.object({
  data: z.string(),
  registry: endpoint,
  beacon: endpoint,
  'otlp-http': endpoint.default({ host: '127.0.0.1', port: 4318 }),
  http: endpoint.default({ host: '127.0.0.1', port: 0 }),
  nat: z.enum(['none', 'full-cone', 'restricted', 'port-restricted', 'symmetric']).default('none'),
  'network-name': z.string().optional(),
});

/**
 * What the process that forked the deck host put on its command line.
 *
 * @param pages - The folder of the built interface.
 * @throws PilotError `config.invalid` naming what makes no sense.
 */
export function parseDeckHostArgs(args: readonly string[], pages: string): DeckHostOptions {
  const names = Object.keys(options.shape).map((name) => [name, { type: 'string' }] as const);
  const { values } = parseArgs({ args: [...args], options: Object.fromEntries(names), strict: false });
  const parsed = options.safeParse(values);
  if (!parsed.success) throw new PilotError('config.invalid', z.prettifyError(parsed.error));
  const { 'otlp-http': otlpHttp, 'network-name': networkName, ...rest } = parsed.data;
  return { ...rest, otlpHttp, networkName: networkName ?? values.registry?.toString() ?? '', pages };
}
