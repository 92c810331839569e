import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { PilotError } from '../base/errors.ts';
import { knownError } from '../base/known-error.ts';
import { type Endpoint, formatEndpoint, parseEndpoint } from '../base/transport.ts';
import { readDeckFile } from '../host/deck-file.ts';
import { parseFingerprint } from '../io/open-channel.ts';
import { outliveReaders, printFailure, printJson, printLine } from '../io/terminal.ts';
import { dataFolder } from '../supervisor/data-folder.ts';
import { fleetAgentsOf } from '../supervisor/deck-processes.ts';
import { ChildFailure } from '../supervisor/failure.ts';
import type { FleetCommand } from '../testbed/fleet-control.ts';
import { commandFleet } from '../testbed/fleet-control.ts';
import { NAT_BEHAVIOURS } from '../testbed/nat-socket.ts';
import { parsePeerEndpoint } from '../wire/peer-endpoint.ts';
import { runConformance } from './conformance.ts';
import { startFleet, startFleetOfProcesses } from './fleet-command.ts';
import { runInterop } from './interop.ts';
import { startNode } from './node-command.ts';
import { runPing } from './ping-command.ts';
import { startRendezvous } from './rendezvous-command.ts';
import { runUntilStopped } from './run-until-stopped.ts';
import { startHost, startServe } from './serve-command.ts';
import { runTraceShow } from './trace-command.ts';

const LOOPBACK_ANY: Endpoint = { host: '127.0.0.1', port: 0 };

function endpoint(text: string): Endpoint {
  const parsed = parseEndpoint(text);
  if (parsed === undefined) throw new InvalidArgumentError('expected HOST:PORT with a literal address.');
  return parsed;
}

function peerEndpoint(text: string): Endpoint {
  const parsed = parsePeerEndpoint(text);
  if (parsed === undefined) throw new InvalidArgumentError('expected HOST:PORT at which others can reach it.');
  return parsed;
}

function peerEndpointText(text: string): string {
  return formatEndpoint(peerEndpoint(text));
}

function endpointText(text: string): string {
  endpoint(text);
  return text;
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('expected a whole number.');
  return value;
}

function fingerprint(text: string): string {
  const parsed = parseFingerprint(text);
  if (parsed === undefined) throw new InvalidArgumentError('expected the SHA-256 of a certificate, 64 hex digits.');
  return parsed;
}

const REGISTRY_FINGERPRINT = [
  '--registry-fingerprint <sha256>',
  'of the registry’s certificate, as its rendezvous says it; with it the registry is spoken to over TLS',
  fingerprint,
] as const;
const NO_RATE_LIMITS = ['--no-rate-limits', 'lift what is bounded per second, for tests under load'] as const;

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
  .option('--tls <file>', 'let the registry speak TLS, with key and certificate in this file, made there if need be')
  .option('--group <name>', 'an open group that exists from the start; may be repeated', collect, [])
  .option('--strict', 'believe only what a node has signed as a whole; keeps stock nodes out', false)
  .option('--accept-unsigned', 'also take registrations of nodes before 1.13, which sign none', false)
  .option(...NO_RATE_LIMITS)
  .action((options) =>
    runUntilStopped((lifetime) =>
      startRendezvous(
        {
          registry: options.registryAddr,
          beacon: options.beaconAddr,
          store: options.store,
          tls: options.tls,
          groups: options.group,
          adminToken: process.env.FLIGHTDECK_ADMIN_TOKEN,
          acceptUnsigned: options.acceptUnsigned,
          strict: options.strict,
          rateLimits: options.rateLimits,
        },
        lifetime,
      ),
    ),
  );

program
  .command('node')
  .description('a node with its services')
  .requiredOption('--registry <host:port>', 'the registry to join', endpoint)
  .requiredOption('--beacon <host:port>', 'the beacon to use', endpoint)
  .option(...REGISTRY_FINGERPRINT)
  .option('--listen <host:port>', 'where the tunnel socket listens (UDP)', endpoint)
  .option('--endpoint <host:port>', 'the address to register instead of the one the beacon sees', peerEndpoint)
  .option('--identity <file>', 'where the identity is kept; without it a new one each time')
  .option('--hostname <name>', 'the name to register', '')
  .option('--public', 'let everybody reach this node', false)
  .option(...NO_RATE_LIMITS)
  .action((options) => runUntilStopped((lifetime) => startNode(options, lifetime)));

