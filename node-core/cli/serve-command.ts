import type { Lifetime } from '../base/lifetime.ts';
import { startDeckHost } from '../host/deck-host.ts';
import { parseHostArgs } from '../host/host-args.ts';
import { createLog } from '../runtime/log.ts';
import { takeDataFolder } from '../supervisor/data-folder.ts';
import { type DeckPlan, startDeckProcesses } from '../supervisor/deck-processes.ts';
import { forkProgram } from '../supervisor/fork.ts';
import { Supervisor } from '../supervisor/supervisor.ts';

/**
 * The whole deck without a window: this process starts and watches the others, and does nothing else.
 *
 * @throws PilotError for what no waiting mends: a data folder in use or unusable, a taken port.
 */
export async function startServe(plan: DeckPlan, lifetime: Lifetime) {
  const log = createLog('serve');
  const lock = await lifetime.until(takeDataFolder(plan.dataFolder));
  lifetime.onEnd(() => lock.release());
  const supervisor = new Supervisor(
    (_role, args) => forkProgram(process.argv[1] as string, args, { inherit: lock.fd }),
    (event) => {
      if (event.type === 'exited')
        log.warn({ role: event.role, reason: event.reason, restartInMs: event.restartInMs }, 'a process ended');
    },
  );
  lifetime.onEnd(() => supervisor.stop());
  const ready = await lifetime.until(
    startDeckProcesses(plan, supervisor, (args) => supervisor.start({ role: 'host', args: () => ['host', ...args()] })),
  );
  const { url, otlpHttp, registry, beacon, address } = ready;
  return { url, otlpHttp, registry, beacon, address };
}

/** The deck host in this process, as `serve` forks it. */
export async function startHost(args: readonly string[], lifetime: Lifetime) {
  const { ready } = await startDeckHost(parseHostArgs(args), lifetime);
  return ready;
}
