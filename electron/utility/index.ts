import type { MessagePortMain } from 'electron';
import { knownError } from '../../node-core/base/known-error.ts';
import { Lifetime } from '../../node-core/base/lifetime.ts';
import { startDeckHost } from '../../node-core/host/deck-host.ts';
import { parseHostArgs } from '../../node-core/host/host-args.ts';
import { printFailure } from '../../node-core/io/terminal.ts';
import { failureOf } from '../../node-core/supervisor/failure.ts';

/**
 * The deck host in Electron's utility process. Main sends `connect` with one end of a channel to a window, any number of
 * times and possibly before the deck is up, and `stop`; it is told `ready`, with the deck's addresses, once, or `failed`.
 */
const lifetime = new Lifetime();
const host = start();

process.parentPort.on('message', ({ data, ports }) => {
  const [port] = ports;
  if (data.type === 'connect' && port !== undefined) connect(port);
  else if (data.type === 'stop') lifetime.end();
});
void run();

async function start() {
  return startDeckHost(parseHostArgs(process.argv.slice(2)), lifetime);
}

async function run(): Promise<void> {
  try {
    await lifetime.run(
      () => host,
      ({ ready }) => process.parentPort.postMessage({ type: 'ready', ready }),
    );
    process.exit(0);
  } catch (error) {
    endWith(error);
  }
}

/** Main decides by what it is told whether another start could help. */
function endWith(error: unknown): void {
  const known = knownError(error);
  const words = known?.message ?? (error instanceof Error ? error.stack : String(error));
  printFailure(String(words));
  if (known !== undefined) process.parentPort.postMessage(failureOf(known));
  setImmediate(() => process.exit(1)); // after what was posted
}

function connect(port: MessagePortMain): void {
  host
    .then((up) => {
      up.connect(port);
      port.start();
    })
    .catch(() => undefined); // why the deck did not come up is `run`'s to say
}
