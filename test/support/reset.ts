import { once } from 'node:events';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** How the other side of a connection can break it off. */
export type Break = 'reset' | 'end';

/**
 * Connects, says `words`, and breaks the connection off at each of a few moments: before the reply is written, while it is, and once it
 * has been read. `reset` sends a TCP RST, as a killed program with unread bytes does.
 */
export async function breakOff(to: NetConnectOpts, words: string, how: Break): Promise<void> {
  for (const moment of ['at once', 'in a turn', 'with the reply'] as const) {
    const socket = connect(to);
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write(words, 'latin1');
    if (moment === 'in a turn') await sleep(1);
    if (moment === 'with the reply') await Promise.race([once(socket, 'data'), once(socket, 'close'), sleep(50)]);
    end(socket, how);
    if (!socket.destroyed) await once(socket, 'close');
  }
}

function end(socket: Socket, how: Break): void {
  if (how === 'end') socket.destroy();
  else socket.resetAndDestroy();
}