program
  .command('serve')
  .description('the whole deck without a window')
  .option('--data <dir>', 'where everything is kept; by default as the XDG base directory specification says')
  .option('--fleet <agents>', 'agents of the demo fleet; by default 24, and none in a network that is joined', count)
  .option('--no-fleet', 'start no demo fleet')
  .option('--registry <host:port>', 'join this rendezvous instead of an embedded one', endpointText)
  .option('--beacon <host:port>', 'the beacon of that rendezvous', endpointText)
  .option(...REGISTRY_FINGERPRINT)
  .option('--otlp-http <host:port>', 'where OTLP/HTTP is taken', endpointText)
  .option('--http <host:port>', 'where a browser finds the interface', endpointText)
  .option('--listen <host:port>', "where this deck's own node listens (UDP)", endpointText)
  .option(
    '--endpoint <host:port>',
    'the address to register for it instead of the one the beacon sees',
    peerEndpointText,
  )
  .option('--identity <file>', 'where its identity is kept')
  .option('--public', 'let everybody reach it in a network that is joined', false)
  .option(...NO_RATE_LIMITS)
  .action((options) =>
    runUntilStopped((lifetime) => {
      const { registry, beacon, registryFingerprint, otlpHttp, http, listen, endpoint, identity, rateLimits } = options;
      if ((registry === undefined) !== (beacon === undefined)) {
        throw new PilotError('config.invalid', '--registry and --beacon go together');
      }
      const rendezvous = registry === undefined ? undefined : { registry, beacon, fingerprint: registryFingerprint };
      const fleetAgents = options.fleet === false ? 0 : fleetAgentsOf(options.fleet, rendezvous);
      const own = { listen, endpoint, identity };
      const plan = {
        dataFolder: dataFolder(options.data),
        fleetAgents,
        rendezvous,
        otlpHttp,
        http,
        ...own,
        public: options.public,
        rateLimits,
      };
      return startServe(plan, lifetime);
    }),
  );

program
  .command('host', { hidden: true })
  .allowUnknownOption()
  .helpOption(false)
  .argument('[args...]')
  .action((args: string[]) => runUntilStopped((lifetime) => startHost(args, lifetime)));

const fleet = program.command('fleet').description('agents of the demo fleet');

fleet
  .command('up')
  .description('start agents; they join the deck that runs in the data folder')
  .option('--agents <n>', 'how many', count, 24)
  .option('--data <dir>', 'the data folder of the deck')
  .option('--one-process-each', 'each agent in a process of its own', false)
  .option('--no-context', 'send no trace context in application messages')
  .option(...NO_RATE_LIMITS)
  .addOption(new Option('--only <agent>').hideHelp())
  .action((options) =>
    runUntilStopped((lifetime) => {
      const command = {
        data: dataFolder(options.data),
        agents: options.agents,
        sendsContext: options.context,
        only: options.only,
        rateLimits: options.rateLimits,
      };
      return options.oneProcessEach ? startFleetOfProcesses(command, lifetime) : startFleet(command, lifetime);
    }),
  );

fleet
  .command('nat')
  .description('put another kind of router before an agent')
  .argument('<agent>', 'its hostname')
  .addArgument(new Argument('<kind>').choices(NAT_BEHAVIOURS))
  .option('--data <dir>', 'the data folder of the deck')
  .action((agent, kind, options) => steer(options.data, { act: 'nat', agent, kind }));

fleet
  .command('context')
  .description('switch trace context in application messages on or off')
  .addArgument(new Argument('<state>').choices(['on', 'off']))
  .option('--data <dir>', 'the data folder of the deck')
  .action((state, options) => steer(options.data, { act: 'context', enabled: state === 'on' }));

fleet
  .command('counters')
  .description('what crossed the routers of the fleet')
  .option('--data <dir>', 'the data folder of the deck')
  .action((options) => steer(options.data, { act: 'counters' }));

async function steer(data: string | undefined, command: FleetCommand): Promise<void> {
  const { sockets } = await readDeckFile(dataFolder(data));
  const replies = await commandFleet(sockets, command);
  printJson(Object.assign({}, ...replies));
}

program
  .command('ping')
  .description('ping a node from the running deck')
  .argument('<address>', 'N:NNNN.HHHH.LLLL')
  .option('--json', 'one line of JSON', false)
  .option('--timeout <ms>', 'how long to wait', count, 5_000)
  .option('--data <dir>', 'the data folder of the deck')
  .action((address, options) => runPing(dataFolder(options.data), address, options));

program
  .command('trace')
  .description('traces of the running deck')
  .command('show')
  .argument('<trace-id>', '32 hex digits; any id of a joined trace')
  .option('--otlp', 'as OTLP JSON', false)
  .option('--joined', 'with the joined id instead of raw ones', false)
  .option('--data <dir>', 'the data folder of the deck')
  .action((traceId, options) => runTraceShow(dataFolder(options.data), traceId, options));

program
  .command('conformance')
  .description('compare with recorded vectors; exit status 1 on a failure')
  .argument('<dir>', 'folder with vector files')
  .action(async (dir: string) => {
    const counts = await runConformance(dir, printLine);
    process.exitCode = counts.failed > 0 ? 1 : 0;
  });

program
  .command('interop')
  .description('run with the stock daemon in a network that has only loopback; exit status 1 on a failure')
  .option('--bin <dir>', 'folder with pilot-daemon and pilotctl', process.env.FLIGHTDECK_STOCK_DAEMON)
  .option('--only <words>', 'only cases with these words in their name; may be repeated', collect, [])
  .action(async ({ bin, only }) => {
    process.exit(await runInterop({ bin, only }, printLine));
  });

// named, since commander takes this program under Electron's binary for a packaged app and would shift the arguments
outliveReaders();
program.parseAsync(process.argv, { from: 'node' }).catch(endWith);

/** What we know is one sentence; anything else is a fault of the program, for whoever mends it. */
function endWith(error: unknown): void {
  const known = knownError(error);
  if (!(error instanceof ChildFailure)) printFailure(known?.message ?? stackOf(error));
  process.exit(1); // an open pipe to the parent would keep it
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
