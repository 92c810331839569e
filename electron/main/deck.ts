import { join } from 'node:path';
import type { BrowserWindow } from 'electron';
import { PilotError } from '../../node-core/base/errors.ts';
import type { FileLock } from '../../node-core/io/folder-lock.ts';
import { printFailure } from '../../node-core/io/terminal.ts';
import { type DeckPlan, startDeckProcesses } from '../../node-core/supervisor/deck-processes.ts';
import { forkProgram } from '../../node-core/supervisor/fork.ts';
import { Supervisor } from '../../node-core/supervisor/supervisor.ts';
import { HostProcess } from './host-process.ts';
import { PortBroker } from './port-broker.ts';

/** Everything the window looks at: the deck host in a utility process, rendezvous and fleet in processes beside it. */
export class Deck {
  readonly #plan: DeckPlan;
  readonly #host: HostProcess;
  readonly #supervisor: Supervisor;
  #broker: PortBroker | undefined;

  /**
   * @param bundles - The folder of the built programs.
   * @param lock - Of the data folder; the processes beside the window hold it too.
   */
  constructor(plan: DeckPlan, bundles: string, lock: FileLock) {
    this.#plan = plan;
    this.#host = new HostProcess(join(bundles, 'deck-host.cjs'), {
      onState: (state) => this.#broker?.tell(state),
      onStarted: () => this.#broker?.connect(),
    });
    const program = join(bundles, 'flightdeck.cjs');
    this.#supervisor = new Supervisor(
      // the same binary as plain Node: a child that ends when the pipe between us closes, even when we are killed
      (_role, args) =>
        forkProgram(program, args, { env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' }, inherit: lock.fd }),
      (event) => {
        if (event.type === 'exited') printFailure(`the ${event.role} ended (${event.reason}) and is started again`);
      },
    );
  }

  show(window: BrowserWindow): void {
    this.#broker = new PortBroker(window, this.#host);
  }

  /** Resolves when all runs, or when the deck was stopped meanwhile. @throws PilotError when it cannot be started. */
  async start(): Promise<void> {
    try {
      await startDeckProcesses(this.#plan, this.#supervisor, (args) => this.#host.start(args));
    } catch (error) {
      if (!(error instanceof PilotError) || error.code !== 'deck.stopping') throw error;
    }
  }

  /** The deck host leaves the network first, while the registry still answers. */
  async stop(): Promise<void> {
    await this.#host.stop();
    await this.#supervisor.stop();
  }
}
