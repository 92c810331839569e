import { expect, test } from 'vitest';
import type { Instant } from '../../../../node-core/base/clock.ts';
import type { ServiceStream, StreamHandler } from '../../../../node-core/node/service.ts';
import {
  type DataExchangeLimits,
  DataExchangeService,
  type DataMessage,
} from '../../../../node-core/services/data-exchange.ts';
import { DATA_TYPE, encodeDataFrame } from '../../../../node-core/wire/data-exchange.ts';

const at = (monotonicMs: number): Instant => ({ monotonicMs, unixNano: 0n });
const frame = (length: number) =>
  encodeDataFrame({ type: DATA_TYPE.binary, fileName: '', payload: new Uint8Array(length) });

/** One stream of a peer that is played by hand. */
class HandStream implements ServiceStream {
  readonly groupId = 0;
  readonly span = undefined;
  readonly written: Uint8Array[] = [];
  isReset = false;
  reads = true;
  readonly #arrived: Uint8Array[] = [];
  readonly #handler: StreamHandler;
  readonly peerNodeId: number;

  constructor(service: DataExchangeService, peerNodeId = 9) {
    this.peerNodeId = peerNodeId;
    this.#handler = service.accept(this);
  }

  link(): void {}

  read(): Uint8Array | undefined {
    return this.#arrived.shift();
  }

  write(bytes: Uint8Array): number {
    if (!this.reads) return 0;
    this.written.push(bytes);
    return bytes.length;
  }

  close(): void {}

  reset(): void {
    this.isReset = true;
  }

  arrive(bytes: Uint8Array, nowMs = 0): void {
    this.#arrived.push(bytes);
    this.#handler.handleReadable(at(nowMs));
  }

  end(): void {
    this.#handler.handleClosed(at(0));
  }

  get answers(): string[] {
    return this.written.map((bytes) => Buffer.from(bytes.subarray(8)).toString());
  }
}

function serve(limits: Partial<DataExchangeLimits> = {}, onMessage: (message: DataMessage) => void = () => {}) {
  return new DataExchangeService(onMessage, limits);
}

test('a frame longer than this node takes ends its stream before it is held', () => {
  const service = serve();
  const stream = new HandStream(service);
  stream.arrive(frame(16 * 1024 * 1024).subarray(0, 1_000));
  expect(stream.isReset).toBe(true);
  expect(service.faults.get('oversize')).toBe(1);
  expect(service.heldBytes).toBe(0);
});

test('unfinished frames of one peer hold a bounded amount over all its streams, and leave room for others', () => {
  const service = serve({ peerBytes: 1_000_000, bytes: 2_000_000 });
  const streams = Array.from({ length: 64 }, () => new HandStream(service));
  for (const stream of streams) stream.arrive(frame(100_000).subarray(0, 50_000));
  expect(service.heldBytes).toBeLessThanOrEqual(1_000_000);
  expect(streams.filter(({ isReset }) => isReset)).toHaveLength(service.faults.get('over-share') ?? 0);
  expect(service.faults.get('over-share')).toBeGreaterThan(32);
  const other = new HandStream(service, 10);
  other.arrive(frame(100_000));
  expect(other.answers).toEqual(['ACK BINARY 100000 bytes']);
});

test('unfinished frames of all peers together are bounded', () => {
  const service = serve({ peerBytes: 1_000_000, bytes: 2_000_000 });
  for (let peer = 1; peer <= 100; peer++) {
    new HandStream(service, peer).arrive(frame(100_000).subarray(0, 50_000));
  }
  expect(service.heldBytes).toBeLessThanOrEqual(2_000_000);
  expect(service.faults.get('over-share')).toBeGreaterThan(50);
});

test('a frame that is not whole in time ends its stream and gives back what it held', () => {
  const service = serve({ frameMs: 60_000 });
  const [slow, quick] = [new HandStream(service), new HandStream(service)];
  const bytes = frame(100_000);
  slow.arrive(bytes.subarray(0, 10), 1_000);
  quick.arrive(bytes.subarray(0, 10), 1_000);
  slow.arrive(bytes.subarray(10, 20), 59_000);
  quick.arrive(bytes.subarray(10), 60_000);
  expect(service.nextTimeout()).toBe(61_000);
  service.handleTimeout(at(61_000));
  expect([slow.isReset, quick.isReset]).toEqual([true, false]);
  expect(service.faults.get('too-slow')).toBe(1);
  expect(service.heldBytes).toBe(0);
  expect(service.nextTimeout()).toBeUndefined();
});

test('answers that a peer does not read count to what it holds', () => {
  const service = serve({ peerBytes: 10_000 });
  const streams = Array.from({ length: 20 }, () => new HandStream(service));
  for (const stream of streams) {
    stream.reads = false;
    for (let index = 0; index < 50; index++) stream.arrive(frame(1));
  }
  expect(service.heldBytes).toBeLessThanOrEqual(10_000);
  for (const stream of streams) stream.end();
  expect(service.heldBytes).toBe(0);
});

test('what the agent throws is no malformed frame: it is answered, counted, and the stream goes on', () => {
  let fails = true;
  const service = serve({}, () => {
    if (fails) throw new TypeError('no such field');
  });
  const stream = new HandStream(service);
  stream.arrive(frame(3));
  fails = false;
  stream.arrive(frame(3));
  expect(stream.isReset).toBe(false);
  expect(stream.answers).toEqual(['ERR BINARY save failed: the agent failed', 'ACK BINARY 3 bytes']);
  expect(service.faults.get('agent-failed')).toBe(1);
  expect(service.faults.get('malformed')).toBeUndefined();
});

test('a frame that cannot be read ends its stream as malformed', () => {
  const service = serve();
  const stream = new HandStream(service);
  const payload = Uint8Array.of(0, 3, 120, 121, 122);
  stream.arrive(encodeDataFrame({ type: DATA_TYPE.tagged, fileName: '', payload }));
  expect(stream.isReset).toBe(true);
  expect(service.faults.get('malformed')).toBe(1);
});
