import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { HttpHandler, HttpReply } from '../../../../node-core/base/http.ts';
import type { Endpoint } from '../../../../node-core/base/transport.ts';
import { HttpServer } from '../../../../node-core/io/http-server.ts';
import { breakOff } from '../../../support/reset.ts';
import { uncaughtDuring } from '../../../support/uncaught.ts';

const MOST = 100_000;
const reply = (status: number): HttpReply => ({ status, headers: { 'content-length': '0' }, body: new Uint8Array() });

let server: HttpServer<string>;
let at: Endpoint;
let taken: number[];
let hold: Promise<void> | undefined;

const handler: HttpHandler<string> = {
  admit: ({ target }) => (target === '/no' ? reply(404) : undefined),
  async handle(_head, body) {
    taken.push(body.length);
    await hold;
    return reply(200);
  },
  refuse: (_head, status) => reply(status),
};

beforeEach(async () => {
  taken = [];
  hold = undefined;
  const limits = { mostBodyBytes: MOST, mostBytesUnderWay: 3 * MOST, mostBytesOfOneSource: 2 * MOST };
  server = new HttpServer({ handler, sourceOf: (peer) => peer, limits });
  at = await server.listen({ host: '127.0.0.1', port: 0 });
});
afterEach(() => server.close());

async function post(bytes: number, options: { agent?: Agent; path?: string; chunked?: boolean } = {}): Promise<number> {
  const { agent, path = '/', chunked = false } = options;
  const headers = chunked ? {} : { 'content-length': bytes };
  const outgoing = request({ ...at, method: 'POST', path, headers, ...(agent === undefined ? {} : { agent }) });
  outgoing.end(Buffer.alloc(bytes));
  const [incoming] = await once(outgoing, 'response');
  incoming.resume();
  await once(incoming, 'end');
  return incoming.statusCode;
}

describe('an HTTP server', () => {
  test('takes a body up to the limit, and answers a larger one without losing the connection', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect(await post(MOST, { agent })).toBe(200);
    expect(await post(40 * MOST, { agent, chunked: true })).toBe(413);
    expect(await post(5, { agent })).toBe(200);
    expect(taken).toEqual([MOST, 5]);
    agent.destroy();
  });

  test.each([
    ['before a request', ''],
    ['in the middle of a head', 'POST / HTTP/1.1\r\nHost: x'],
    ['in the middle of a body', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc'],
    ['while its reply is written', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc'],
    ['by one that was refused', 'POST /no HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n'],
    [
      'by one that was told to go on',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n',
    ],
    [
      'by one that wants another protocol',
      'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    ],
    ['by one that wants a tunnel', 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['by one that does not speak HTTP', '\x16\x03\x01\r\n\r\n'],
  ])('takes no harm from a reset %s', async (_when, words) => {
    const uncaught = await uncaughtDuring(async () => {
      for (const how of ['reset', 'end'] as const) await breakOff(at, words, how);
      expect(await post(5)).toBe(200);
    });
    expect(uncaught).toEqual([]);
  });

  test.each([
    ['by its head', '/no', 404],
    ['for its length', '/', 413],
  ])(
    'lets one that is refused %s, and wants to close, send its body to the end and read why',
    async (_how, path, status) => {
      const socket = connect(at.port, at.host);
      const body = 80 * MOST;
      socket.pause(); // as a program that writes first and reads then
      const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body}\r\n\r\n`;
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.write(head);
        socket.write(Buffer.alloc(body), () => resolve());
      });
      let received = '';
      socket.on('data', (chunk) => {
        received += String(chunk);
      });
      socket.resume();
      await once(socket, 'close');
      expect(received).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    },
  );

  test('refuses by the head before a body is asked for', async () => {
    const socket = connect(at.port, at.host);
    socket.write('POST /no HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n');
    const [first] = await once(socket, 'data');
    expect(String(first)).toMatch(/^HTTP\/1\.1 404/);
    socket.destroy();
  });

  test('counts the bytes that are under way until they are answered', async () => {
    let go = (): void => {};
    hold = new Promise((resolve) => {
      go = resolve;
    });
    const waiting = [post(MOST), post(MOST)];
    await expect.poll(() => taken.length).toBe(2);
    expect(await post(MOST)).toBe(503);
    go();
    expect(await Promise.all(waiting)).toEqual([200, 200]);
    expect(await post(MOST)).toBe(200);
  });

  test('forgets the bytes of clients that leave in the middle', async () => {
    for (let n = 0; n < 10; n++) {
      const socket = connect(at.port, at.host);
      socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${MOST}\r\n\r\n`);
      socket.write(Buffer.alloc(MOST - 1));
      await new Promise((resolve) => setTimeout(resolve, 10));
      socket.destroy();
    }
    await expect.poll(() => post(MOST)).toBe(200);
    expect(taken.filter((bytes) => bytes < MOST)).toEqual([]);
  });

  test.each([
    ['nothing', ''],
    ['half a head', 'POST / HTTP/1.1\r\nHost: x\r\n'],
    ['half a body', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc'],
  ])('answers newcomers, and those it has answered before, beside many who say %s', async (_what, words) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect(await post(1, { agent })).toBe(200);
    const crowd = Array.from({ length: 300 }, () => connect(at.port, at.host));
    for (const socket of crowd) socket.on('error', () => {}).write(words);
    await Promise.all(crowd.map((socket) => once(socket, 'connect')));
    expect(await post(2)).toBe(200);
    expect(await post(3, { agent })).toBe(200);
    expect(taken).toEqual([1, 2, 3]);
    for (const socket of crowd) socket.destroy();
    agent.destroy();
  });

  test('says which port is taken', async () => {
    const second = new HttpServer({ handler, sourceOf: (peer: string) => peer });
    await expect(second.listen(at)).rejects.toMatchObject({
      code: 'port.in-use',
      message: expect.stringContaining(`${at.port}`),
    });
  });
});
