import { once } from 'node:events';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';

import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { createORPCClient } from '@orpc/client';
import { RPCLink } from '@orpc/client/websocket';
import { os, type RouterClient } from '@orpc/server';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { type DeckServer, serveDeck } from '../../../node-core/host/deck-server.ts';
import type { DeckRouter } from '../../../node-core/host/router.ts';
import { proveToDeck } from '../../support/prove-to-deck.ts';
import { breakOff } from '../../support/reset.ts';
import { uncaughtDuring } from '../../support/uncaught.ts';

const TOKEN = 'a token + of sixteen bytes and more';
const LARGE_REPLY_BYTES = 48 * 1024 * 1024;
const CALLS = {
  hello: os.handler(() => 'hello'),
  large: os.handler(() => 'x'.repeat(LARGE_REPLY_BYTES)),
};
/** More than the buffers on the way take, so that it is not read to its end before its reader reads. */
const LARGE_BYTES = 64 * 1024 * 1024;

let pages: string;
let server: DeckServer;

beforeEach(async () => {
  pages = await mkdtemp(join(tmpdir(), 'flightdeck-pages-'));
  await writeFile(join(pages, 'index.html'), '<p>first</p>');
  server = await serveDeck(CALLS as unknown as DeckRouter, { host: '127.0.0.1', port: 0 }, TOKEN, pages);
});
afterEach(async () => {
  await server.close();
  await rm(pages, { recursive: true, force: true });
});

/** The head of a reply; its body is not read yet. */
function get(path: string, ask: (asked: ClientRequest) => void = () => {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = request(new URL(path, server.url), resolve);
    asked.once('error', reject);
    ask(asked);
    asked.end();
  });
}

const page = async (path: string) => text(await get(path));

test('a page is served as it is now, and not once it is deleted', async () => {
  expect(await page('/')).toBe('<p>first</p>');
  await writeFile(join(pages, 'index.html'), '<p>second and longer</p>');
  expect(await page('/?again')).toBe('<p>second and longer</p>');
  await writeFile(join(pages, 'index.html'), '<p>3</p>');
  expect(await page('/index.html')).toBe('<p>3</p>');
  await rm(join(pages, 'index.html'));
  expect((await get('/')).statusCode).toBe(404);
  await writeFile(join(pages, 'late.js'), 'let late;');
  expect(await page('/late.js')).toBe('let late;');
});

test.each([
  { what: 'deleted', change: (file: string) => rm(file) },
  { what: 'truncated', change: (file: string) => truncate(file, 10) },
  { what: 'replaced', change: (file: string) => writeFile(file, 'short') },
])('a page that is $what while it is read harms no other', async ({ change }) => {
  const file = join(pages, 'large.js');
  await writeFile(file, Buffer.alloc(LARGE_BYTES, 'x'));
  const slow = await get('/large.js');
  await change(file);
  const read = await text(slow).catch(() => 'broken off');
  expect(read).toMatch(/^(x+|broken off)$/);
  expect(await page('/')).toBe('<p>first</p>');
});

test('a page that cannot be read breaks its reply off and harms no other', async () => {
  await mkdir(join(pages, 'folder.js'));
  await expect(get('/folder.js').then(text)).rejects.toThrow();
  expect(await page('/')).toBe('<p>first</p>');
});

test('a reader that leaves in the middle harms no other', async () => {
  await writeFile(join(pages, 'large.js'), Buffer.alloc(LARGE_BYTES, 'x'));
  (await get('/large.js')).destroy();
  expect(await page('/')).toBe('<p>first</p>');
});

test('a range that ends before it starts is not looked at', async () => {
  const reply = await get('/', (asked) => asked.setHeader('range', 'bytes=9-3'));
  expect([reply.statusCode, await text(reply)]).toEqual([200, '<p>first</p>']);
});

describe('the contract is spoken', () => {
  const open = async (url = server.address) => {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}rpc`);
    await once(socket, 'open');
    return socket;
  };
  const closing = async (socket: WebSocket) => (await once(socket, 'close'))[0];

  const spoken = async () => {
    const socket = await open();
    await proveToDeck(socket, server.url);
    const link = new RPCLink({ websocket: socket as unknown as globalThis.WebSocket });
    const client: RouterClient<typeof CALLS> = createORPCClient(link);
    return { socket, client };
  };

  test('with a page that proves that it knows the token, and is shown the same', async () => {
    const { socket, client } = await spoken();
    expect(await client.hello()).toBe('hello');
    socket.terminate();
  });

  test('in replies of any size, and nothing else on the socket ends by them', async () => {
    const { socket, client } = await spoken();
    const large = client.large();
    socket.pause();
    await sleep(300); // whatever would be judged by its size has been by now
    socket.resume();
    expect((await large).length).toBe(LARGE_REPLY_BYTES);
    expect(await client.hello()).toBe('hello');
    socket.terminate();
  });

  test.each([
    ['says the token itself', (url: string) => ({ token: url.replace(/^.*=/, '') })],
    ['says nothing of use', () => 'hello'],
    ['greets with too little', () => ({ nonce: '00' })],
  ])('with nobody who %s', async (_what, words) => {
    const socket = await open();
    socket.send(JSON.stringify(words(server.url)));
    expect(await closing(socket)).toBe(4401);
  });

  test('with nobody who knows another token, or passes on what was proven for another address', async () => {
    const wrong = await open();
    await proveToDeck(wrong, `${server.address}#token=another token of sixteen bytes`);
    expect(await closing(wrong)).toBe(4401);
    const passedOn = await open();
    await proveToDeck(passedOn, server.url.replace('127.0.0.1', 'localhost'));
    expect(await closing(passedOn)).toBe(4401);
  });

  test('never because of an answer given before', async () => {
    const first = await open();
    const said: string[] = [];
    const send = first.send.bind(first);
    first.send = ((text: string) => {
      said.push(text);
      send(text);
    }) as typeof first.send;
    await proveToDeck(first, server.url);
    const again = await open();
    for (const text of said) again.send(text);
    expect(await closing(again)).toBe(4401);
    first.terminate();
  });
});

