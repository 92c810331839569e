import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Endpoint } from '../../node-core/base/transport.ts';

/** Passes the bytes of TCP connections on, until it is frozen: then both sides stay connected and hear nothing. */
export class TcpRelay {
  readonly local: Endpoint;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, local: Endpoint) {
    this.#server = server;
    this.local = local;
  }

  static async to({ host, port }: Endpoint): Promise<TcpRelay> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the relay has no port');
    const relay = new TcpRelay(server, { host: address.address, port: address.port });
    server.on('connection', (near) => {
      const far = connect(port, host);
      for (const socket of [near, far]) {
        relay.#sockets.add(socket);
        socket.on('error', () => {}); // its close is what counts
        socket.on('close', () => [near, far].map((side) => side.destroy()));
      }
      near.pipe(far);
      far.pipe(near);
    });
    return relay;
  }

  freeze(): void {
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}
