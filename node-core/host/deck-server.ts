import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { RPCHandler } from '@orpc/server/ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Endpoint, formatEndpoint } from '../base/transport.ts';
import { CONTENT_SECURITY_POLICY } from '../contract/host-link.ts';
import { listenOn } from '../io/listen.ts';
import { gated } from './call-gate.ts';
import type { DeckRouter } from './router.ts';
import { servePage } from './serve-page.ts';

export interface DeckServer {
  /** With the token in its fragment, which no server and no log ever sees. */
  readonly url: string;
  close(): Promise<void>;
}

const TOKEN_WAIT_MS = 5_000;
const LARGEST_MESSAGE_BYTES = 4 * 1024 * 1024;
const MOST_SOCKETS = 64;

const PROTECTION = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/**
 * Serves the interface to a browser on this machine, and the contract to it and to the command line over a WebSocket. A
 * page of another origin is refused by its Origin, a rebound name by its Host, and everyone else by the token.
 */
export async function serveDeck(
  router: DeckRouter,
  local: Endpoint,
  token: string,
  pages: string | undefined,
): Promise<DeckServer> {
  const handler = new RPCHandler(router);
  const sockets = new WebSocketServer({ noServer: true, maxPayload: LARGEST_MESSAGE_BYTES });
  const server = createServer((request, reply) => void answer(request, reply, pages));
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy()); // first of all: an upgraded socket has no listener but ours
    if (!isOurs(request, server) || request.url !== '/rpc' || sockets.clients.size >= MOST_SOCKETS)
      return refuse(socket);
    sockets.handleUpgrade(request, socket, head, (client) => admit(client, token, handler));
  });
  const address = formatEndpoint(await listenOn(server, local));
  const url = `http://${address}/#token=${token}`;
  return {
    url,
    close: () =>
      new Promise((resolve) => {
        for (const client of sockets.clients) client.terminate();
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

/** The other side may keep its end open; this one is gone once the words are out. */
function refuse(socket: Duplex): void {
  socket.once('finish', () => socket.destroy());
  socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
}

/** The first message must be the token; only then is the contract spoken. */
function admit(client: WebSocket, token: string, handler: RPCHandler<Record<never, never>>): void {
  const timer = setTimeout(() => client.close(4401, 'no token'), TOKEN_WAIT_MS);
  client.on('error', () => client.terminate());
  client.once('message', (message) => {
    clearTimeout(timer);
    if (!holdsToken(String(message), token)) return client.close(4401, 'wrong token');
    handler.upgrade(gated(client));
  });
}

function holdsToken(message: string, token: string): boolean {
  try {
    const given: unknown = JSON.parse(message);
    const text = typeof given === 'object' && given !== null ? Reflect.get(given, 'token') : undefined;
    const bytes = Buffer.from(typeof text === 'string' ? text : '');
    const wanted = Buffer.from(token);
    return bytes.length === wanted.length && timingSafeEqual(bytes, wanted);
  } catch {
    return false;
  }
}

function addressOf(server: Server): string {
  const address = server.address();
  return typeof address === 'object' && address !== null
    ? formatEndpoint({ host: address.address, port: address.port })
    : '';
}
