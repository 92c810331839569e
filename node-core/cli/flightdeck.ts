import { Command, InvalidArgumentError } from 'commander';
import { PilotError } from '../base/errors.ts';
import { type Endpoint, parseEndpoint } from '../base/transport.ts';
import { runConformance } from './conformance.ts';
import { runUntilStopped } from './lifetime.ts';
import { startNode } from './node-command.ts';
import { startRendezvous } from './rendezvous-command.ts';

const LOOPBACK_ANY: Endpoint = { host: '127.0.0.1', port: 0 };

function endpoint(text: string): Endpoint {
  const parsed = parseEndpoint(text);
  if (parsed === undefined) throw new InvalidArgumentError('expected HOST:PORT with a literal address.');
  return parsed;
}

const collect = (value: string, previous: readonly string[]) => [...previous, value];

const program = new Command('flightdeck')
  .description('Watch and run a fleet of agents on Pilot Protocol, without a window')
  .showHelpAfterError();

program
  .command('rendezvous')
  .description('registry and beacon in one process')
  .option('--registry-addr <host:port>', 'where the registry listens (TCP)', endpoint, LOOPBACK_ANY)
  .option('--beacon-addr <host:port>', 'where the beacon listens (UDP)', endpoint, LOOPBACK_ANY)
  .option('--store <file>', 'where the state is kept')
  .option('--group <name>', 'an open group that exists from the start; may be repeated', collect, [])
  .action((options) =>
    runUntilStopped(() =>
      startRendezvous({
        registry: options.registryAddr,
        beacon: options.beaconAddr,
        store: options.store,
        groups: options.group,
        adminToken: process.env.FLIGHTDECK_ADMIN_TOKEN,
      }),
    ),
  );

program
  .command('node')
  .description('a node with its services')
  .requiredOption('--registry <host:port>', 'the registry to join', endpoint)
  .requiredOption('--beacon <host:port>', 'the beacon to use', endpoint)
  .option('--listen <host:port>', 'where the tunnel socket listens (UDP)', endpoint, LOOPBACK_ANY)
  .option('--endpoint <host:port>', 'the address to register instead of the one the beacon sees', endpoint)
  .option('--identity <file>', 'where the identity is kept; without it a new one each time')
  .option('--hostname <name>', 'the name to register', '')
  .option('--public', 'let everybody reach this node', false)
  .action((options) => runUntilStopped(() => startNode(options)));

program
  .command('conformance')
  .description('compare with recorded vectors; exit status 1 on a failure')
  .argument('<dir>', 'folder with vector files')
  .action(async (dir: string) => {
    const counts = await runConformance(dir, (line) => process.stdout.write(`${line}\n`));
    process.exitCode = counts.failed > 0 ? 1 : 0;
  });

// named, since commander takes this program under Electron's binary for a packaged app and would shift the arguments
program.parseAsync(process.argv, { from: 'node' }).catch((error: unknown) => {
  const words =
    error instanceof PilotError
      ? `${error.message} (${error.code})`
      : String(error instanceof Error ? error.stack : error);
  process.stderr.write(`flightdeck: ${words}\n`);
  process.exitCode = 1;
});
