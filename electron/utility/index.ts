import type { MessagePortMain } from 'electron';
import { type DeckHost, startDeckHost } from '../../node-core/host/deck-host.ts';
import { parseHostArgs } from '../../node-core/host/host-args.ts';

/**
 * The deck host in Electron's utility process. Main sends `connect` with one end of a channel to a window, any number of
 * times and possibly before the deck is up, and `stop`; it is told `ready`, with the deck's addresses, once.
 */
const host = startDeckHost(parseHostArgs(process.argv.slice(2)));
let up: DeckHost | undefined;

process.parentPort.on('message', ({ data, ports }) => {
  const [port] = ports;
  if (data.type === 'connect' && port !== undefined) void connect(port);
  else if (data.type === 'stop') void stop();
});
void announce();

async function announce(): Promise<void> {
  up = await host;
  process.parentPort.postMessage({ type: 'ready', ready: up.ready });
}

async function connect(port: MessagePortMain): Promise<void> {
  (await host).connect(port);
  port.start();
}

/** A deck that is not up yet may wait for a registry that never answers: it ends at once. */
async function stop(): Promise<void> {
  await up?.stop();
  process.exit(0);
}
