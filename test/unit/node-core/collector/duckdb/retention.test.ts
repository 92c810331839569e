import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { filesToDrop, type KeptFile } from '../../../../../node-core/collector/duckdb/retention.ts';

const MINUTE = 60_000_000_000n;

/** A file of the n-th day, on which arrivals went on for so many minutes. */
function ofDay(n: number, minutes = 60, bytes = 10): KeptFile {
  const day = new Date(Date.UTC(2026, 0, n)).toISOString().slice(0, 10);
  const first = BigInt(Date.UTC(2026, 0, n)) * 1_000_000n;
  return { day, bytes, arrivals: { first, last: first + BigInt(minutes) * MINUTE } };
}

const limits = { capBytes: 1e9, days: 3 };

describe('files go', () => {
  test('by age once enough later days had arrivals for ten minutes, of several files or one', () => {
    expect(filesToDrop([ofDay(1), ofDay(2), ofDay(3)], limits)).toBe(0);
    expect(filesToDrop([ofDay(1), ofDay(2), ofDay(3), ofDay(4)], limits)).toBe(1);
    expect(filesToDrop([ofDay(1), ofDay(1), ofDay(2), ofDay(3), ofDay(4), ofDay(4)], limits)).toBe(2);
    expect(filesToDrop([ofDay(1), ofDay(2), ofDay(3), ofDay(40, 1)], limits)).toBe(0);
  });

  test('by the cap whatever their day, the newest never', () => {
    expect(filesToDrop([ofDay(1), ofDay(1), ofDay(1)], { ...limits, capBytes: 15 })).toBe(2);
    expect(filesToDrop([ofDay(9)], { ...limits, capBytes: 0 })).toBe(0);
    expect(filesToDrop([], limits)).toBe(0);
  });

  test('never because of one wrong day, wherever it stands and however wrong it is', () => {
    fc.assert(
      fc.property(fc.nat(4), fc.integer({ min: -5_000, max: 5_000 }), (place, wrong) => {
        const files = [ofDay(1), ofDay(2), ofDay(3)];
        files.splice(place, 0, ofDay(wrong, 1));
        expect(filesToDrop(files, { ...limits, days: 4 })).toBe(0);
      }),
    );
  });
});
