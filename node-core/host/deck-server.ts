import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Endpoint, formatEndpoint } from '../base/transport.ts';
import { CONTENT_SECURITY_POLICY } from '../contract/host-link.ts';
import { listenOn } from '../io/listen.ts';
import { ContractSockets } from './contract-sockets.ts';
import { admitPage } from './page-admission.ts';
import type { DeckRouter } from './router.ts';
import { servePage } from './serve-page.ts';

export interface DeckServer {
  readonly address: string;
  /** The address with the token in its fragment, which no server and no log ever sees. */
  readonly url: string;
  close(): Promise<void>;
}

const PROTECTION = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/**
 * Serves the interface to a browser on this machine, and the contract to it over a WebSocket. A page of another origin is
 * refused by its Origin, a rebound name by its Host, and who does not know the token by what it cannot prove.
 */
export async function serveDeck(
  router: DeckRouter,
  local: Endpoint,
  token: string,
  pages: string | undefined,
): Promise<DeckServer> {
  const server = createServer((request, reply) => void answer(request, reply, pages));
  const sockets = new ContractSockets(server, router, {
    allows: (request) => isOurs(request, server),
    admit: (client, request, onAdmitted) => admitPage(client, token, request.headers.host ?? '', onAdmitted),
  });
  const address = formatEndpoint(await listenOn(server, local));
  return {
    address: `http://${address}/`,
    url: `http://${address}/#token=${encodeURIComponent(token)}`,
    close: () =>
      new Promise((resolve) => {
        sockets.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(request: IncomingMessage, reply: ServerResponse, pages: string | undefined): Promise<void> {
  if (!/^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(request.headers.host ?? ''))
    return end(reply, 403, 'This address is for this machine only.');
  if (request.method !== 'GET' && request.method !== 'HEAD') return end(reply, 405, 'Only GET is served here.');
  if (pages === undefined) return end(reply, 404, 'There is no interface here; build it first.');
  const found = await servePage(pages, request.url ?? '/', reply, PROTECTION);
  if (!found) end(reply, 404, 'There is no such page.');
}

function end(reply: ServerResponse, status: number, words: string): void {
  reply.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${words}\n`);
}

/** A browser always names its Origin; a program need not have one. */
function isOurs(request: IncomingMessage, server: Server): boolean {
  const { host, origin } = request.headers;
  const port = /:(\d+)$/.exec(addressOf(server))?.[1];
  const ours = new Set(['127.0.0.1', 'localhost', '[::1]'].map((name) => `${name}:${port}`));
  return host !== undefined && ours.has(host) && (origin === undefined || origin === `http://${host}`);
}

function addressOf(server: Server): string {
  const address = server.address();
  return typeof address === 'object' && address !== null
    ? formatEndpoint({ host: address.address, port: address.port })
    : '';
}
