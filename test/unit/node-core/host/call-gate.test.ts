import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { gated } from '../../../../node-core/host/call-gate.ts';

/** A client's socket as far as the gate knows it. */
class FakeSocket extends EventEmitter {
  readonly OPEN = 1;
  readonly sent: string[] = [];
  readyState = 1;
  closedWith: readonly [code: number, reason: string] | undefined;
  terminated = false;

  send(message: Buffer, _options: object, left: () => void): void {
    this.sent.push(String(message));
    left();
  }

  close(code: number, reason: string): void {
    this.readyState = 2;
    this.closedWith = [code, reason];
  }

  terminate(): void {
    this.terminated = true;
  }
}

let socket: FakeSocket;
let gate: ReturnType<typeof gated>;
let handled: string[];

beforeEach(() => {
  socket = new FakeSocket();
  gate = gated(socket as unknown as WebSocket);
  handled = [];
  gate.addEventListener('message', ({ data }: { data: unknown }) => handled.push(String(data)));
});

const receive = (message: unknown, isBinary = false) =>
  socket.emit('message', Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)), isBinary);
const callOf = (id: string | number) => ({ i: String(id), p: { u: '/graph/watch' } });
const fill = () => {
  for (let id = 0; id < 64; id++) receive(callOf(id));
};

test('hands calls and their ends to the handler as they came', () => {
  const call = '{"i":"1","p":{"u":"/peer/ping","h":{"a":"b"},"b":{"json":{"nodeId":1}}}}';
  receive(call);
  receive('{"i":"1","t":4}');
  expect(handled).toEqual([call, '{"i":"1","t":4}']);
  expect(socket.closedWith).toBeUndefined();
});

test('hands replies to the client', () => {
  gate.send('{"i":"1","p":{}}');
  expect(socket.sent).toEqual(['{"i":"1","p":{}}']);
});

test('tells the handler when the socket is closed', () => {
  let closed = 0;
  gate.addEventListener('close', () => {
    closed += 1;
  });
  socket.emit('close', 1_000, Buffer.alloc(0));
  expect(closed).toBe(1);
});

test.each([
  ['text that is no JSON', 'hello', 'no message of the contract'],
  ['no object', '7', 'no message of the contract'],
  ['a message without an id', { p: { u: '/graph/watch' } }, 'no message of the contract'],
  ['an id that is no text', { i: 1, p: { u: '/graph/watch' } }, 'no message of the contract'],
  ['an endless id', callOf('x'.repeat(65)), 'no message of the contract'],
  ['a reply', { i: '1', t: 2, p: {} }, 'no message of the contract'],
  ['an event of a feed', { i: '1', t: 3, p: { e: 'message', d: 1 } }, 'no message of the contract'],
  ['a kind that there is not', { i: '1', t: 5 }, 'no message of the contract'],
  ['a call of nothing', { i: '1' }, 'no call of the contract'],
  ['a call elsewhere', { i: '1', p: { u: 'http://evil.example/' } }, 'no call of the contract'],
  ['headers that are no text', { i: '1', p: { u: '/graph/watch', h: { a: 1 } } }, 'no call of the contract'],
])('%s ends the socket', (_what, message, reason) => {
  receive(message);
  expect(socket.closedWith).toEqual([4400, reason]);
  expect(handled).toEqual([]);
});

test('a binary message ends the socket, whatever it says', () => {
  receive(callOf(1), true);
  expect(socket.closedWith).toEqual([4400, 'not text']);
  expect(handled).toEqual([]);
});

test('what still comes from a socket that was ended is not handled', () => {
  receive('hello');
  receive(callOf(1));
  expect(handled).toEqual([]);
});

describe('with 64 calls under way', () => {
  const FEED = { i: '7', p: { h: { 'content-type': 'text/event-stream' } } };
  const reply = (message: unknown) => gate.send(JSON.stringify(message));

  beforeEach(fill);

  test('one more ends the socket', () => {
    expect(handled).toHaveLength(64);
    receive(callOf(64));
    expect(socket.closedWith).toEqual([4400, 'too many calls at once']);
    expect(handled).toHaveLength(64);
  });

  test.each([
    ['a reply', () => reply({ i: '7', p: { b: { json: null } } })],
    ['an error', () => reply({ i: '7', p: { s: 500, b: {} } })],
    ['the end of a feed', () => [FEED, { i: '7', t: 3, p: { e: 'done' } }].forEach(reply)],
    ['the failure of a feed', () => [FEED, { i: '7', t: 3, p: { e: 'error' } }].forEach(reply)],
    ['the end that the client asked for', () => receive({ i: '7', t: 4 })],
  ])('%s makes room for one more, and no more', (_what, end) => {
    end();
    receive(callOf('next'));
    expect(socket.closedWith).toBeUndefined();
    receive(callOf('one too many'));
    expect(socket.closedWith).toEqual([4400, 'too many calls at once']);
  });

  test.each([
    ['the beginning of a feed', () => reply(FEED)],
    ['an event of a feed', () => [FEED, { i: '7', t: 3, p: { e: 'message', d: 1 } }].forEach(reply)],
    ['the reply to another socket', () => reply({ i: 'another', p: {} })],
    ['the end of a call that there is not', () => receive({ i: 'another', t: 4 })],
  ])('%s makes no room', (_what, act) => {
    act();
    receive(callOf('one too many'));
    expect(socket.closedWith).toEqual([4400, 'too many calls at once']);
  });
});
