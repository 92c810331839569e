import { randomBytes } from 'node:crypto';
import { PilotError } from '../base/errors.ts';
import { givenSecret } from '../base/secret.ts';
import { isLoopbackHost, parseEndpoint } from '../base/transport.ts';
import type { Supervisor } from './supervisor.ts';

/** What the operator chose on the command line of the app or of `serve`. */
export interface DeckPlan {
  /** Where identities, rendezvous state and the store are kept. */
  readonly dataFolder: string;
  /** Agents of the demo fleet; 0 starts none. */
  readonly fleetAgents: number;
  /** The rendezvous to join; without it an embedded one is started. */
  readonly rendezvous: RendezvousAddresses | undefined;
  /** `H:P` to listen on, where not the default. */
  readonly otlpHttp: string | undefined;
  readonly http: string | undefined;
  /** `H:P` of the node's own socket; else loopback with an embedded rendezvous, and every address with another. */
  readonly listen: string | undefined;
  /** `H:P` to register in place of what the beacon sees. */
  readonly endpoint: string | undefined;
  /** The file of the node's identity, where it is not in the data folder. */
  readonly identity: string | undefined;
  /** Lets everybody reach this node in a network that is joined; in the embedded one they may. */
  readonly public: boolean;
  /** False lifts in every process what is bounded per second; for tests under load. */
  readonly rateLimits: boolean;
}

export interface RendezvousAddresses {
  readonly registry: string;
  readonly beacon: string;
  /** SHA-256 of the registry's certificate, when it is spoken to over TLS. */
  readonly fingerprint?: string | undefined;
}

/** The ready line of a process. */
export type Ready = Readonly<Record<string, unknown>>;

/** Starts the deck host, again whenever it has ended; `args` is asked at each start. Resolves when it is first ready. */
export type StartHost = (args: () => readonly string[]) => Promise<Ready>;

const DEMO_AGENTS = 24;
/** The groups of the demo network. */
const DEMO_GROUPS = ['travel', 'finance', 'security', 'research'];

/**
 * Starts what a deck consists of, each in a process of its own: the rendezvous, the deck host, then the demo fleet.
 * Resolves with the host's ready line; the fleet comes up after it.
 */
export async function startDeckProcesses(plan: DeckPlan, supervisor: Supervisor, startHost: StartHost): Promise<Ready> {
  requireNearFleet(plan);
  requireSafeAdminToken(plan);
  shareSecrets(plan);
  const rendezvous = plan.rendezvous ?? (await startRendezvous(plan, supervisor));
  const chosen: Chosen = { http: plan.http, keptOtlpHttp: undefined };
  const ready = await startHost(() => hostArgs(plan, rendezvous, chosen));
  // a restart takes the same addresses, since exporters and browsers have been told them
  if (typeof ready.otlpHttp === 'string') chosen.keptOtlpHttp = ready.otlpHttp;
  if (typeof ready.url === 'string') chosen.http = new URL(ready.url).host;
  if (plan.fleetAgents > 0) {
    const agents = ['--agents', String(plan.fleetAgents), '--data', plan.dataFolder];
    const args = ['fleet', 'up', ...agents, ...rateArgs(plan)];
    supervisor.start({ role: 'fleet', args: () => args }).catch(() => undefined); // refused only when the deck ends
  }
  return ready;
}

/** How many agents of the demo run: as many as were asked for, else none in a network that others made. */
export function fleetAgentsOf(asked: number | undefined, rendezvous: RendezvousAddresses | undefined): number {
  return asked ?? (rendezvous === undefined ? DEMO_AGENTS : 0);
}

/** The agents of the demo stand behind routers that are simulated on loopback. */
function requireNearFleet({ fleetAgents, rendezvous }: DeckPlan): void {
  const far = [rendezvous?.registry, rendezvous?.beacon].find(
    (address) => address !== undefined && !isLoopbackHost(parseEndpoint(address)?.host ?? ''),
  );
  if (fleetAgents === 0 || far === undefined) return;
  throw new PilotError('config.invalid', `--fleet stays on this machine and cannot join ${far}; leave it out`);
}

