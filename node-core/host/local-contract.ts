import { chmod } from 'node:fs/promises';
import { createServer } from 'node:http';
import { listenOnPath } from '../io/listen.ts';
import { ContractSockets } from './contract-sockets.ts';
import type { DeckRouter } from './router.ts';

/** Serves the contract on an owner-only local socket: whoever can open it is the operator, or root. */
export async function serveLocalContract(router: DeckRouter, path: string): Promise<{ close(): Promise<void> }> {
  const server = createServer((_request, reply) => void reply.writeHead(404).end());
  const sockets = new ContractSockets(server, router, {
    allows: () => true,
    admit: (_client, _request, onAdmitted) => onAdmitted(),
  });
  await listenOnPath(server, path);
  await chmod(path, 0o600);
  return {
    close: () =>
      new Promise((resolve) => {
        sockets.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
