import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SendBuffer } from '../../../../node-core/stream/send-buffer.ts';
import { STREAM_DEFAULTS } from '../../../../node-core/stream/stream-config.ts';
import { isSackPayload } from '../../../../node-core/wire/sack.ts';

const limits = { ...STREAM_DEFAULTS, segmentBytes: 100 };

function takeAll(buffer: SendBuffer, nowMs = 0, flush = true): number[] {
  const taken: number[] = [];
  for (;;) {
    const segment = buffer.takeNew(taken.length + 1, nowMs, flush);
    if (segment === undefined) return taken;
    taken.push(segment.payload.length);
  }
}

describe('SendBuffer', () => {
  test('cuts at the segment size and counts what is free', () => {
    const buffer = new SendBuffer({ ...limits, sendBufferBytes: 250 }, 1);
    expect(buffer.write(new Uint8Array(300), 0)).toBe(250);
    expect([buffer.freeBytes, buffer.write(new Uint8Array(1), 0)]).toEqual([0, 0]);
    expect(takeAll(buffer)).toEqual([100, 100, 50]);
    expect([buffer.next, buffer.inFlightBytes, buffer.flyingBytes, buffer.freeBytes]).toEqual([251, 250, 250, 0]);
    buffer.acknowledge(101);
    expect([buffer.inFlightBytes, buffer.freeBytes]).toEqual([150, 100]);
  });

  test('holds a small segment back while data is in flight, at most 40 ms, and joins what is written meanwhile', () => {
    const buffer = new SendBuffer(limits, 1);
    buffer.write(new Uint8Array(10), 0);
    expect(takeAll(buffer, 0, false)).toEqual([10]);
    buffer.write(new Uint8Array(10), 5);
    expect([takeAll(buffer, 5, false), buffer.heldUntil()]).toEqual([[], 45]);
    buffer.write(new Uint8Array(20), 30);
    expect([takeAll(buffer, 44, false), takeAll(buffer, 45, false)]).toEqual([[], [30]]);
    buffer.write(new Uint8Array(10), 50);
    buffer.acknowledge(41);
    expect(takeAll(buffer, 51, false)).toEqual([10]);
  });

  test('holds nothing back without Nagle or when flushing', () => {
    const plain = new SendBuffer({ ...limits, nagle: false }, 1);
    plain.write(new Uint8Array(10), 0);
    expect(takeAll(plain, 0, false)).toEqual([10]);
    plain.write(new Uint8Array(10), 0);
    expect(takeAll(plain, 0, false)).toEqual([10]);
  });

  test('splits user data that every receiver would take for a SACK', () => {
    const buffer = new SendBuffer(limits, 1);
    buffer.write(Uint8Array.of(0x53, 0x41, 0x43, 0x4b, 1, 0, 0, 0, 1, 0, 0, 0, 2, 9), 0);
    expect(takeAll(buffer)).toEqual([4, 10]);
    expect(buffer.inFlight.map((segment) => segment.sequence)).toEqual([1, 5]);
  });

  test('marks a segment only when one block covers it whole', () => {
    const buffer = new SendBuffer({ ...limits, segmentBytes: 10 }, 0xffff_fffb);
    buffer.write(new Uint8Array(40), 0);
    takeAll(buffer);
    const fates = () => buffer.inFlight.map((segment) => segment.fate === 'sacked');
    expect(buffer.markSacked([{ left: 0, right: 12 }])).toHaveLength(0);
    expect(buffer.markSacked([{ left: 5, right: 15 }])).toHaveLength(1);
    expect(buffer.markSacked([{ left: 5, right: 15 }])).toHaveLength(0);
    expect([fates(), buffer.flyingBytes]).toEqual([[false, true, false, false], 30]);
    expect(buffer.markSacked([{ left: 10, right: 5 }])).toHaveLength(0); // a reversed block means nothing
    buffer.clearSacked();
    expect([fates(), buffer.flyingBytes]).toEqual([[false, false, false, false], 40]);
  });

  test('a partly acknowledged segment stays whole', () => {
    const buffer = new SendBuffer(limits, 1);
    buffer.write(new Uint8Array(100), 0);
    takeAll(buffer);
    expect(buffer.acknowledge(51)).toHaveLength(0);
    expect(buffer.inFlight[0]).toMatchObject({ sequence: 1, transmissions: 1 });
    expect(buffer.acknowledge(101)).toHaveLength(1);
  });

  test('sends exactly what was written, whatever the writes, in segments that are never SACKs', () => {
    const sackish = fc.constantFrom(
      ...[1, 2, 3, 4].map((n) => Uint8Array.of(0x53, 0x41, 0x43, 0x4b, n, ...new Uint8Array(40))),
    );
    const chunk = fc.oneof(fc.uint8Array({ maxLength: 300 }), sackish);
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 30 }), fc.integer({ min: 0, max: 0xffff_ffff }), (chunks, first) => {
        const buffer = new SendBuffer(limits, first);
        const sent: number[] = [];
        for (const [index, part] of chunks.entries()) {
          buffer.write(part, index);
          if (index % 3 === 0) takeAll(buffer, index, index % 2 === 0);
        }
        takeAll(buffer);
        for (const segment of buffer.inFlight) {
          expect(isSackPayload(segment.payload)).toBe(false);
          expect(segment.payload.length).toBeLessThanOrEqual(100);
          expect(segment.sequence).toBe((first + sent.length) >>> 0);
          sent.push(...segment.payload);
        }
        expect(sent).toEqual(chunks.flatMap((part) => [...part]));
      }),
      { numRuns: 200 },
    );
  });
});
