import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { type Endpoint, formatEndpoint } from '../base/transport.ts';
import {
  acknowledge,
  busy,
  type ExpectedExport,
  type ExportBatch,
  type HttpReply,
  judgeHead,
  LARGEST_BODY_BYTES,
  readExport,
  tooLarge,
} from '../collector/otlp-receiver.ts';
import type { Exporter } from '../collector/span.ts';

/** Stores a batch; resolves with true once it is on disk, with false when there is no room for it now. */
export type KeepBatch = (batch: ExportBatch) => Promise<boolean>;

const REQUEST_TIMEOUT_MS = 30_000;
const LARGEST_HEADER_BYTES = 32 * 1024;
/** Bodies that are being read at once, over all connections. */
const LARGEST_PENDING_BYTES = 128 * 1024 * 1024;

/** OTLP over HTTP: on loopback for programs of this machine, and on streams of the overlay for the fleet. */
export class OtlpServer {
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #keep: KeepBatch;
  readonly #peers = new WeakMap<Duplex, Exporter>();
  #pendingBytes = 0;

  constructor(clock: Clock, keep: KeepBatch) {
    this.#clock = clock;
    this.#keep = keep;
    const limits = {
      maxHeaderSize: LARGEST_HEADER_BYTES,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: 60_000,
    };
    this.#server = createServer(limits, (request, reply) => void this.#handle(request, reply));
    this.#server.on(
      'checkContinue',
      (request: IncomingMessage, reply: ServerResponse) => void this.#handle(request, reply),
    );
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => refuseSocket(error, socket));
    this.#server.maxConnections = 1_024;
  }

  /** Listens on the first of the endpoints that can be had, and says which. */
  async listen(...endpoints: readonly Endpoint[]): Promise<string> {
    let failure: unknown;
    for (const { host, port } of endpoints) {
      try {
        await new Promise<void>((resolve, reject) => {
          this.#server.once('error', reject);
          this.#server.listen(port, host, () => {
            this.#server.off('error', reject);
            resolve();
          });
        });
        const address = this.#server.address();
        if (address !== null && typeof address === 'object')
          return formatEndpoint({ host: address.address, port: address.port });
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  /** Serves one stream of the overlay; what comes by it is the peer's. */
  serveStream(stream: Duplex, peer: Exporter): void {
    this.#peers.set(stream, peer);
    stream.on('error', () => stream.destroy());
    this.#server.emit('connection', stream);
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #handle(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const exporter = this.#peers.get(request.socket);
    const { method = '', url = '', headers } = request;
    const judged = judgeHead({ method, url, headers, overlay: exporter !== undefined });
    if ('status' in judged) return send(request, reply, judged);
    if (headers.expect !== undefined) reply.writeContinue();
    const body = await this.#readBody(request, judged);
    if (body === undefined) return;
    send(request, reply, 'status' in body ? body : await this.#store(judged, body.bytes, exporter));
  }

  async #store(expected: ExpectedExport, body: Uint8Array, exporter: Exporter | undefined): Promise<HttpReply> {
    const read = readExport(expected, body, { arrivedAt: this.#clock.now().unixNano, exporter });
    if ('status' in read) return read;
    const kept = await this.#keep(read);
    return kept ? acknowledge(expected, read.decoded) : busy(expected.encoding, 'the store is busy');
  }

  /** Undefined when the client went away: nobody waits for a reply. */
  #readBody(
    request: IncomingMessage,
    expected: ExpectedExport,
  ): Promise<{ readonly bytes: Uint8Array } | HttpReply | undefined> {
    return new Promise((resolve) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const settle = (outcome: { readonly bytes: Uint8Array } | HttpReply | undefined) => {
        this.#pendingBytes -= size;
        size = 0;
        request.removeAllListeners('data');
        resolve(outcome);
      };
      request.on('data', (chunk: Buffer) => {
        size += chunk.length;
        this.#pendingBytes += chunk.length;
        chunks.push(chunk);
        if (size > LARGEST_BODY_BYTES) settle(tooLarge(expected.encoding));
        else if (this.#pendingBytes > LARGEST_PENDING_BYTES)
          settle(busy(expected.encoding, 'too much is being sent at once'));
      });
      request.once('end', () => settle({ bytes: Buffer.concat(chunks) }));
      request.once('close', () => settle(undefined));
      request.once('error', () => settle(undefined));
    });
  }
}

/** A refused request whose body still comes is answered at once, and its connection ends. */
function send(request: IncomingMessage, reply: ServerResponse, { status, headers, body }: HttpReply): void {
  if (reply.headersSent || reply.destroyed) return;
  const ends = request.complete ? {} : { connection: 'close' };
  reply.writeHead(status, { ...headers, ...ends, 'content-length': Buffer.byteLength(body) });
  reply.end(body, () => {
    if (!request.complete) request.resume();
  });
}

function refuseSocket(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable) return void socket.destroy();
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
