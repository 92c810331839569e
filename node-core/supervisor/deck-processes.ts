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
}

export interface RendezvousAddresses {
  readonly registry: string;
  readonly beacon: string;
}

/** Starts the deck host with its command line, again whenever it has ended; resolves when it is ready. */
export type StartHost = (args: readonly string[]) => Promise<unknown>;

/** Starts what a deck consists of, each in a process of its own: the rendezvous, the deck host, then the demo fleet. */
export async function startDeckProcesses(plan: DeckPlan, supervisor: Supervisor, startHost: StartHost): Promise<void> {
  const rendezvous = plan.rendezvous ?? (await startRendezvous(plan.dataFolder, supervisor));
  await startHost(hostArgs(plan, rendezvous));
  if (plan.fleetAgents === 0) return;
  const args = ['fleet', 'up', '--agents', String(plan.fleetAgents), '--data', plan.dataFolder];
  await supervisor.start({ role: 'fleet', args: () => args });
}

/** Port 0 at first; a restart takes the same addresses, since everyone has been told them. */
async function startRendezvous(dataFolder: string, supervisor: Supervisor): Promise<RendezvousAddresses> {
  let addresses: RendezvousAddresses = { registry: '127.0.0.1:0', beacon: '127.0.0.1:0' };
  const store = `${dataFolder}/rendezvous.json`;
  const ready = await supervisor.start({
    role: 'rendezvous',
    args: () => [
      'rendezvous',
      '--registry-addr',
      addresses.registry,
      '--beacon-addr',
      addresses.beacon,
      '--store',
      store,
    ],
  });
  addresses = { registry: String(ready.registry), beacon: String(ready.beacon) };
  return addresses;
}

function hostArgs(plan: DeckPlan, rendezvous: RendezvousAddresses): string[] {
  const args = ['--data', plan.dataFolder, '--registry', rendezvous.registry, '--beacon', rendezvous.beacon];
  if (plan.otlpHttp !== undefined) args.push('--otlp-http', plan.otlpHttp);
  if (plan.http !== undefined) args.push('--http', plan.http);
  return args;
}
