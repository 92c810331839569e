import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ReceiveBuffer } from '../../../../node-core/stream/receive-buffer.ts';
import { STREAM_DEFAULTS } from '../../../../node-core/stream/stream-config.ts';

const bytes = (length: number) => new Uint8Array(length);
const blocks = (buffer: ReceiveBuffer) => buffer.sackBlocks().map(({ left, right }) => [left, right]);

function lengths(buffer: ReceiveBuffer): number[] {
  const read: number[] = [];
  for (let part = buffer.read(); part !== undefined; part = buffer.read()) read.push(part.length);
  return read;
}

describe('ReceiveBuffer', () => {
  test('fills holes by exact start and reports what waits behind them', () => {
    const buffer = new ReceiveBuffer(STREAM_DEFAULTS, 1);
    expect(buffer.accept(101, bytes(100))).toBe('stored');
    expect(buffer.accept(301, bytes(100))).toBe('stored');
    expect(blocks(buffer)).toEqual([
      [101, 201],
      [301, 401],
    ]);
    expect(buffer.accept(1, bytes(100))).toBe('delivered');
    expect([buffer.expected, blocks(buffer)]).toEqual([201, [[301, 401]]]);
    expect(buffer.accept(201, bytes(100))).toBe('delivered');
    expect([buffer.expected, blocks(buffer), lengths(buffer)]).toEqual([401, [], [100, 100, 100, 100]]);
  });

  test('merges no partial overlap, and drops what the acknowledgement has passed', () => {
    const buffer = new ReceiveBuffer(STREAM_DEFAULTS, 1);
    buffer.accept(1, bytes(100));
    expect(buffer.accept(51, bytes(100))).toBe('stale');
    expect(buffer.accept(151, bytes(100))).toBe('stored');
    expect(buffer.accept(101, bytes(100))).toBe('delivered');
    expect([buffer.expected, buffer.earlySegments]).toEqual([201, 0]);
  });

  test('reports the highest four blocks, ascending also across the wrap', () => {
    const buffer = new ReceiveBuffer(STREAM_DEFAULTS, 0xffff_ff00);
    for (const sequence of [0xffff_ff20, 0xffff_ff60, 0xffff_ffa0, 0xffff_fff8, 0x20, 0x60]) {
      expect(buffer.accept(sequence, bytes(16))).toBe('stored');
    }
    expect(blocks(buffer)).toEqual([
      [0xffff_ffa0, 0xffff_ffb0],
      [0xffff_fff8, 0x08],
      [0x20, 0x30],
      [0x60, 0x70],
    ]);
  });

  test('keeps 128 early segments, each start once', () => {
    const buffer = new ReceiveBuffer(STREAM_DEFAULTS, 1);
    const outcomes = Array.from({ length: 130 }, (_, index) => buffer.accept(11 + 10 * index, bytes(5)));
    expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(128);
    expect(buffer.accept(11, bytes(7))).toBe('stale');
    expect(buffer.accept(2_001, bytes(5))).toBe('full');
  });

  test('advertises free segments down to 0, drops the next, and opens as it is read', () => {
    const buffer = new ReceiveBuffer({ ...STREAM_DEFAULTS, receiveSegments: 2 }, 1);
    expect(buffer.window).toBe(2);
    buffer.accept(1, bytes(10));
    buffer.accept(11, bytes(10));
    expect(buffer.window).toBe(0);
    expect(buffer.accept(21, bytes(10))).toBe('full');
    expect([buffer.read()?.length, buffer.window, buffer.expected]).toEqual([10, 1, 21]);
  });

  test('early segments that a full queue held back follow as it is read', () => {
    const buffer = new ReceiveBuffer({ ...STREAM_DEFAULTS, receiveSegments: 1 }, 1);
    buffer.accept(11, bytes(20));
    buffer.accept(1, bytes(10));
    expect([buffer.expected, buffer.earlySegments]).toEqual([11, 1]);
    expect(lengths(buffer)).toEqual([10, 20]);
    expect(buffer.expected).toBe(31);
  });

  test('bounds the bytes of a peer with large segments', () => {
    const buffer = new ReceiveBuffer({ ...STREAM_DEFAULTS, receiveBytes: 150_000 }, 0);
    expect(buffer.accept(0, bytes(65_000))).toBe('delivered');
    expect(buffer.window).toBe(1);
    expect(buffer.accept(65_000, bytes(65_000))).toBe('delivered');
    expect(buffer.window).toBe(0);
    expect(buffer.accept(130_000, bytes(65_000))).toBe('full');
  });

  test('half the number space away is the past', () => {
    const buffer = new ReceiveBuffer(STREAM_DEFAULTS, 0x8000_0001);
    expect(buffer.accept(1, bytes(10))).toBe('stale');
  });

  test('restores any order of arrival with repeats, from any first sequence', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffff_ffff }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 60 }),
        fc.array(fc.nat(), { maxLength: 200 }),
        (first, sizes, arrivals) => {
          const buffer = new ReceiveBuffer(STREAM_DEFAULTS, first);
          let offset = 0;
          const segments = sizes.map((size) => {
            const payload = Uint8Array.from({ length: size }, (_, index) => (offset + index) & 0xff);
            const segment = { sequence: (first + offset) >>> 0, payload };
            offset += size;
            return segment;
          });
          const order = [...arrivals.map((arrival) => arrival % sizes.length), ...sizes.map((_, index) => index)];
          for (const index of order) {
            const segment = segments[index];
            if (segment !== undefined) buffer.accept(segment.sequence, segment.payload);
          }
          const read: number[] = [];
          for (let part = buffer.read(); part !== undefined; part = buffer.read()) read.push(...part);
          expect(read).toEqual(Array.from({ length: offset }, (_, index) => index & 0xff));
          expect([buffer.earlySegments, buffer.expected]).toEqual([0, (first + offset) >>> 0]);
        },
      ),
      { numRuns: 200 },
    );
  });
});
