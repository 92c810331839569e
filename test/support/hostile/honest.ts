import { once } from 'node:events';
import type { Endpoint } from '../../../node-core/base/transport.ts';
import { UdpSocket } from '../../../node-core/io/udp-socket.ts';
import type { RunningNode } from '../../../node-core/runtime/running-node.ts';
import { encodeBeaconMessage } from '../../../node-core/wire/beacon-message.ts';
import { PORT } from '../../../node-core/wire/packet.ts';

const ASK_AGAIN_MS = 250;

/**
 * Asks a beacon for our address as a node that has just started does: from an endpoint of its own, whose share nobody has
 * used, and again when nothing comes. Rejects when it does not say.
 */
export async function askBeacon(beacon: Endpoint, withinMs: number): Promise<void> {
  const socket = await UdpSocket.bind({ host: '127.0.0.1', port: 0 });
  const ask = () => socket.send(encodeBeaconMessage({ kind: 'discover', nodeId: 0 }), beacon);
  const asking = setInterval(ask, ASK_AGAIN_MS);
  try {
    await new Promise<void>((resolve, reject) => {
      const deadline = setTimeout(() => reject(new Error('the beacon does not answer')), withinMs);
      socket.onDatagram = () => {
        clearTimeout(deadline);
        resolve();
      };
      ask();
    });
  } finally {
    clearInterval(asking);
    await socket.close();
  }
}

/** What comes back from a node's echo service. */
export async function echoOf(node: RunningNode, peerNodeId: number, text: string): Promise<string> {
  const { duplex } = await node.dial({ nodeId: peerNodeId, groupId: 0, port: PORT.echo });
  duplex.write(text);
  const [answer] = await once(duplex, 'data');
  duplex.destroy();
  return String(answer);
}

/** Resolves with what `asked` does, and rejects when that takes longer. */
export function within<T>(ms: number, asked: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const deadline = setTimeout(() => reject(new Error(`no answer in ${ms} ms`)), ms);
    asked.then(resolve, reject).finally(() => clearTimeout(deadline));
  });
}
