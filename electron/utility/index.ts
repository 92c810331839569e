import type { MessagePortMain } from 'electron';
import { Lifetime } from '../../node-core/base/lifetime.ts';
import { startDeckHost } from '../../node-core/host/deck-host.ts';
import { parseHostArgs } from '../../node-core/host/host-args.ts';

/**
 * The deck host in Electron's utility process. Main sends `connect` with one end of a channel to a window, any number of
 * times and possibly before the deck is up, and `stop`; it is told `ready`, with the deck's addresses, once.
 */
const lifetime = new Lifetime();
const host = startDeckHost(parseHostArgs(process.argv.slice(2)), lifetime);

process.parentPort.on('message', ({ data, ports }) => {
  const [port] = ports;
  if (data.type === 'connect' && port !== undefined) connect(port);
  else if (data.type === 'stop') lifetime.end();
});
void run();

async function run(): Promise<void> {
  await lifetime.run(
    () => host,
    ({ ready }) => process.parentPort.postMessage({ type: 'ready', ready }),
  );
  process.exit(0);
}

function connect(port: MessagePortMain): void {
  host
    .then((up) => {
      up.connect(port);
      port.start();
    })
    .catch(() => undefined); // why the deck did not come up is `run`'s to say
}
