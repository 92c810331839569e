import { describe, expect, test } from 'vitest';
import { DirectoryReading } from '../../../../node-core/mesh/directory-reading.ts';

const [KEY, OTHER] = ['ab'.repeat(32), 'cd'.repeat(32)];
const nodes = (count: number) => Array.from({ length: count }, (_, n) => ({ nodeId: n + 1, hostname: `agent-${n}` }));

/** How long a reading waits after each of the results. */
function waits(reading: DirectoryReading, results: readonly ('changed' | 'same' | 'failed')[], tookMs = 1): number[] {
  let now = 0;
  return results.map((result) => {
    if (result === 'failed') reading.failed(now);
    else reading.done({ changed: result === 'changed', tookMs }, now);
    const wait = reading.dueAt - now;
    now = reading.dueAt;
    return wait;
  });
}

describe('the directory is read', () => {
  test('at once, then soon while it changes and less often while it does not', () => {
    const reading = new DirectoryReading();
    expect(reading.dueAt).toBe(0);
    expect(waits(reading, ['changed', 'changed', 'same', 'same', 'same', 'same', 'changed'])).toEqual([
      2_000, 2_000, 3_000, 4_500, 6_000, 6_000, 2_000,
    ]);
  });

  test('with back-off while the registry fails', () => {
    const failures = Array<'failed'>(6).fill('failed');
    expect(waits(new DirectoryReading(), [...failures, 'changed'])).toEqual([
      4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 2_000,
    ]);
  });

  test('the more rarely the longer it takes', () => {
    expect(waits(new DirectoryReading(), ['changed', 'same'], 500)).toEqual([10_000, 10_000]);
    expect(waits(new DirectoryReading(), ['changed'], 60_000)).toEqual([30_000]);
  });

  test('at once after an act', () => {
    const reading = new DirectoryReading();
    waits(reading, ['failed', 'failed']);
    reading.readSoon(7);
    expect(reading.dueAt).toBe(7);
  });
});

describe('keys are read', () => {
  test('bit by bit, those that nobody knows first', () => {
    const reading = new DirectoryReading();
    const listed = nodes(40);
    const first = reading.keysToRead(listed, 0);
    expect(first).toHaveLength(32);
    for (const nodeId of first) reading.keyRead(listed[nodeId - 1] as (typeof listed)[number], KEY, 0);
    expect(reading.keysToRead(listed, 0)).toEqual([33, 34, 35, 36, 37, 38, 39, 40]);
  });

  test('again after a while, eight at a turn, those read longest ago first: a registry may give an id to another', () => {
    const reading = new DirectoryReading();
    const listed = nodes(20);
    for (const node of listed) reading.keyRead(node, KEY, node.nodeId);
    expect(reading.keysToRead(listed, 299_999)).toEqual([]);
    expect(reading.keysToRead(listed, 400_000)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    reading.keyRead({ nodeId: 1, hostname: 'agent-0' }, OTHER, 400_000);
    expect(reading.keyOf(1)).toBe(OTHER);
  });

  test('at once when a node has another name, or was gone', () => {
    const reading = new DirectoryReading();
    const listed = nodes(3);
    for (const node of listed) reading.keyRead(node, KEY, 0);
    expect(reading.keysToRead([{ nodeId: 1, hostname: 'stranger' }, ...listed.slice(1)], 1)).toEqual([1]);
    expect(reading.keysToRead(listed.slice(0, 2), 2)).toEqual([1]);
    expect(reading.keysToRead(listed, 3)).toEqual([1, 3]);
  });
});