/** The admin token would be read on the way. */
function requireSafeAdminToken({ rendezvous }: DeckPlan): void {
  if (!process.env.FLIGHTDECK_ADMIN_TOKEN || rendezvous === undefined || rendezvous.fingerprint !== undefined) return;
  if (isLoopbackHost(parseEndpoint(rendezvous.registry)?.host ?? '')) return;
  throw new PilotError(
    'config.invalid',
    `FLIGHTDECK_ADMIN_TOKEN is not sent in clear to ${rendezvous.registry}: name its certificate with --registry-fingerprint, or leave the token out`,
  );
}

/** Every process we start inherits them; no command line shows them. @throws PilotError `config.invalid` */
function shareSecrets(plan: DeckPlan): void {
  process.env.FLIGHTDECK_TOKEN = givenSecret('FLIGHTDECK_TOKEN', process.env.FLIGHTDECK_TOKEN) ?? drawn();
  if (plan.rendezvous === undefined) process.env.FLIGHTDECK_ADMIN_TOKEN ||= drawn();
}

function drawn(): string {
  return randomBytes(24).toString('base64url');
}

/** Port 0 at first; a restart takes the same addresses, since everyone has been told them. */
async function startRendezvous(plan: DeckPlan, supervisor: Supervisor): Promise<RendezvousAddresses> {
  let addresses: RendezvousAddresses = { registry: '127.0.0.1:0', beacon: '127.0.0.1:0' };
  const store = ['--store', `${plan.dataFolder}/rendezvous.json`];
  const groups = DEMO_GROUPS.flatMap((name) => ['--group', name]);
  const ready = await supervisor.start({
    role: 'rendezvous',
    args: () => [
      'rendezvous',
      '--registry-addr',
      addresses.registry,
      '--beacon-addr',
      addresses.beacon,
      ...store,
      ...groups,
      ...rateArgs(plan),
    ],
  });
  addresses = { registry: String(ready.registry), beacon: String(ready.beacon) };
  return addresses;
}

/** Where the host was reached so far. */
export interface Chosen {
  http: string | undefined;
  keptOtlpHttp: string | undefined;
}

/** The deck host's command line. In a network of others a deck shows itself to nobody, unless the operator says so. */
export function hostArgs(plan: DeckPlan, rendezvous: RendezvousAddresses, chosen: Chosen): readonly string[] {
  const args = ['--data', plan.dataFolder, '--registry', rendezvous.registry, '--beacon', rendezvous.beacon];
  if (rendezvous.fingerprint !== undefined) args.push('--registry-fingerprint', rendezvous.fingerprint);
  if (plan.otlpHttp !== undefined) args.push('--otlp-http', plan.otlpHttp);
  if (chosen.keptOtlpHttp !== undefined) args.push('--kept-otlp-http', chosen.keptOtlpHttp);
  if (chosen.http !== undefined) args.push('--http', chosen.http);
  if (plan.rendezvous === undefined) args.push('--name', 'Local network');
  if (plan.rendezvous === undefined || plan.public) args.push('--public');
  args.push(...placeArgs(plan));
  if (plan.endpoint !== undefined) args.push('--endpoint', plan.endpoint);
  if (plan.identity !== undefined) args.push('--identity', plan.identity);
  return [...args, ...rateArgs(plan)];
}

function placeArgs({ listen, fleetAgents, rendezvous }: DeckPlan): readonly string[] {
  if (listen !== undefined) return ['--listen', listen];
  if (fleetAgents > 0) return ['--nat', 'port-restricted']; // in the demo, this node stands behind a router too
  return rendezvous === undefined ? ['--listen', '127.0.0.1:0'] : [];
}

function rateArgs({ rateLimits }: DeckPlan): readonly string[] {
  return rateLimits ? [] : ['--no-rate-limits'];
}