test('a page is let in however many others open sockets and say nothing, and those that are in stay', async () => {
  const strangers: WebSocket[] = [];
  const crowd = async () => {
    const url = `${server.address.replace(/^http/, 'ws')}rpc`;
    const come = Array.from({ length: 100 }, () => new WebSocket(url));
    strangers.push(...come);
    await Promise.all(come.map((socket) => once(socket, 'open')));
  };
  const enter = async () => {
    const socket = new WebSocket(`${server.address.replace(/^http/, 'ws')}rpc`);
    await once(socket, 'open');
    await proveToDeck(socket, server.url);
    const link = new RPCLink({ websocket: socket as unknown as globalThis.WebSocket });
    const client: RouterClient<typeof CALLS> = createORPCClient(link);
    return { socket, client };
  };
  await crowd();
  const first = await enter();
  await crowd();
  const second = await enter();
  expect(await first.client.hello()).toBe('hello');
  expect(await second.client.hello()).toBe('hello');
  for (const socket of [...strangers, first.socket, second.socket]) socket.terminate();
});

describe('a connection that is reset harms no other', () => {
  const upgrade = (path: string, origin: string) => {
    const { host } = new URL(server.url);
    const handshake = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n';
    const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
    return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${origin}\r\n${handshake}${key}\r\n`;
  };
  const ours = () => new URL(server.url).origin;
  const greeting = JSON.stringify({ nonce: '0'.repeat(64) });
  const masked = (text: string) => `\x81${String.fromCharCode(0x80 + text.length)}\0\0\0\0${text}`;

  test.each([
    ['before a request', () => ''],
    ['in the middle of a request', () => 'GET / HTTP/1.1\r\nHost: 127.0.0.1'],
    ['that asks for a page', () => 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'],
    ['that is no HTTP', () => '\x16\x03\x01 hello\r\n\r\n'],
    ['of an upgrade from another origin', () => upgrade('/rpc', 'http://elsewhere.example')],
    ['of an upgrade elsewhere', () => upgrade('/other', ours())],
    ['of an upgrade that ws itself refuses', () => upgrade('/rpc', ours()).replace('Version: 13', 'Version: 12')],
    ['before it said who it is', () => upgrade('/rpc', ours())],
    ['in the middle of a frame', () => `${upgrade('/rpc', ours())}\x81\xfe`],
    ['with a wrong frame', () => `${upgrade('/rpc', ours())}\xff\xff\xff`],
    ['that did not greet', () => upgrade('/rpc', ours()) + masked('{"token":"wrong"}')],
    ['that did not prove itself', () => upgrade('/rpc', ours()) + masked(greeting) + masked('{"proof":"wrong"}')],
  ])('%s', async (_when, words) => {
    const { hostname, port } = new URL(server.url);
    const uncaught = await uncaughtDuring(async () => {
      for (const how of ['reset', 'end'] as const) await breakOff({ host: hostname, port: Number(port) }, words(), how);
      expect(await page('/')).toBe('<p>first</p>');
    });
    expect(uncaught).toEqual([]);
  });

  test('when every place is taken', async () => {
    const { hostname, port } = new URL(server.url);
    const to = { host: hostname, port: Number(port) };
    const uncaught = await uncaughtDuring(async () => {
      const held = await Promise.all(Array.from({ length: 64 }, () => upgraded(to, upgrade('/rpc', ours()))));
      await breakOff(to, upgrade('/rpc', ours()), 'reset');
      for (const socket of held) socket.resetAndDestroy();
      expect(await page('/')).toBe('<p>first</p>');
    });
    expect(uncaught).toEqual([]);
  });

  test('and a refused one that keeps its end open holds up no end', async () => {
    const { hostname, port } = new URL(server.url);
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    socket.write(upgrade('/other', ours()));
    socket.resume();
    await once(socket, 'end');
    await server.close();
    socket.destroy();
  });
});

async function upgraded(to: { host: string; port: number }, words: string): Promise<Socket> {
  const socket = connect(to);
  socket.write(words);
  const [reply] = await once(socket, 'data');
  expect(String(reply)).toMatch(/^HTTP\/1.1 101 /);
  return socket;
}
