import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Duplex, finished } from 'node:stream';
import { ByteBudget } from '../base/byte-budget.ts';
import type { HttpHandler, HttpHead, HttpReply } from '../base/http.ts';
import type { Endpoint } from '../base/transport.ts';
import { sourceOf as hostSourceOf } from '../wire/source-address.ts';
import { ConnectionShares } from './connection-shares.ts';
import { listenOn } from './listen.ts';
import { plainHost } from './plain-host.ts';

export interface HttpServerLimits {
  readonly mostBodyBytes: number;
  /** Bytes of bodies that may be in memory at once, in all and of one source. */
  readonly mostBytesUnderWay: number;
  readonly mostBytesOfOneSource: number;
  readonly mostConnections: number;
  readonly mostStreamsOfOneSource: number;
}

export interface HttpServerOptions<Peer> {
  readonly handler: HttpHandler<Peer>;
  /** Who a peer is, for limits: not two names for one node. */
  readonly sourceOf: (peer: Peer) => string;
  readonly limits?: Partial<HttpServerLimits>;
}

const LIMITS: HttpServerLimits = {
  mostBodyBytes: 16 * 1024 * 1024,
  mostBytesUnderWay: 128 * 1024 * 1024,
  mostBytesOfOneSource: 64 * 1024 * 1024,
  mostConnections: 256,
  mostStreamsOfOneSource: 8,
};
const REQUEST_TIMEOUT_MS = 60_000;
const HEADERS_TIMEOUT_MS = 20_000;
const PLAIN = 'plain';

/** Serves HTTP on a TCP port and, with the same code, on streams whose peer is known. */
export class HttpServer<Peer> {
  readonly #server: Server;
  readonly #options: HttpServerOptions<Peer>;
  readonly #limits: HttpServerLimits;
  readonly #budget: ByteBudget;
  readonly #peers = new WeakMap<Duplex, Peer>();
  readonly #streams = new Map<Duplex, string>();
  readonly #connections: ConnectionShares<Socket>;

  constructor(options: HttpServerOptions<Peer>) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#budget = new ByteBudget(this.#limits.mostBytesUnderWay, this.#limits.mostBytesOfOneSource);
    this.#server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: HEADERS_TIMEOUT_MS });
    const connections = this.#limits.mostConnections;
    this.#connections = new ConnectionShares({ connections, connectionsPerSource: connections });
    this.#server.on('connection', (socket: Socket) => this.#admit(socket));
    this.#server.on('request', (request, response) => void this.#serve(request, response, () => {}));
    this.#server.on('checkContinue', (request, response) => {
      void this.#serve(request, response, () => response.writeContinue());
    });
  }

  /** @throws PilotError `port.in-use` when another program listens there, `config.invalid` for an address not ours. */
  listen(endpoint: Endpoint): Promise<Endpoint> {
    return listenOn(this.#server, endpoint);
  }

  /** Serves requests on a stream. One source has a limited number of them; a stream beyond it is destroyed. */
  serveStream(stream: Duplex, peer: Peer): void {
    const source = this.#options.sourceOf(peer);
    const open = [...this.#streams.values()].filter((other) => other === source).length;
    if (open >= this.#limits.mostStreamsOfOneSource) {
      stream.destroy();
      return;
    }
    this.#peers.set(stream, peer);
    this.#streams.set(stream, source);
    stream.once('close', () => this.#streams.delete(stream));
    this.#server.emit('connection', stream);
  }

  /** Stops listening and ends what is open. */
  close(): Promise<void> {
    for (const stream of this.#streams.keys()) stream.destroy();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  /** Whoever opens connections and sends no whole request on them does not keep others from theirs. */
  #admit(socket: Socket): void {
    if (this.#streams.has(socket)) return; // its peer has a limit of its own
    const source = addressOf(socket);
    const admission = source === undefined ? 'full' : this.#connections.admit(source, socket);
    if (source === undefined || admission === 'full') return void socket.destroy();
    admission.ended?.destroy();
    socket.once('close', () => this.#connections.remove(source, socket));
  }

  #noteWhole({ socket }: IncomingMessage): void {
    const source = addressOf(socket);
    if (source !== undefined) this.#connections.spoke(source, socket);
  }

  async #serve(request: IncomingMessage, response: ServerResponse, goOn: () => void): Promise<void> {
    const { handler, sourceOf } = this.#options;
    const head = headOf(request, this.#peers.get(request.socket));
    const refused = handler.admit(head);
    if (refused !== undefined) {
      request.resume();
      return send(request, response, refused);
    }
    goOn();
    const source = head.peer === undefined ? PLAIN : sourceOf(head.peer);
    const held = this.#budget.open(source);
    const hold = (bytes: number): 413 | 503 | undefined => {
      if (held.bytes + bytes > this.#limits.mostBodyBytes) return 413;
      return held.add(bytes) ? undefined : 503;
    };
    try {
      const body = await readBody(request, hold);
      if (body === undefined) return; // the client left before the end of what it promised
      if (typeof body !== 'number') this.#noteWhole(request);
      send(request, response, typeof body === 'number' ? handler.refuse(head, body) : await handler.handle(head, body));
    } finally {
      held.release();
    }
  }
}

/** Undefined for a stream, and for a connection that is gone. */
function addressOf({ remoteAddress }: Socket): string | undefined {
  return remoteAddress === undefined ? undefined : hostSourceOf(plainHost(remoteAddress));
}

function headOf<Peer>(request: IncomingMessage, peer: Peer | undefined): HttpHead<Peer> {
  const headers: Record<string, string | undefined> = Object.create(null);
  for (const [name, value] of Object.entries(request.headers)) headers[name] = Array.isArray(value) ? value[0] : value;
  return { method: request.method ?? '', target: request.url ?? '', headers, peer };
}

/** The whole body, or the status of the limit it ran into; undefined when the client left before its end. */
function readBody(
  request: IncomingMessage,
  hold: (bytes: number) => 413 | 503 | undefined,
): Promise<Uint8Array | 413 | 503 | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const take = (chunk: Buffer): void => {
      const status = hold(chunk.length);
      if (status === undefined) {
        chunks.push(chunk);
        return;
      }
      request.off('data', take);
      request.resume(); // what a refused client still sends is read and thrown away, so that it reads the reply
      resolve(status);
    };
    request.on('data', take);
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', () => resolve(undefined));
    request.once('close', () => resolve(undefined));
  });
}

/**
 * Writes a reply at once, and ends it when the request has ended: to close a connection on which somebody still sends would
 * take the reply with it. Who waits for leave to send its body, and is refused, sends none.
 */
function send(request: IncomingMessage, response: ServerResponse, { status, headers, body }: HttpReply): void {
  const sendsOn = !request.complete && request.headers.expect === undefined;
  response.writeHead(status, headers);
  if (!sendsOn) return void response.end(body);
  response.write(body);
  finished(request, () => response.end()); // at its end, when the client leaves, or when its time is over
}
