import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { WebSocket } from 'ws';
import { Outgoing } from '../../../../node-core/host/outgoing.ts';

const MIB = 1024 * 1024;

/** A client that takes a piece when the test says so. */
class SlowClient extends EventEmitter {
  readonly OPEN = 1;
  readyState = 1;
  terminated = false;
  readonly received: string[] = [];
  readonly #pieces: { readonly bytes: Buffer; readonly fin: boolean; readonly left: () => void }[] = [];
  #message: Buffer[] = [];

  get underWayBytes(): number {
    return this.#pieces.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  send(bytes: Buffer, { fin }: { readonly fin: boolean }, left: () => void): void {
    this.#pieces.push({ bytes, fin, left });
  }

  /** False when there was nothing to take. */
  take(): boolean {
    const piece = this.#pieces.shift();
    if (piece === undefined) return false;
    this.#message.push(piece.bytes);
    if (piece.fin) this.received.push(String(Buffer.concat(this.#message.splice(0))));
    piece.left();
    return true;
  }

  terminate(): void {
    this.terminated = true;
    this.readyState = 3;
    this.emit('close');
  }
}

let client: SlowClient;
let outgoing: Outgoing;

beforeEach(() => {
  vi.useFakeTimers();
  client = new SlowClient();
  outgoing = new Outgoing(client as unknown as WebSocket);
});
afterEach(() => vi.useRealTimers());

test('a reply of 64 MiB reaches a client that takes a piece every 20 s, and what follows it too', () => {
  const reply = 'é'.repeat(32 * MIB);
  outgoing.send(reply);
  outgoing.send('after it');
  do vi.advanceTimersByTime(20_000);
  while (client.take());
  expect(client.terminated).toBe(false);
  expect(client.received).toHaveLength(2);
  expect(client.received[0] === reply).toBe(true);
  expect(client.received[1]).toBe('after it');
});

test('a client that takes nothing for 30 s is cut off, however little waits for it', () => {
  outgoing.send('hello');
  vi.advanceTimersByTime(29_999);
  expect(client.terminated).toBe(false);
  vi.advanceTimersByTime(1);
  expect(client.terminated).toBe(true);
});

test('the time begins anew with each piece, and nothing is cut off while nothing waits', () => {
  outgoing.send('x'.repeat(MIB));
  for (let taken = 0; taken < 4; taken++) {
    vi.advanceTimersByTime(29_000);
    client.take();
  }
  vi.advanceTimersByTime(3_600_000);
  expect(client.terminated).toBe(false);
});

test('no more than a window is under way at once', () => {
  outgoing.send('x'.repeat(40 * MIB));
  expect(client.underWayBytes).toBe(MIB);
  client.take();
  expect(client.underWayBytes).toBe(MIB);
});
