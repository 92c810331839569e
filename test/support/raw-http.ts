import { connect } from 'node:net';
import { parseEndpoint } from '../../node-core/base/transport.ts';
import type { CorpusRequest } from './corpus.ts';

export interface RawReply {
  readonly status: number | 'closed';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Time to `100 Continue`, where it was waited for. */
  readonly continueMs: number | undefined;
}

const TIMEOUT_MS = 30_000;
const HEAD_END = Buffer.from('\r\n\r\n');

/** Sends exactly the bytes a case asks for, on a connection of its own, and reads one reply. */
export function sendRaw(address: string, request: CorpusRequest, body: Buffer): Promise<RawReply> {
  const endpoint = parseEndpoint(address);
  if (endpoint === undefined) throw new Error(`no address: ${address}`);
  const head = Buffer.from(`${requestLines(address, request, body).join('\r\n')}\r\n\r\n`);
  const framed = frame(request, body);
  return new Promise((resolve, reject) => {
    const socket = connect(endpoint.port, endpoint.host);
    const startedAt = performance.now();
    let received = Buffer.alloc(0);
    let continueMs: number | undefined;
    const finish = (): void => {
      clearTimeout(deadline);
      socket.destroy();
      resolve(parseReply(received, continueMs));
    };
    const deadline = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no reply in ${TIMEOUT_MS} ms`));
    }, TIMEOUT_MS);
    socket.on('connect', () => {
      socket.write(head);
      if (request.framing === 'expect') return;
      if (request.framing === 'short') socket.end(framed);
      else socket.write(framed);
    });
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (request.framing === 'expect' && continueMs === undefined && startsWithContinue(received)) {
        continueMs = performance.now() - startedAt;
        received = received.subarray(received.indexOf(HEAD_END) + HEAD_END.length);
        socket.write(framed);
      }
      if (isWhole(received)) finish();
    });
    socket.on('error', () => {}); // a reset is a closed connection; what came before it counts
    socket.on('close', finish);
  });
}

function requestLines(address: string, request: CorpusRequest, body: Buffer): string[] {
  const headers = new Map(Object.entries(request.headers));
  if (!headers.has('Host')) headers.set('Host', address);
  if (request.bigHeader !== undefined) headers.set('X-Big', 'x'.repeat(request.bigHeader));
  headers.set('Connection', 'close');
  const lengths: Record<string, readonly string[]> = {
    length: [`Content-Length: ${body.length}`],
    expect: [`Content-Length: ${body.length}`],
    short: [`Content-Length: ${body.length + 100}`],
    chunked: ['Transfer-Encoding: chunked'],
    'cl-and-te': ['Content-Length: 3', 'Transfer-Encoding: chunked'],
  };
  return [
    `${request.method} ${request.path} HTTP/1.1`,
    ...[...headers].map(([name, value]) => `${name}: ${value}`),
    ...(lengths[request.framing ?? 'length'] ?? []),
  ];
}

function frame({ framing }: CorpusRequest, body: Buffer): Buffer {
  if (framing !== 'chunked' && framing !== 'cl-and-te') return body;
  const middle = body.length >> 1;
  const chunks = [body.subarray(0, middle), body.subarray(middle)].filter((chunk) => chunk.length > 0);
  const parts = chunks.flatMap((chunk) => [
    Buffer.from(`${chunk.length.toString(16)}\r\n`),
    chunk,
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

function startsWithContinue(received: Buffer): boolean {
  return received.toString('latin1').startsWith('HTTP/1.1 100') && received.includes(HEAD_END);
}

function isWhole(received: Buffer): boolean {
  const end = received.indexOf(HEAD_END);
  if (end < 0) return false;
  const length = /^content-length: *(\d+)/im.exec(received.toString('latin1', 0, end))?.[1];
  return length !== undefined && received.length >= end + HEAD_END.length + Number(length);
}

function parseReply(received: Buffer, continueMs: number | undefined): RawReply {
  const end = received.indexOf(HEAD_END);
  if (end < 0) return { status: 'closed', headers: {}, body: Buffer.alloc(0), continueMs };
  const [first = '', ...lines] = received.toString('latin1', 0, end).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  return { status: Number(first.split(' ')[1]), headers, body: received.subarray(end + HEAD_END.length), continueMs };
}
