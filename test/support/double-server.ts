import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RPCHandler } from '@orpc/server/ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { CONTENT_SECURITY_POLICY } from '../../node-core/contract/host-link.ts';
import { admitPage } from '../../node-core/host/page-admission.ts';
import { servePage } from '../../node-core/host/serve-page.ts';
import type { DeckDouble } from './deck-double.ts';

export interface DoubleServer {
  /** With a token in its fragment. */
  readonly url: string;
  /** Breaks every open connection, as a host that ends does. */
  dropConnections(): void;
  /** Refuses or takes new connections. */
  setAccepting(accepting: boolean): void;
  close(): Promise<void>;
}

/** Serves the built window from `folder` with the product's content policy, and a double's contract at `/rpc`. */
export async function serveDouble(folder: string, double: DeckDouble): Promise<DoubleServer> {
  const server = createServer(async (request, reply) => {
    const found = await servePage(folder, request.url ?? '/', reply, {
      'content-security-policy': CONTENT_SECURITY_POLICY,
    });
    if (!found) reply.writeHead(404).end();
  });
  const sockets = new WebSocketServer({ server, path: '/rpc' });
  const handler = new RPCHandler(double.router);
  let accepting = true;
  sockets.on('connection', (socket: WebSocket, request) => {
    if (!accepting) return socket.terminate();
    admitPage(socket, 'secret', request.headers.host ?? '', () => handler.upgrade(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/#token=secret`,
    dropConnections: () => {
      for (const socket of sockets.clients) socket.terminate();
    },
    setAccepting: (next) => {
      accepting = next;
    },
    close: () => closed(server, sockets),
  };
}

async function closed(server: Server, sockets: WebSocketServer): Promise<void> {
  for (const socket of sockets.clients) socket.terminate();
  sockets.close();
  await new Promise((resolve) => server.close(resolve));
}
