import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { RPCHandler } from '@orpc/server/ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { gated } from './call-gate.ts';
import type { DeckRouter } from './router.ts';

const LARGEST_MESSAGE_BYTES = 4 * 1024 * 1024;
const MOST_SOCKETS = 64;

export interface Admission {
  /** Decides by the head of the request. */
  readonly allows: (request: IncomingMessage) => boolean;
  /** Calls back once the client may speak the contract; closes it otherwise. */
  readonly admit: (client: WebSocket, request: IncomingMessage, onAdmitted: () => void) => void;
}

/** The WebSockets of one HTTP server, at `/rpc`, over which the contract is spoken. */
export class ContractSockets {
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: LARGEST_MESSAGE_BYTES });
  readonly #handler: RPCHandler<Record<never, never>>;

  constructor(server: Server, router: DeckRouter, { allows, admit }: Admission) {
    this.#handler = new RPCHandler(router);
    server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => socket.destroy()); // first of all: an upgraded socket has no listener but ours
      const full = this.#sockets.clients.size >= MOST_SOCKETS;
      if (full || request.url !== '/rpc' || !allows(request)) return refuse(socket);
      this.#sockets.handleUpgrade(request, socket, head, (client) => {
        client.on('error', () => client.terminate());
        admit(client, request, () => this.#handler.upgrade(gated(client)));
      });
    });
  }

  close(): void {
    for (const client of this.#sockets.clients) client.terminate();
  }
}

/** The other side may keep its end open; this one is gone once the words are out. */
function refuse(socket: Duplex): void {
  socket.once('finish', () => socket.destroy());
  socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
}
