import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { RPCHandler } from '@orpc/server/ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { gated } from './call-gate.ts';
import type { DeckRouter } from './router.ts';

const LARGEST_MESSAGE_BYTES = 4 * 1024 * 1024;
const MOST_SOCKETS = 64;
/** Clients that have not shown yet who they are. */
const MOST_WAITING = 64;

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
  readonly #admitted = new Set<WebSocket>();
  /** In the order in which they came. */
  readonly #waiting = new Set<WebSocket>();

  constructor(server: Server, router: DeckRouter, { allows, admit }: Admission) {
    this.#handler = new RPCHandler(router);
    server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => socket.destroy()); // first of all: an upgraded socket has no listener but ours
      const full = this.#admitted.size >= MOST_SOCKETS;
      if (full || request.url !== '/rpc' || !allows(request)) return refuse(socket);
      this.#sockets.handleUpgrade(request, socket, head, (client) => {
        client.on('error', () => client.terminate());
        this.#hold(client);
        admit(client, request, () => this.#letIn(client));
      });
    });
  }

  /** Of too many who wait, the first gives way: however many strangers open sockets, whoever answers at once gets in. */
  #hold(client: WebSocket): void {
    this.#waiting.add(client);
    client.once('close', () => {
      this.#waiting.delete(client);
      this.#admitted.delete(client);
    });
    if (this.#waiting.size <= MOST_WAITING) return;
    const [first] = this.#waiting;
    first?.terminate();
    if (first !== undefined) this.#waiting.delete(first);
  }

  #letIn(client: WebSocket): void {
    this.#waiting.delete(client);
    this.#admitted.add(client);
    this.#handler.upgrade(gated(client));
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
